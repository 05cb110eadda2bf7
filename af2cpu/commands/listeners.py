# SPDX-License-Identifier: Apache-2.0
"""What a person sees of a run: its events as lines, and on a terminal one live display of what is in the works."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from enum import IntEnum

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from af2cpu import events
from af2cpu.commands.console import plain_console, print_line, shortened
from af2cpu.commands.json_log import STDERR, logging_json
from af2cpu.errors import InputError
from af2cpu.events import Event, Kind
from af2cpu.words import shown

_CLOCK = 12  # columns of the seconds before a line
_NAME = 30  # columns of the name of what progresses


class Verbosity(IntEnum):
    """How much is shown."""

    QUIET = 0  # errors only
    NORMAL = 1
    VERBOSE = 2  # also notes, and what is up to date


def verbosity_of(*, verbose: bool, quiet: bool) -> Verbosity:
    """From the options of a command. Raises InputError for both at once."""
    if verbose and quiet:
        raise InputError("--verbose and --quiet: give one of the two")
    return Verbosity.VERBOSE if verbose else Verbosity.QUIET if quiet else Verbosity.NORMAL


_SHOWN_FROM: dict[Kind, Verbosity] = {
    "failed": Verbosity.QUIET,
    "warning": Verbosity.NORMAL,
    "line": Verbosity.NORMAL,
    "note": Verbosity.VERBOSE,
    "reused": Verbosity.VERBOSE,
    "done": Verbosity.VERBOSE,
}


class Lines:
    """Prints `target: line` with the seconds since the start; on a terminal long lines are wrapped at words."""

    def __init__(self, console: Console, verbosity: Verbosity) -> None:
        self._console = console
        self._verbosity = verbosity
        self._start = time.perf_counter()

    def __call__(self, event: Event) -> None:
        if event.kind in events.COUNTED or self._verbosity < _SHOWN_FROM[event.kind]:
            return
        text = f"{event.target}: {event.text}" if event.target else event.text
        text = shown(f"warning: {text}" if event.kind == "warning" else text)
        clock = f"{time.perf_counter() - self._start:8.1f} s  "
        if self._console.is_terminal:
            self._console.print(_wrapped(clock, text, self._console.width))
        else:
            self._console.print(clock + text)


def _wrapped(clock: str, text: str, width: int) -> Text:
    """A line in several, those after the first one indented below the text."""
    lines = Text(text).wrap(plain_console(), max(width - _CLOCK, 20))
    return Text(clock) + Text("\n" + " " * _CLOCK).join(lines)


class Bars:
    """A progress bar for each thing in the works, gone when it is done; may be called from any thread."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, event: Event) -> None:
        if event.kind != "progress":
            return
        name = f"{event.target} {event.text}" if event.target else event.text
        done, total = event.numbers["done"], event.numbers["total"] or None
        if total is not None and done >= total:
            if name in self._tasks:
                self._progress.remove_task(self._tasks.pop(name))
            return
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(shortened(name, _NAME), total=total)
        self._progress.update(self._tasks[name], completed=done, total=total)


@contextmanager
def showing(verbosity: Verbosity = Verbosity.NORMAL, log_json: str | None = None) -> Iterator[None]:
    """Within this block lines and, on a terminal, progress are shown on standard error, on one console.

    log_json: file that gets every event as JSON; `-` is standard error, which has nothing else then. Raises InputError.
    """
    console = plain_console(stderr=True)
    with logging_json(log_json) if log_json else nullcontext():
        if log_json == STDERR:
            yield
            return
        with _shown(console, verbosity):
            yield


@contextmanager
def _shown(console: Console, verbosity: Verbosity) -> Iterator[None]:
    with _live(console, verbosity) as progress, events.listening(Lines(progress.console, verbosity), Bars(progress)):
        yield


@contextmanager
def showing_results() -> Iterator[None]:
    """The same for a command whose lines are its result: they go to standard output as they are."""
    live = _live(plain_console(stderr=True), Verbosity.NORMAL)
    with live as progress, events.listening(_print_result, Bars(progress)):
        yield


def _print_result(event: Event) -> None:
    if event.kind not in events.COUNTED:
        print_line(event.text)


def _live(console: Console, verbosity: Verbosity) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), TimeRemainingColumn(compact=True))
    hidden = verbosity is Verbosity.QUIET or not console.is_terminal
    return Progress(*columns, console=console, disable=hidden, transient=True)
