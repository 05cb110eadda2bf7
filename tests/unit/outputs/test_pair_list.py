# SPDX-License-Identifier: Apache-2.0
"""The list of an all-against-all run's pairs and their table: order, pairs without results, damage."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from output_cases import features
from plan_cases import told
from prediction_cases import prediction
from report_cases import results

from af2cpu import events
from af2cpu.confidence.interfaces import interfaces_of
from af2cpu.formats.streams import HIDDEN
from af2cpu.outputs.layout import LAYOUTS
from af2cpu.outputs.report import note_pairs, write_index
from af2cpu.outputs.report.pair_list import listed_pairs
from af2cpu.pipeline.listeners.index_pages import IndexPages, PairsNoted
from af2cpu.runs.failures import record_failure
from af2cpu.runs.records import Failure, Pair

SEQUENCE = "MKVLATT:ATTWYGG"
PAIRS = [Pair(f"{a}__{b}", a, b) for a, b in ("xy", "xz", "yz", "wx")]


def made(out: Path, target: str, seed: int, iptm: float, **facts: Any) -> float:
    """Makes results of a pair; the score that the table should have."""
    (out / HIDDEN).mkdir(exist_ok=True, parents=True)
    one = prediction(SEQUENCE, seed=seed, model="model_1_multimer_v3", iptm=iptm)
    place = LAYOUTS["af2"](out / target, target)
    results(place, out / target, [one], SEQUENCE, given=features(SEQUENCE.replace(":", ""), 5), **facts)
    (interface,) = interfaces_of(one)
    return iptm + interface.ipsae


def table(out: Path) -> list[dict[str, str]]:
    with (out / "pairs.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_best_first_and_those_without_results_last(tmp_path: Path) -> None:
    scores = {"x__y": made(tmp_path, "x__y", 1, 0.2), "y__z": made(tmp_path, "y__z", 2, 0.9)}
    record_failure(tmp_path / "x__z", Failure("msa", "no luck"), "")
    note_pairs(tmp_path, PAIRS)
    write_index(tmp_path)
    rows = table(tmp_path)
    assert [(row["rank"], row["target"], row["status"]) for row in rows] == [
        ("1", "y__z", "done"),
        ("2", "x__y", "done"),
        ("", "x__z", "failed"),
        ("", "w__x", "unfinished"),
    ]
    for row in rows[:2]:
        assert float(row["score"]) == pytest.approx(scores[row["target"]], abs=1e-4)
        assert (row["residues"], row["best"]) == ("14", "model_1_multimer_v3_pred_0")
        assert (tmp_path / row["structure"]).is_file()
    assert rows[2]["error"] == "failed: no luck"
    page, index = ((tmp_path / name).read_text() for name in ("pairs.html", "index.html"))
    assert 'href="pairs.html"' in index
    assert 'href="index.html"' in page
    assert 'href="y__z/report.html"' in page
    assert page.index("y__z/report.html") < page.index("x__y/report.html") < page.index("no luck")
    assert [rows[3][name] for name in ("a", "b", "score", "iptm", "structure")] == ["w", "x", "", "", ""]


def test_a_target_that_is_no_pair_is_not_in_the_table(tmp_path: Path) -> None:
    made(tmp_path, "x__y", 1, 0.2)
    made(tmp_path, "other", 2, 0.9)
    write_index(tmp_path)
    assert not (tmp_path / "pairs.csv").exists()
    assert "pairs.html" not in (tmp_path / "index.html").read_text()
    note_pairs(tmp_path, PAIRS[:1])
    write_index(tmp_path)
    assert [row["target"] for row in table(tmp_path)] == ["x__y"]


def test_warnings_of_pairs_are_on_the_page(tmp_path: Path) -> None:
    """Each once, with the pairs that it is about if it is not about all."""
    made(tmp_path, "x__y", 1, 0.2, warnings=["NOT FOR SCIENCE", "ODD"])
    made(tmp_path, "x__z", 2, 0.3, warnings=["NOT FOR SCIENCE"])
    made(tmp_path, "other", 2, 0.9, warnings=["OF ANOTHER"])
    note_pairs(tmp_path, PAIRS[:2])
    write_index(tmp_path)
    page = (tmp_path / "pairs.html").read_text()
    assert page.count("NOT FOR SCIENCE") == 1
    assert "NOT FOR SCIENCE</p>" in page
    assert 'ODD <span class="muted">(x__y)</span></p>' in page
    assert "OF ANOTHER" not in page


def test_runs_add_to_the_list(tmp_path: Path) -> None:
    (tmp_path / HIDDEN).mkdir()
    note_pairs(tmp_path, PAIRS[:2])
    before = (tmp_path / HIDDEN / "pairs.json").stat().st_mtime_ns
    note_pairs(tmp_path, PAIRS[:2])
    assert (tmp_path / HIDDEN / "pairs.json").stat().st_mtime_ns == before
    note_pairs(tmp_path, PAIRS[1:])
    assert list(listed_pairs(tmp_path)) == PAIRS


def test_a_damaged_list_is_told_and_begun_anew(tmp_path: Path) -> None:
    made(tmp_path, "x__y", 1, 0.2)
    (tmp_path / HIDDEN / "pairs.json").write_text('{"pairs": [')
    with told("warning") as found:
        IndexPages([tmp_path]).write()
    assert "pairs.json" in found[0].text
    note_pairs(tmp_path, PAIRS)
    assert list(listed_pairs(tmp_path)) == PAIRS


def test_the_run_lists_its_pairs_once_something_is_made(tmp_path: Path) -> None:
    def emit(kind: Any) -> None:
        events.emit(kind, "x__y/features", target="x__y")

    with events.listening(PairsNoted(tmp_path / "out", PAIRS)):
        emit("line")
        assert not (tmp_path / "out").exists()
        emit("started")
        assert list(listed_pairs(tmp_path / "out")) == PAIRS
    (tmp_path / "file").write_text("")
    with told("warning") as found, events.listening(PairsNoted(tmp_path / "file", PAIRS)):
        emit("started")
        emit("started")
    assert [one.text.split(": ")[1] for one in found] == ["no table of pairs"]
