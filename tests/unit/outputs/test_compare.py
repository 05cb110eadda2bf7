# SPDX-License-Identifier: Apache-2.0
"""af2cpu report --compare: the targets of several runs side by side."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prediction_cases import prediction
from report_cases import results
from typer.testing import CliRunner

from af2cpu.cli import app
from af2cpu.outputs.layout import LAYOUTS
from af2cpu.outputs.report.compare import compare_runs
from af2cpu.runs.failures import record_failure
from af2cpu.runs.records import Failure

SEQUENCE = "MKVLATTWYGGHHAA"


def _target(out: Path, job: str, seed: int, sequence: str = SEQUENCE, layout: str = "af2", **changes: Any) -> None:
    place = LAYOUTS[layout](out / job if layout == "af2" else out, job)
    results(place, out / job, [prediction(sequence, seed=seed, **changes)], sequence)


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    one, two = tmp_path / "one", tmp_path / "two"
    _target(one, "same", 0)
    _target(two, "same", 0, layout="colabfold")
    _target(one, "moved", 0)
    _target(two, "moved", 5)
    _target(one, "longer", 0)
    _target(two, "longer", 0, SEQUENCE + "GG")
    _target(one, "only", 0, ptm=None)
    record_failure(one / "failed", Failure("msa", "<b>no</b>"), "")
    return [one, two]


def test_targets_are_matched_by_name_and_compared_where_sequences_agree(runs: list[Path]) -> None:
    found = compare_runs(runs, runs[0].parent)
    targets = {target.name: target for target in found.targets}
    assert list(targets) == ["failed", "longer", "moved", "only", "same"]
    first, second = targets["same"].cells
    assert first is not None
    assert second is not None
    assert (first.link, second.link) == ("one/same/report.html", "two/same_report.html")
    assert (first.rmsd, first.tm) == (None, None)
    assert second.rmsd == pytest.approx(0, abs=1e-4)
    assert second.tm == pytest.approx(1)
    assert first.trace == second.trace
    moved = targets["moved"].cells[1]
    assert moved is not None
    assert moved.rmsd is not None
    assert moved.rmsd > 1
    longer = targets["longer"].cells[1]
    assert longer is not None
    assert (longer.rmsd, longer.other_sequence) == (None, True)
    assert targets["only"].cells[1] is None
    failed = targets["failed"].cells[0]
    assert failed is not None
    assert (failed.link, failed.error) == (None, "failed: <b>no</b>")


def _report(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["report", *map(str, arguments)])


def test_the_page_goes_where_it_is_asked_for(runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = _report("--compare", *runs)
    assert (result.exit_code, result.stdout.strip()) == (0, "compare.html")
    text = (tmp_path / "compare.html").read_text()
    links = dict.fromkeys(re.findall(r'href="([^"#]+\.html)"', text))
    assert all((tmp_path / link).parent.is_dir() for link in links)
    assert len(links) == 7
    assert "<b>no</b>" not in text
    assert "another sequence" in text
    (tmp_path / "pages").mkdir()
    assert _report("--compare", *runs, "--out", "pages").stdout.strip() == "pages/compare.html"
    assert 'href="../one/same/report.html"' in (tmp_path / "pages/compare.html").read_text()
    assert _report("--compare", *runs, "-o", "mine.html").stdout.strip() == "mine.html"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--compare", "one"], "--compare needs two folders or more"),
        (["--compare", "one", "nowhere"], "nowhere: no such folder"),
        (["--compare", "one", "empty"], "empty: no results of af2cpu predict"),
        (["one", "--out", "x.html"], "--out names the page of --compare"),
    ],
)
def test_bad_use_is_one_line(
    runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    result = _report(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not list(tmp_path.glob("*.html"))


def test_a_damaged_target_is_said_in_its_cell(runs: list[Path], tmp_path: Path) -> None:
    (runs[0] / "same" / "result_model_1_ptm_pred_0.npz").write_bytes(b"PK")
    (target,) = [one for one in compare_runs(runs, tmp_path).targets if one.name == "same"]
    damaged, good = target.cells
    assert damaged is not None
    assert good is not None
    assert "result_model_1_ptm_pred_0.npz" in (damaged.error or "")
    assert good.rmsd is None
    assert np.isfinite(good.plddt)
