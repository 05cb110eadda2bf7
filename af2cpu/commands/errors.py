"""What the user sees of an error: one line and an exit code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from af2cpu.errors import InputError

INPUT, FAILED, INTERRUPTED = 2, 1, 130  # exit codes


@contextmanager
def one_line() -> Iterator[None]:
    """Turns InputError into its line and exit code 2, Ctrl-C into 130, a full or broken disk into a line and 1."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        yield
    except InputError as error:
        console.print(f"error: {error}", markup=False)
        raise typer.Exit(INPUT) from error
    except KeyboardInterrupt as error:
        console.print("interrupted; what is complete is kept and used by the next run", markup=False)
        raise typer.Exit(INTERRUPTED) from error
    except OSError as error:
        console.print(f"error: {error}", markup=False)
        raise typer.Exit(FAILED) from error
