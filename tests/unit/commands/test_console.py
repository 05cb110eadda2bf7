# SPDX-License-Identifier: Apache-2.0
"""The table at the end of a run: what it says of each target, and that it fits 80 columns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from output_cases import features
from prediction_cases import prediction
from report_cases import results

from af2cpu.commands.console import outcome_table, plain_console, shortened
from af2cpu.outputs.layout import AlphaFoldLayout
from af2cpu.outputs.report.find import read_run
from af2cpu.pipeline.run import Outcome
from af2cpu.runs.failures import Failure

BEST = "model_1_ptm_pred_0"
COMPLEX = "MKVLAT:TWYGGHH"


@pytest.fixture
def outcome(tmp_path: Path) -> Outcome:
    """A target that is done, its only prediction not relaxed."""
    layout = AlphaFoldLayout(tmp_path / "a", "a")
    results(layout, tmp_path / "a", [prediction("MKVLATTWYGGHH")], "MKVLATTWYGGHH")
    return Outcome("a", 13, tmp_path / "a", layout, run=read_run(layout), seconds=2.25)


def _cells(outcome: Outcome, width: int | None = 80) -> list[str]:
    """The cells of its row."""
    console = plain_console(width=width or 400, soft_wrap=False)
    with console.capture() as text:
        console.print(outcome_table([outcome], width))
    lines = text.get().splitlines()
    assert all(len(line) <= (width or 400) for line in lines)
    return lines[3].split("  ")


def _row(outcome: Outcome, width: int | None = 80) -> list[str]:
    return [cell.strip() for cell in _cells(outcome, width) if cell.strip()]


@pytest.mark.parametrize(
    ("facts", "relaxed"),
    [
        ({"remaining_violations": {BEST: 0}}, "yes"),
        ({"remaining_violations": {BEST: 1}}, "1 violation"),
        ({"remaining_violations": {BEST: 206}}, "206 violations"),
        ({"remaining_violations": {}}, "no"),
        ({"remaining_violations": {}, "not_relaxed": {BEST: "the structure is noise: 9 of 13"}}, "no, noise"),
        ({"remaining_violations": {"model_2_ptm_pred_0": 3}}, "no"),  # another prediction's
    ],
)
def test_what_remained(outcome: Outcome, facts: dict[str, Any], relaxed: str) -> None:
    assert outcome.run is not None
    assert outcome.run.best.name == BEST
    row = _row(replace(outcome, run=replace(outcome.run, **facts)))
    assert (row[0], row[1], row[2], row[-2], row[-1]) == ("a", "13", "model_1_ptm", relaxed, "2.2 s")


def _complex(outcome: Outcome) -> Outcome:
    """The same for a complex and a multimer model."""
    layout, p = AlphaFoldLayout(outcome.folder.parent / "ab", "ab"), prediction(COMPLEX, model="model_3_multimer_v3")
    results(layout, layout.folder, [p], COMPLEX, given=features("MKVLATTWYGGHH", 5))
    return replace(outcome, name="ab", folder=layout.folder, layout=layout, run=read_run(layout))


def _lines(outcomes: list[Outcome], width: int | None) -> list[str]:
    console = plain_console(width=width or 400, soft_wrap=False)
    with console.capture() as text:
        console.print(outcome_table(outcomes, width))
    return text.get().splitlines()


def test_complexes_show_iptm(outcome: Outcome) -> None:
    """In the place of pTM, or beside it where there are proteins of one chain too."""
    two = _complex(outcome)
    _, head, _, row, *_ = _lines([two], 80)
    assert head.split() == ["target", "length", "best", "model", "pLDDT", "ipTM", "relaxed", "time"]
    assert row.split()[:5] == ["ab", "13", "model_3…mer_v3", f"{two.run.best.plddt:.1f}", "0.38"]
    _, head, _, one, other, *_ = lines = _lines([replace(outcome, name="UniRef100_A0A1234567"), two], 80)
    assert head.split()[4:7] == ["pLDDT", "pTM", "ipTM"]
    assert max(map(len, lines)) <= 80
    assert [one[head.index(name) : head.index(name) + 4].strip() for name in (" pTM", "ipTM")] == ["0.62", ""]
    assert [other[head.index(name) : head.index(name) + 4].strip() for name in (" pTM", "ipTM")] == ["0.62", "0.38"]
    assert "model_3_multimer_v3" in _lines([two], None)[3]


def test_finished_and_failed(outcome: Outcome) -> None:
    assert _row(replace(outcome, reused=True))[-1] == "current"
    assert _row(replace(outcome, run=None, failure=Failure("msa", "x")))[2:] == ["failed"]


def test_long_names_lose_their_middle_on_a_terminal_only(outcome: Outcome) -> None:
    name = "UniRef100_A0A1234567_a_protein_with_a_long_name"
    (short, *_) = _row(replace(outcome, name=name))
    assert short.startswith("UniRe")
    assert short.endswith("name")
    assert "…" in short
    assert _row(replace(outcome, name=name), None)[0] == name


@pytest.mark.parametrize("width", [3, 4, 9, 10])
def test_shortened(width: int) -> None:
    assert shortened("abcdefghij", 10) == "abcdefghij"
    text = shortened("abcdefghijk", width)
    assert len(text) == width
    head, tail = text.split("…")
    assert "abcdefghijk".startswith(head)
    assert "abcdefghijk".endswith(tail)
