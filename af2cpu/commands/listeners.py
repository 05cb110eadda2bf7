"""What a person sees of a run: its events as lines and progress bars on standard error."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from af2cpu import events
from af2cpu.commands.console import plain_console, print_line
from af2cpu.events import Event


class Lines:
    """Prints `target: line` on standard error, with the seconds since the start."""

    def __init__(self) -> None:
        self._console = plain_console(stderr=True)
        self._start = time.perf_counter()

    def __call__(self, event: Event) -> None:
        if event.kind == "progress":
            return
        text = f"{event.target}: {event.text}" if event.target else event.text
        text = f"warning: {text}" if event.kind == "warning" else text
        self._console.print(f"{time.perf_counter() - self._start:8.1f} s  {text}")


def print_result_lines(event: Event) -> None:
    """Prints the lines of a command that has no targets on standard output, as they are."""
    if event.kind != "progress":
        print_line(event.text)


class Bars:
    """A progress bar for each thing in the works; may be called from any thread."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, event: Event) -> None:
        if event.kind != "progress":
            return
        name = f"{event.target} {event.text}" if event.target else event.text
        total = event.numbers["total"] or None
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total)
        self._progress.update(self._tasks[name], completed=event.numbers["done"], total=total)


@contextmanager
def showing(*listeners: events.Listener) -> Iterator[None]:
    """Within this block progress is shown on standard error, unless that is no terminal, and `listeners` listen too."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    shown = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
    with shown as progress, events.listening(*listeners, Bars(progress)):
        yield
