# SPDX-License-Identifier: Apache-2.0
"""How the program ends: every error is one line on standard error and an exit code."""

from __future__ import annotations

import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn, cast

import typer
from rich.console import Console
from typer.core import TyperGroup

from af2cpu import stopping
from af2cpu.commands.console import plain_console
from af2cpu.commands.streams import drop_closed_streams, print_anything
from af2cpu.errors import InputError, in_words, is_lack_of_memory

# Exit codes; 70 is EX_SOFTWARE of sysexits.h, from 129 on 128 + the number of a signal.
FAILED, INPUT, UNEXPECTED, INTERRUPTED, BROKEN_PIPE, TERMINATED = 1, 2, 70, 130, 141, 143
LOG_NAME = "af2cpu-error.log"
_UsageError = cast("type[Exception]", typer.BadParameter.__base__)  # click's, which typer does not export


class _ReaderGone(BaseException):
    """The reader of our output has gone, as with `| head`; no stage may take it for a failure of its own."""


class OneLineGroup(TyperGroup):
    """The command line's root: whatever one of its commands raises ends as one line."""

    def invoke(self, ctx: Any) -> Any:
        with one_line():
            return super().invoke(ctx)


@contextmanager
def one_line(folder: Path | None = None) -> Iterator[None]:
    """Turns exceptions into typer.Exit, after a line on standard error.

    InputError ends with exit code 2, Ctrl-C with 130, SIGTERM with 143, a full or broken disk and too little memory
    with 1, a reader of our output that has gone (`| head`) with 141 and no line. Anything else is a fault of the
    program: exit code 70, and the line names the file with the traceback, in `folder` if that exists, else in the
    folder for temporary files.
    """
    try:
        with _signals_first():
            yield
    except (typer.Exit, _UsageError):
        raise  # typer shows them
    except KeyboardInterrupt as error:
        _end(stopping.WORDS[signal.SIGINT], INTERRUPTED, error)
    except stopping.Terminated as error:
        _end(stopping.WORDS[signal.SIGTERM], TERMINATED, error)
    except _ReaderGone as error:
        raise typer.Exit(BROKEN_PIPE) from error
    except InputError as error:
        _end(f"error: {error}", INPUT, error)
    except OSError as error:
        if isinstance(error, BrokenPipeError) and drop_closed_streams():
            raise typer.Exit(BROKEN_PIPE) from error
        _end(f"error: {in_words(error)}", FAILED, error)
    except Exception as error:
        if is_lack_of_memory(error):
            _end(f"error: {in_words(error)}", FAILED, error)
        kept = _write_traceback(error, folder)
        _end(f"error: unexpected {type(error).__name__}{_detail(error)}; a fault of af2cpu; {kept}", UNEXPECTED, error)


@contextmanager
def _signals_first() -> Iterator[None]:
    """Within this block an exception that a library raised in place of a signal's becomes the signal's again."""
    try:
        yield
    except (typer.Exit, _UsageError, _ReaderGone):
        raise
    except Exception as error:
        number = stopping.asked()
        if number is None:
            raise
        raise stopping.error_of(number) from error


def run(app: Callable[[], object]) -> NoReturn:
    """Runs a typer application to the end of the process."""
    print_anything()
    stopping.install()
    setattr(Console, "on_broken_pipe", _on_broken_pipe)  # noqa: B010 - for all consoles, also those that typer makes
    code: int | str | None = 0
    try:
        with one_line():
            try:
                app()
            except SystemExit as error:
                code = error.code
            stopping.check()  # typer ends Ctrl-C in its own way
            sys.stdout.flush()  # not at the interpreter's exit, where an error would print a traceback
    except typer.Exit as error:
        code = error.exit_code
    stopping.disregard()
    sys.exit(code)


def _end(line: str, code: int, error: BaseException) -> NoReturn:
    stopping.disregard()
    text = "".join(one if one.isprintable() or "\ud800" <= one <= "\udfff" else repr(one)[1:-1] for one in line)
    try:
        plain_console(stderr=True).print(text)
    except BrokenPipeError:
        drop_closed_streams()
    raise typer.Exit(code) from error


def _detail(error: BaseException) -> str:
    """The first line of an exception's text."""
    lines = str(error).strip().splitlines()
    return f": {lines[0]}" if lines else ""


def _write_traceback(error: BaseException, folder: Path | None) -> str:
    """Writes the traceback; says where it is."""
    head = f"{time.strftime('%Y-%m-%d %H:%M:%S')} af2cpu {metadata.version('af2cpu')}: {sys.argv}\n"
    text = (head + "".join(traceback.format_exception(error))).encode("utf-8", "backslashreplace")
    reason = ""
    if folder is not None and folder.is_dir():
        try:
            (folder / LOG_NAME).write_bytes(text)
            return f"the traceback is in {folder / LOG_NAME}"
        except OSError as problem:
            reason = f" ({in_words(problem)})"
    try:
        with tempfile.NamedTemporaryFile(prefix="af2cpu-error-", suffix=".log", delete=False) as file:
            file.write(text)
            return f"the traceback is in {file.name}{reason}"
    except OSError as problem:
        return f"the traceback could not be written: {in_words(problem)}"


def _on_broken_pipe(_: Console) -> NoReturn:
    """In place of rich's SystemExit(1)."""
    drop_closed_streams()
    raise _ReaderGone
