# SPDX-License-Identifier: Apache-2.0
"""Plain text for people: results on standard output, the table at the end of a run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from af2cpu.pipeline.run import Outcome
    from af2cpu.runs.records import TargetRun

MANY = 50  # targets that get a row in the table at the end
_MODEL = 14  # columns of a model's name on a terminal
_OTHER_COLUMNS = 60  # of the table, with the blanks between them
_ONE_MORE = 6  # columns of a score, with the blanks before it


def plain_console(*, stderr: bool = False, width: int | None = None, soft_wrap: bool = True) -> Console:
    """A console that prints text as it is: no colours, nothing in it taken for markup or emoji."""
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=soft_wrap, width=width)


def print_line(line: str) -> None:
    """A line of a command's result, as it is: not wrapped, nothing in it taken for markup."""
    plain_console().print(line)


def print_json(content: Any) -> None:
    """A JSON document as a command's whole result."""
    print_line(json.dumps(content, indent=2))


def print_sentence(text: str, *, stderr: bool = False) -> None:
    """Text that is wrapped at words on a terminal."""
    console = plain_console(stderr=stderr)
    console.print(text, soft_wrap=not console.is_terminal)


def shortened(text: str, width: int, head: int | None = None) -> str:
    """Text of at most `width` characters: a long one loses its middle. head: characters kept at its beginning."""
    if len(text) <= width:
        return text
    head = (width - 1) // 2 if head is None else head
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


def outcome_table(outcomes: Sequence[Outcome], width: int | None) -> Table:
    """One row for each target; names are shortened so that it fits `width` columns (80 or more), None: not at all."""
    chains = {outcome.run.n_chains > 1 for outcome in outcomes if outcome.run}
    scores = [name for name, shown in (("pTM", chains != {True}), ("ipTM", True in chains)) if shown]
    names = "target", "length", "best model", "pLDDT", *scores, "relaxed", "time"
    table = Table(*names, box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for column in (1, *range(3, 4 + len(scores)), -1):
        table.columns[column].justify = "right"
    others = _OTHER_COLUMNS + (_ONE_MORE if len(scores) > 1 else 0)
    for outcome in outcomes:
        name = shortened(outcome.name, width - others) if width else outcome.name
        table.add_row(name, str(outcome.n_res), *_cells(outcome, scores, _MODEL if width else None))
    return table


def _cells(outcome: Outcome, scores: Sequence[str], width: int | None) -> tuple[str, ...]:
    """Model, pLDDT, scores, relaxed and time; nothing but "failed" for a target that has failed."""
    if outcome.run is None:
        return ("failed",)
    best = outcome.run.best
    model = shortened(best.name.removesuffix("_pred_0"), width, head=len("model_1")) if width else best.name
    values = {"pTM": best.ptm, "ipTM": best.iptm}
    shown = ["" if (value := values[name]) is None else f"{value:.2f}" for name in scores]
    time = "current" if outcome.reused else f"{outcome.seconds:.1f} s"
    return model, f"{best.plddt:.1f}", *shown, _relaxed(outcome.run), time


def _relaxed(run: TargetRun) -> str:
    """Whether the best prediction is relaxed, and what remained."""
    left = run.remaining_violations.get(run.best.name)
    if left is None:
        return "no, noise" if "noise" in run.not_relaxed.get(run.best.name, "") else "no"
    return f"{left} violation{'s' if left != 1 else ''}" if left else "yes"


def show_outcomes(outcomes: Sequence[Outcome]) -> None:
    """The table at the end, or for many targets how many are done; why targets failed, and where the pages are."""
    console = plain_console(soft_wrap=False)
    width = max(console.width, 80) if console.is_terminal else None
    failed = [outcome for outcome in outcomes if outcome.error]
    if len(outcomes) > MANY:
        print_line(f"{len(outcomes):,} targets: {len(outcomes) - len(failed):,} done, {len(failed):,} failed")
    else:
        plain_console(width=width or 200, soft_wrap=False).print(outcome_table(outcomes, width))
    for outcome in failed[:MANY]:
        print_line(f"{outcome.name} failed: {outcome.error}")
    if len(failed) > MANY:
        print_line(f"and {len(failed) - MANY:,} more; status.json has them all")
    for name, page in _pages(outcomes):
        print_line(f"{name}: {page}")


def _pages(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, Path]]:
    """The report of one target, or the index pages of several and their tables of pairs."""
    done = [outcome for outcome in outcomes if outcome.run is not None]
    if len(outcomes) == 1:
        yield from (("report", outcome.layout.page()) for outcome in done)
        return
    for folder in dict.fromkeys(outcome.folder.parent for outcome in done):
        yield "report", folder / "index.html"
        if (folder / "pairs.html").is_file():
            yield "pairs, best first (pairs.csv too)", folder / "pairs.html"
