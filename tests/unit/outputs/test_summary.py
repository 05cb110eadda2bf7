# SPDX-License-Identifier: Apache-2.0
"""The index page and the summary files: a row for each target, what is read again, what is written during a run."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from output_cases import features
from plan_cases import told
from prediction_cases import prediction
from report_cases import bundle_results, results

from af2cpu import events
from af2cpu.confidence.interfaces import interfaces_of
from af2cpu.outputs.layout import LAYOUTS
from af2cpu.outputs.report import Summaries, summary, write_index
from af2cpu.outputs.report.trace import HEIGHT, WIDTH, trace
from af2cpu.pipeline.listeners import index_pages
from af2cpu.pipeline.listeners.index_pages import IndexPages
from af2cpu.runs.failures import record_failure
from af2cpu.runs.records import Failure

SEQUENCE, COMPLEX = "MKVLATTWYGGHH", "MKVL:ATTWY:GGHH"


def _target(out: Path, job: str, layout: str = "af2", **facts: Any) -> None:
    place = LAYOUTS[layout](out / job if layout == "af2" else out, job)
    models = [prediction(SEQUENCE, seed=k, model=f"model_{k + 1}_ptm") for k in range(2)]
    results(place, out / job, models, SEQUENCE, **facts)


def _table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text()), delimiter="\t"))


@pytest.mark.parametrize("layout", ["af2", "colabfold"])
def test_tables_and_json_say_the_same(tmp_path: Path, layout: str) -> None:
    _target(tmp_path, "good", layout, not_relaxed={"model_1_ptm_pred_0": "it\twould not"})
    record_failure(tmp_path / "lost", Failure("msa", "no such file"), "")
    write_index(tmp_path)
    good, lost = _table(tmp_path / "summary.tsv")
    assert (good["target"], good["status"], good["residues"], good["relaxed"]) == ("good", "done", "13", "yes")
    assert {name: value for name, value in lost.items() if value} == {
        "target": "lost",
        "status": "failed",
        "error": "failed: no such file",
    }
    rows = _table(tmp_path / "predictions.tsv")
    assert [(row["target"], row["rank"]) for row in rows] == [("good", "1"), ("good", "2")]
    assert rows[0]["prediction"] == good["best"]
    assert float(rows[0]["plddt"]) >= float(rows[1]["plddt"])
    assert {row["not_relaxed"] for row in rows} == {"", "it\twould not"}
    for row in (good, *rows):
        assert (tmp_path / row["structure"]).is_file()
    assert (tmp_path / good["report"]).name in {"report.html", "good_report.html"}
    content = json.loads((tmp_path / "summary.json").read_text())["targets"]
    assert [one["target"] for one in content] == ["good", "lost"]
    assert [one["prediction"] for one in content[0]["predictions"]] == [row["prediction"] for row in rows]
    assert [one["plddt"] for one in content[0]["predictions"]] == [float(row["plddt"]) for row in rows]


def test_columns_of_a_protein_keep_their_places(tmp_path: Path) -> None:
    """Scripts may count them; those of complexes come after them, and are empty but for the number of chains."""
    _target(tmp_path, "good")
    write_index(tmp_path)
    of_chains = ["chains", "iptm", "interface", "ipsae", "pdockq", "pdockq2", "lis", "contacts"]
    names = "target status error residues best plddt ptm relaxed violations seconds report structure".split()
    (row,) = _table(tmp_path / "summary.tsv")
    assert list(row) == names + of_chains
    assert [row[name] for name in of_chains] == ["1", *[""] * 7]
    names = "target rank prediction plddt ptm relaxed violations not_relaxed seconds structure".split()
    first, second = _table(tmp_path / "predictions.tsv")
    assert list(first) == names + of_chains
    assert [second[name] for name in of_chains] == ["1", *[""] * 7]


@pytest.mark.parametrize("layout", ["af2", "colabfold"])
def test_a_complex_has_its_best_interface(tmp_path: Path, layout: str) -> None:
    place = LAYOUTS[layout](tmp_path / "abc" if layout == "af2" else tmp_path, "abc")
    models = [prediction(COMPLEX, seed=k, model=f"model_{k + 1}_multimer_v3", iptm=0.5 - 0.25 * k) for k in range(2)]
    results(place, tmp_path / "abc", models, COMPLEX, given=features(COMPLEX.replace(":", ""), 5))
    found = [max(interfaces_of(model), key=lambda one: one.ipsae) for model in models]
    write_index(tmp_path)
    (target,) = _table(tmp_path / "summary.tsv")
    rows = _table(tmp_path / "predictions.tsv")
    content = json.loads((tmp_path / "summary.json").read_text())["targets"][0]
    for best, row in zip([found[0], *found], [target, *rows], strict=True):
        assert (row["chains"], row["interface"]) == ("3", f"{best.a}-{best.b}")
        for name in ("ipsae", "pdockq", "pdockq2", "lis"):
            assert float(row[name]) == pytest.approx(getattr(best, name), abs=5e-5)
        assert int(row["contacts"]) == best.contacts
    assert (target["residues"], target["iptm"], [row["iptm"] for row in rows]) == ("13", "0.5", ["0.5", "0.25"])
    assert content["chains"] == 3
    assert [one["a"] + one["b"] for one in content["predictions"][0]["interfaces"]] == ["AB", "AC", "BC"]


def test_a_target_that_failed_after_an_earlier_run_has_failed(tmp_path: Path) -> None:
    """The scores of the earlier run are still shown."""
    _target(tmp_path, "good")
    record_failure(tmp_path / "good", Failure("relaxation", "no space"), "")
    write_index(tmp_path)
    (row,) = _table(tmp_path / "summary.tsv")
    assert (row["status"], row["error"], row["residues"]) == ("failed", "failed: no space", "13")


def test_notes_are_a_count_that_opens(tmp_path: Path) -> None:
    _target(tmp_path, "a", notes=[f"template {k}abc_A skipped: too short" for k in range(14)], warnings=[])
    page = write_index(tmp_path)
    assert page is not None
    (details,) = re.findall(r"<details>(.*?)</details>", page.read_text(), re.DOTALL)
    assert "<summary>14 notes</summary>" in details
    assert details.count("<li>") == 14


def test_only_changed_targets_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for job in ("a", "b"):
        _target(tmp_path, job)
    known = Summaries(tmp_path)
    first = write_index(tmp_path, known)
    assert first is not None
    before, read = first.read_bytes(), []
    original = summary._read
    monkeypatch.setattr(summary, "_read", lambda found, out: read.append(found.name) or original(found, out))
    write_index(tmp_path, known)
    assert (read, first.read_bytes()) == ([], before)
    record_failure(tmp_path / "b", Failure("msa", "broken"), "")
    write_index(tmp_path, known)
    assert read == ["b"]
    assert "failed: broken" in first.read_text()


@pytest.mark.parametrize("n_res", [1, 2, 5, 300])
def test_the_trace_fits_its_frame_and_hangs_together(n_res: int) -> None:
    strokes = trace(prediction(("ACDEFGHIKLMNPQRSTVWY" * 15)[:n_res]))
    points = [np.array(re.findall(r"(-?[\d.]+),(-?[\d.]+)", one.d), float) for one in strokes]
    assert bool(strokes) == (n_res > 1)
    assert all(((p >= 0) & (p <= (WIDTH, HEIGHT))).all() for p in points)
    ends = [tuple(p[k]) for p in points for k in (0, -1)]
    assert sum(ends.count(end) % 2 for end in set(ends)) <= 2  # one line, in parts
    assert sum(len(one.d) for one in strokes) < 2500


def test_pages_are_written_while_targets_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(index_pages.time, "monotonic", lambda: clock[0])
    pages, page = IndexPages([tmp_path]), tmp_path / "index.html"
    with events.listening(pages):
        events.emit("line", "searching", target="a")
        assert not page.exists()
        _target(tmp_path, "a")
        events.emit("done", "all files written", target="a")
        events.emit("progress", "x", done=1, total=2)
        assert "1 target<" in page.read_text()
        shutil.copytree(tmp_path / "a", tmp_path / "b")
        events.emit("done", "all files written", target="b")
        events.emit("line", "too early")
        assert "1 target<" in page.read_text()
        clock[0] += 3
        events.emit("line", "later")
        assert "2 targets<" in page.read_text()
        shutil.copytree(tmp_path / "a", tmp_path / "c")
        pages.write()
        assert "3 targets<" in page.read_text()


def test_a_page_that_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    _target(tmp_path, "a")
    (tmp_path / "index.html").mkdir()
    with told("warning") as found:
        IndexPages([tmp_path]).write()
    assert "no index page" in found[0].text


def test_a_bundle_has_a_row_with_its_picture(tmp_path: Path) -> None:
    place = LAYOUTS["af2"](tmp_path / "a", "a")
    bundle_results(place, place.folder, 2, 1)
    page = write_index(tmp_path)
    assert page is not None
    assert 'class="stroke-3"' in page.read_text()
