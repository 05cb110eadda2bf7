"""What a run prints: a line for each thing that happens, a table at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from af2cpu import events

if TYPE_CHECKING:
    from collections.abc import Sequence

    from af2cpu.pipeline.run import Outcome


def plain_console(*, stderr: bool = False, width: int | None = None, soft_wrap: bool = True) -> Console:
    """A console that prints text as it is: no colours, nothing in it taken for markup or emoji."""
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=soft_wrap, width=width)


def print_line(line: str) -> None:
    """A line of a command's result, as it is: not wrapped, nothing in it taken for markup."""
    plain_console().print(line)


def show_outcomes(outcomes: Sequence[Outcome]) -> None:
    """The table at the end."""
    table = Table("target", "residues", "best model", "pLDDT", "pTM", "relaxed", "seconds", "result")
    for outcome in outcomes:
        best, relaxed, plddt, ptm = "", "", "", ""
        if outcome.run is not None:
            first = outcome.run.best
            best, plddt = first.name, f"{first.plddt:.1f}"
            ptm = "" if first.ptm is None else f"{first.ptm:.3f}"
            relaxed = "yes" if outcome.relaxed else "no"
        result = f"failed: {outcome.error}" if outcome.error else str(outcome.layout.page())
        result += " (was up to date)" if outcome.reused and not outcome.error else ""
        seconds = f"{outcome.seconds:.1f}"
        table.add_row(outcome.name, str(outcome.n_res), best, plddt, ptm, relaxed, seconds, result)
    width = None if Console().is_terminal else max(Console().width, 160)
    plain_console(width=width, soft_wrap=False).print(table)


def tell_notes(outcomes: Sequence[Outcome]) -> None:
    """Each note of each target once, as events."""
    for outcome in outcomes:
        for note in dict.fromkeys(outcome.run.notes if outcome.run else ()):
            events.emit("note", f"note: {note}", target=outcome.name)
