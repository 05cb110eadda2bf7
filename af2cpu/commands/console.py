"""Plain text for people: results on standard output, the table at the end of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from af2cpu.pipeline.run import Outcome

_NAME, _MODEL = 24, 22  # columns of a target's and a model's name on a terminal


def plain_console(*, stderr: bool = False, width: int | None = None, soft_wrap: bool = True) -> Console:
    """A console that prints text as it is: no colours, nothing in it taken for markup or emoji."""
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=soft_wrap, width=width)


def print_line(line: str) -> None:
    """A line of a command's result, as it is: not wrapped, nothing in it taken for markup."""
    plain_console().print(line)


def print_sentence(text: str) -> None:
    """Text that is wrapped at words on a terminal."""
    console = plain_console()
    console.print(text, soft_wrap=not console.is_terminal)


def shortened(text: str, width: int) -> str:
    """Text of at most `width` characters: a long one loses its middle."""
    if len(text) <= width:
        return text
    head = (width - 1) // 2
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


def outcome_table(outcomes: Sequence[Outcome], *, full_names: bool) -> Table:
    """One row for each target; without full names it fits 80 columns."""
    table = Table("target", "residues", "best model", "pLDDT", "pTM", "relaxed", "time")
    for column in (1, 3, 4, 6):
        table.columns[column].justify = "right"
    for outcome in outcomes:
        name = outcome.name if full_names else shortened(outcome.name, _NAME)
        if outcome.run is None:
            table.add_row(name, str(outcome.n_res), "failed")
            continue
        best = outcome.run.best
        model = best.name if full_names else shortened(best.name, _MODEL)
        ptm = "" if best.ptm is None else f"{best.ptm:.2f}"
        table.add_row(name, str(outcome.n_res), model, f"{best.plddt:.1f}", ptm, _relaxed(outcome), _time(outcome))
    return table


def _relaxed(outcome: Outcome) -> str:
    return "yes" if outcome.relaxed else "no"


def _time(outcome: Outcome) -> str:
    return "up to date" if outcome.reused else f"{outcome.seconds:.1f} s"


def show_outcomes(outcomes: Sequence[Outcome]) -> None:
    """The table at the end, why targets failed, and where the pages are."""
    terminal = plain_console().is_terminal
    console = plain_console(width=None if terminal else 160, soft_wrap=False)
    console.print(outcome_table(outcomes, full_names=not terminal))
    for outcome in outcomes:
        if outcome.error:
            print_line(f"{outcome.name} failed: {outcome.error}")
    for page in _pages(outcomes):
        print_line(f"report: {page}")


def _pages(outcomes: Sequence[Outcome]) -> list[str]:
    """The report of one target, or the index pages of several."""
    done = [outcome for outcome in outcomes if outcome.run is not None]
    if len(outcomes) == 1:
        return [str(outcome.layout.page()) for outcome in done]
    return list(dict.fromkeys(str(outcome.folder.parent / "index.html") for outcome in done))
