# SPDX-License-Identifier: Apache-2.0
"""Equal sequences under several names are searched and folded once; each name gets all files with its own name."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from af2cpu.pipeline.run import Outcome, run
from af2cpu.pipeline.stages import STAGES, prediction
from af2cpu.plan.plan import plan_run
from af2cpu.settings import load_settings
from af2cpu.workspace import Work

SEQUENCE = "MKTAYIAKQRQ"
FASTA = f">first one\n{SEQUENCE}\n>other\nMKTAYIAKQRW\n>second two\n{SEQUENCE}\n"


def predicted(folder: Path, fasta: str = FASTA, **settings: Any) -> dict[str, Outcome]:
    folder.mkdir(exist_ok=True)
    (folder / "in.fasta").write_text(fasta)
    fixed = {"models": ["tiny"], "params": "synthetic:0", "db": ["demo"], "recycles": 0, "relax": "none"}
    plan = plan_run([folder / "in.fasta"], folder / "out", load_settings(fixed | settings))
    return {outcome.name: outcome for outcome in run(plan)}


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The proteins for which the network ran."""
    found: list[str] = []
    compute = prediction._computed

    def counted(work: Work[Any], cores: int) -> Any:
        found.extend(work.targets)
        return compute(work, cores)

    monkeypatch.setattr(prediction, "_computed", counted)
    return found


def files(folder: Path) -> dict[str, bytes]:
    names = ("*.pdb", "*.cif", "*result_*", "pae*", "confidence*", "ranking*", "*.done.txt", "*_scores_*")
    return {path.name: path.read_bytes() for name in names for path in folder.glob(name)}


@pytest.mark.parametrize("layout", ["af2", "colabfold"])
def test_one_fold_serves_all_names(tmp_path: Path, computed: list[str], layout: str) -> None:
    more = {"layout": layout, "save_all": True, "af2_pickles": True}
    both = predicted(tmp_path / "both", **more)
    assert [outcome.error for outcome in both.values()] == [None] * 3
    assert computed == ["first", "other"]
    alone = predicted(tmp_path / "alone", f">second two\n{SEQUENCE}\n", **more)
    assert computed == ["first", "other", "second"]
    place = "second" if layout == "af2" else "."
    ours, expected = files(tmp_path / "both/out" / place), files(tmp_path / "alone/out" / place)
    ours = {name: content for name, content in ours.items() if layout == "af2" or name.startswith("second")}
    assert ours == expected  # as if it had been folded alone, to the last byte
    assert len(ours) >= 6
    assert any(b"data_second" in content for name, content in ours.items() if name.endswith(".cif"))
    runs = [outcome["second"].run for outcome in (both, alone)]
    assert runs[0] is not None
    assert runs[1] is not None
    assert runs[0].ranking == runs[1].ranking
    assert predicted(tmp_path / "both", **more)["second"].reused


def test_arrays_are_links(tmp_path: Path, computed: list[str]) -> None:
    predicted(tmp_path)
    first, second = (tmp_path / "out" / name / "result_tiny_pred_0.npz" for name in ("first", "second"))
    assert first.samefile(second)
    assert "taken over from first" in (tmp_path / "out/second/log.txt").read_text()
    seconds = json.loads((tmp_path / "out/second/timings.json").read_text())["predict_and_compile_tiny_pred_0"]
    assert seconds < json.loads((tmp_path / "out/first/timings.json").read_text())["predict_and_compile_tiny_pred_0"]


def test_it_is_made_where_it_can_t_be_taken_over(
    tmp_path: Path, computed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one's failure is not the second one's."""
    stage = STAGES["prediction"]

    def fails_for_first(works: Sequence[Work[Any]], cores: int) -> Iterator[Any]:
        if "first" in works[0].targets:
            raise RuntimeError("no luck")
        yield from stage.make(works, cores)

    monkeypatch.setitem(STAGES, "prediction", replace(stage, make=fails_for_first))  # type: ignore[arg-type]
    outcomes = predicted(tmp_path)
    assert {name: outcome.error for name, outcome in outcomes.items()} == {
        "first": "RuntimeError: no luck",
        "other": None,
        "second": None,
    }
    assert computed == ["other", "second"]


def test_alignments_of_the_user_s_own_are_not_shared(tmp_path: Path, computed: list[str]) -> None:
    """Two alignments of one sequence are two different inputs."""
    for name, row in (("one", "MKTAYIAKQRQ"), ("two", "MKTAYI-KQRQ")):
        (tmp_path / f"{name}.a3m").write_text(f">q\n{SEQUENCE}\n>r\n{row}\n")
    settings = load_settings({"models": ["tiny"], "params": "synthetic:0", "recycles": 0, "relax": "none"})
    outcomes = run(plan_run([tmp_path / "one.a3m", tmp_path / "two.a3m"], tmp_path / "out", settings))
    assert [outcome.error for outcome in outcomes] == [None, None]
    assert computed == ["one", "two"]


def test_worker_processes_share_a_fold_too(tmp_path: Path) -> None:
    (tmp_path / "in.fasta").write_text(f">first one\n{SEQUENCE}\n>second two\n{SEQUENCE}\n")
    fixed = "--models tiny --params synthetic:0 --db demo --recycles 0 --relax none --workers 2".split()
    code = "from af2cpu.cli import main; main()"
    command = [sys.executable, "-c", code, "predict", str(tmp_path / "in.fasta"), "-o", str(tmp_path / "out"), *fixed]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    assert "taken over from first" in (tmp_path / "out/second/log.txt").read_text()
    status = json.loads((tmp_path / "out/status.json").read_bytes())
    assert (status["state"], status["counts"]["done"]) == ("ended", 2)
