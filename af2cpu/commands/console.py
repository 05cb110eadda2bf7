"""What a run prints: a line for each thing that happens, a table at the end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from af2cpu.pipeline.plan import FoldPlan
    from af2cpu.pipeline.run import Outcome


def plain_console(*, stderr: bool = False, width: int | None = None, soft_wrap: bool = True) -> Console:
    """A console that prints text as it is: no colours, nothing in it taken for markup or emoji."""
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=soft_wrap, width=width)


def print_line(line: str) -> None:
    """A line of a command's result, as it is: not wrapped, nothing in it taken for markup."""
    plain_console().print(line)


class Lines:
    """Prints `target: line` on standard error, with the seconds since the start."""

    def __init__(self) -> None:
        self._console = plain_console(stderr=True)
        self._start = time.perf_counter()

    def __call__(self, target: str, line: str) -> None:
        text = f"{target}: {line}" if target else line
        self._console.print(f"{time.perf_counter() - self._start:8.1f} s  {text}")


def show_plan(plan: FoldPlan, lines: Lines) -> None:
    """What will run, how long it takes and how much memory; warnings."""
    for warning, names in plan.warnings().items():
        all_of_them = len(names) == len(plan.targets)
        lines("", f"warning: {warning}" if all_of_them else f"warning: {', '.join(names)}: {warning}")
    for target in plan.targets:
        lines("", str(target))


def show_outcomes(outcomes: Sequence[Outcome], lines: Lines) -> None:
    """The table at the end."""
    table = Table("target", "residues", "best model", "pLDDT", "pTM", "relaxed", "seconds", "result")
    for outcome in outcomes:
        best, relaxed, plddt, ptm = "", "", "", ""
        if outcome.finished is not None:
            first = outcome.finished.ranking.entries[0]
            best, plddt = first.who.name, f"{first.mean_plddt:.1f}"
            ptm = "" if first.ptm is None else f"{first.ptm:.3f}"
            relaxed = "yes" if first.who.name in outcome.finished.violations else "no"
        result = f"failed: {outcome.error}" if outcome.error else str(outcome.layout.page())
        result += " (was there already)" if outcome.reused else ""
        seconds = f"{outcome.seconds:.1f}"
        table.add_row(outcome.name, str(outcome.n_res), best, plddt, ptm, relaxed, seconds, result)
    width = None if Console().is_terminal else max(Console().width, 160)
    plain_console(width=width, soft_wrap=False).print(table)
    for outcome in outcomes:
        for note in dict.fromkeys(outcome.notes):
            lines(outcome.name, f"note: {note}")
