# SPDX-License-Identifier: Apache-2.0
"""Whole folders: their names in both layouts, what a kill leaves, what a second run of other settings leaves."""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gemmi
import numpy as np
import pytest
from output_cases import PROVENANCE, features, relaxed
from prediction_cases import prediction
from results_cases import JOB, PLDDT, SEQUENCE, contents, layout_in, predicted, run_into

from af2cpu.confidence import confidence_of, rank
from af2cpu.formats.a3m import read_a3m
from af2cpu.outputs.layout import ColabFoldLayout
from af2cpu.outputs.write import (
    write_features_of,
    write_plots,
    write_prediction,
    write_ranking,
    write_relaxed,
    write_run,
    write_timings,
)
from af2cpu.records import PredictionId
from af2cpu.runs.records import TargetRun, read_record


def test_alphafold_s_names(tmp_path: Path) -> None:
    run_into(layout_in("af2", tmp_path))
    found = contents(tmp_path)
    models = [f"{model}_pred_0" for model in PLDDT]
    assert set(found) == {
        *(f"unrelaxed_{m}.{ending}" for m in models for ending in ("pdb", "cif")),
        *(f"confidence_{m}.json" for m in models),
        *(f"pae_{m}.json" for m in models),
        *(f"result_{m}.npz" for m in models),
        "relaxed_model_2_ptm_pred_0.pdb",
        "relaxed_model_2_ptm_pred_0.cif",
        *(f"ranked_{n}.{ending}" for n in (0, 1) for ending in ("pdb", "cif")),
        *(f"{kind}_ranked_{n}.json" for n in (0, 1) for kind in ("pae", "confidence")),
        "ranking_debug.json",
        "relax_metrics.json",
    }
    assert found["ranked_0.pdb"] == found["relaxed_model_2_ptm_pred_0.pdb"]
    assert found["ranked_1.cif"] == found["unrelaxed_model_1_ptm_pred_0.cif"]
    assert found["pae_ranked_0.json"] == found["pae_model_2_ptm_pred_0.json"]
    assert found["confidence_ranked_1.json"] == found["confidence_model_1_ptm_pred_0.json"]
    assert json.loads(found["ranking_debug.json"])["order"] == ["model_2_ptm_pred_0", "model_1_ptm_pred_0"]
    assert json.loads(found["relax_metrics.json"]) == {
        "model_2_ptm_pred_0": {"remaining_violations": [0, 0, 0, 0, 0, 1], "remaining_violations_count": 1}
    }


def test_colabfold_s_names(tmp_path: Path) -> None:
    run_into(layout_in("colabfold", tmp_path))
    first, second = "rank_001_alphafold2_ptm_model_2_seed_000", "rank_002_alphafold2_ptm_model_1_seed_000"
    assert set(contents(tmp_path)) == {
        *(f"{JOB}_unrelaxed_{tag}.{ending}" for tag in (first, second) for ending in ("pdb", "cif")),
        f"{JOB}_relaxed_{first}.pdb",
        f"{JOB}_relaxed_{first}.cif",
        *(f"{JOB}_scores_{tag}.json" for tag in (first, second)),
        *(f"{JOB}_result_alphafold2_ptm_model_{k}_seed_000.npz" for k in (1, 2)),
        f"{JOB}_predicted_aligned_error_v1.json",
        f"{JOB}_ranking_debug.json",
        f"{JOB}_relax_metrics.json",
        f"{JOB}.done.txt",
    }
    scores = json.loads((tmp_path / f"{JOB}_scores_{first}.json").read_bytes())
    assert list(scores) == ["plddt", "max_pae", "pae", "ptm"]
    assert scores["plddt"][0] == 80.0


@pytest.mark.parametrize(
    ("model", "seed", "tag"),
    [
        ("model_3", 7, "alphafold2_model_3_seed_007"),
        ("model_3_ptm", 1234, "alphafold2_ptm_model_3_seed_1234"),
        ("model_1_multimer_v3", 0, "alphafold2_multimer_v3_model_1_seed_000"),
        ("tiny", 0, "af2cpu_tiny_seed_000"),
    ],
)
def test_colabfold_s_tags(tmp_path: Path, model: str, seed: int, tag: str) -> None:
    layout = ColabFoldLayout(tmp_path, "j.1")
    who = PredictionId(model, 0, seed)
    assert layout.of("scores", who, ".json").name == f"j.1_scores_{tag}.json"
    ranked = layout.ranked("scores", who, ".json", 12)
    assert ranked.name == f"j.1_scores_rank_012_{tag}.json"
    ranked.touch()
    assert layout.find("scores", who, ".json") == ranked
    assert ColabFoldLayout(tmp_path, "jx1").find("scores", who, ".json") is None


@pytest.mark.parametrize("name", ["af2", "colabfold"])
def test_a_second_run_changes_nothing(tmp_path: Path, name: str) -> None:
    layout = layout_in(name, tmp_path)
    run_into(layout)
    before = contents(tmp_path)
    run_into(layout)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["af2", "colabfold"])
def test_other_models_and_settings_leave_nothing_wrong_behind(tmp_path: Path, name: str) -> None:
    """Three models and relaxation, then one model without: the ranks are those of the second run."""
    layout = layout_in(name, tmp_path / "both")
    run_into(layout, ("model_1_ptm", "model_2_ptm", "model_3_ptm"))
    run_into(layout, ("model_1_ptm",), relax=False)
    alone = layout_in(name, tmp_path / "alone")
    run_into(alone, ("model_1_ptm",), relax=False)
    both, expected = contents(layout.folder), contents(alone.folder)
    assert {key: both[key] for key in expected} == expected
    surplus = set(both) - set(expected)
    assert surplus
    assert not [key for key in surplus if "rank" in key or "metrics" in key]


@pytest.mark.parametrize("name", ["af2", "colabfold"])
def test_a_new_prediction_drops_the_old_one_s_relaxed_structure(tmp_path: Path, name: str) -> None:
    layout = layout_in(name, tmp_path)
    run_into(layout)
    who = PredictionId("model_2_ptm", 0, 0)
    p = predicted("model_2_ptm", seed=9)
    write_prediction(layout, p, confidence_of(who, p), PROVENANCE)
    assert layout.find("relaxed", who, ".pdb") is None
    found = layout.find("unrelaxed", who, ".pdb")
    assert found is not None
    (chain,) = gemmi.read_pdb_string(found.read_text())[0]
    np.testing.assert_allclose(chain[0]["CA"][0].pos.tolist(), p.atom_positions[0, 1], atol=5.1e-4)
    assert not list(tmp_path.glob("*.done.txt"))
    run_into(layout)
    assert sum("_unrelaxed_" in key or key.startswith("unrelaxed_") for key in contents(tmp_path)) == 4


def test_a_new_prediction_may_change_the_ranks(tmp_path: Path) -> None:
    """Between its writing and the next ranking both names of its files are there: the one without rank counts."""
    layout = layout_in("colabfold", tmp_path)
    run_into(layout, relax=False)
    before = contents(tmp_path)
    who = PredictionId("model_2_ptm", 0, 0)
    worse = prediction(SEQUENCE, model="model_2_ptm", plddt=np.full(len(SEQUENCE), 30, np.float32))
    write_prediction(layout, worse, confidence_of(who, worse), PROVENANCE)
    run_into(layout, relax=False)
    after = contents(tmp_path)
    swap = {"rank_001_alphafold2_ptm_model_2": "rank_002_alphafold2_ptm_model_2"}
    swap |= {"rank_002_alphafold2_ptm_model_1": "rank_001_alphafold2_ptm_model_1"}
    renamed = [next((key.replace(a, b) for a, b in swap.items() if a in key), key) for key in before]
    assert sorted(after) == sorted(renamed)
    assert json.loads(after[f"{JOB}_scores_rank_002_alphafold2_ptm_model_2_seed_000.json"])["plddt"][0] == 30.0


def test_a_new_relaxed_structure_ends_being_done(tmp_path: Path) -> None:
    layout = ColabFoldLayout(tmp_path, JOB)
    run_into(layout)
    assert layout.done().is_file()
    p = predicted("model_2_ptm")
    write_relaxed(layout, p, relaxed(p), confidence_of(PredictionId("model_2_ptm", 0, 0), p), PROVENANCE)
    assert not layout.done().is_file()


def test_jobs_in_one_folder_leave_each_other_alone(tmp_path: Path) -> None:
    for job in ("a.b", "axb", "a"):
        run_into(ColabFoldLayout(tmp_path, job))
    once = contents(tmp_path)
    run_into(ColabFoldLayout(tmp_path, "a.b"), ("model_1_ptm",), relax=False)
    after = contents(tmp_path)
    others = [key for key in once if not key.startswith("a.b_") and key != "a.b.done.txt"]
    assert {key: after.get(key) for key in others} == {key: once[key] for key in others}


class _Killed(BaseException):
    pass


def _dies_at(monkeypatch: pytest.MonkeyPatch, call: int) -> None:
    """The run ends before the `call`-th change of the folder, and nothing is tidied up."""
    count = 0

    def wrap(method: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count >= call:
                raise _Killed
            return method(*args, **kwargs)

        return changed

    monkeypatch.setattr(Path, "replace", wrap(Path.replace))
    monkeypatch.setattr(Path, "unlink", wrap(Path.unlink))


@pytest.mark.parametrize("name", ["af2", "colabfold"])
def test_killed_anywhere_the_next_run_ends_with_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before, whole = layout_in(name, tmp_path / "before"), layout_in(name, tmp_path / "whole")
    run_into(before)
    run_into(whole)
    run_into(whole, ("model_1_ptm", "model_2_ptm", "model_3_ptm"))
    expected = contents(whole.folder)
    call, finished = 0, False
    while not finished:
        call += 1
        shutil.copytree(before.folder, tmp_path / f"killed_{call}")
        layout = layout_in(name, tmp_path / f"killed_{call}")
        with monkeypatch.context() as patch:
            _dies_at(patch, call)
            try:
                run_into(layout, ("model_1_ptm", "model_2_ptm", "model_3_ptm"))
                finished = True
            except _Killed:
                pass
        run_into(layout, ("model_1_ptm", "model_2_ptm", "model_3_ptm"))
        assert contents(layout.folder) == expected, f"killed before change {call}"
    assert call > 15


def test_the_arrays_vouch_for_all_other_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a prediction is written over another and the run dies, the old arrays are gone with the first change."""
    layout = layout_in("af2", tmp_path)
    run_into(layout)
    who, p = PredictionId("model_1_ptm", 0, 0), predicted("model_1_ptm", seed=5)
    with monkeypatch.context() as patch:
        _dies_at(patch, 4)
        with pytest.raises(_Killed):
            write_prediction(layout, p, confidence_of(who, p), PROVENANCE)
    assert layout.find("result", who, ".npz") is None


def test_failed_relaxation_ranks_the_prediction_as_it_is(tmp_path: Path) -> None:
    layout = layout_in("af2", tmp_path)
    who, p = PredictionId("model_1_ptm", 0, 0), predicted("model_1_ptm")
    confidence = confidence_of(who, p)
    write_prediction(layout, p, confidence, PROVENANCE)
    failed = relaxed(p, works=False)
    with pytest.raises(ValueError, match=r"model_1_ptm_pred_0 is not relaxed \(it would not\)"):
        write_relaxed(layout, p, failed, confidence, PROVENANCE)
    write_ranking(layout, rank([confidence]), {})
    assert (tmp_path / "ranked_0.pdb").read_bytes() == (tmp_path / "unrelaxed_model_1_ptm_pred_0.pdb").read_bytes()
    assert json.loads((tmp_path / "relax_metrics.json").read_bytes()) == {}


def test_a_full_disk_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = layout_in("af2", tmp_path)
    run_into(layout)
    before = contents(tmp_path)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_ranking(layout, rank([confidence_of(PredictionId("model_1_ptm", 0, 0), predicted("model_1_ptm"))]))
    with pytest.raises(OSError, match="No space left"):
        write_timings(layout, {"features": 1.0})
    assert contents(tmp_path) == before
    assert len(list(tmp_path.iterdir())) == len(before)


def test_numbers_that_are_none_leave_no_file(tmp_path: Path) -> None:
    layout = layout_in("af2", tmp_path)
    p = predicted("model_1_ptm")
    p.plddt[2] = np.nan
    with pytest.raises(ValueError, match="no finite numbers"):
        write_prediction(layout, p, confidence_of(PredictionId("model_1_ptm", 0, 0), p), PROVENANCE)
    assert not list(tmp_path.iterdir())


def test_models_without_ptm_have_no_pae(tmp_path: Path) -> None:
    for name in ("af2", "colabfold"):
        layout = layout_in(name, tmp_path / name)
        p = prediction(SEQUENCE, model="model_1", ptm=None)
        confidence = confidence_of(PredictionId("model_1", 0, 0), p)
        write_prediction(layout, p, confidence, PROVENANCE)
        write_ranking(layout, rank([confidence]))
        write_plots(layout, features(SEQUENCE, 4), rank([confidence]), {"model_1_pred_0": p})
        assert not [path for path in contents(layout.folder) if "pae" in path or "aligned_error" in path]


def test_what_is_left(tmp_path: Path) -> None:
    f = features(SEQUENCE, 5)
    for name in ("af2", "colabfold"):
        layout = layout_in(name, tmp_path / name)
        write_features_of(layout, f, af2_pickles=True)
        write_timings(layout, {"features": 1.5})
        run = TargetRun(name="x", sequence=SEQUENCE, source="", settings={"seed": 3}, ranking=(), not_relaxed={})
        write_run(layout, run)
        assert read_record(TargetRun, layout.document("run")) == run
    assert set(contents(tmp_path / "af2")) == {"features.pkl", "timings.json", "run.json"}
    assert set(contents(tmp_path / "colabfold")) == {
        f"{JOB}.a3m",
        f"{JOB}_features.pkl",
        f"{JOB}_timings.json",
        f"{JOB}_run.json",
    }
    alignment = tmp_path / "colabfold" / f"{JOB}.a3m"
    assert alignment.read_text().startswith(f"#{len(SEQUENCE)}\t1\n>101\n{SEQUENCE}\n>{JOB}_1\n")
    again = read_a3m(alignment)
    assert again.names == ("101", *(f"{JOB}_{row}" for row in range(1, 5)))
    np.testing.assert_array_equal(again.msa, f.msa)
    np.testing.assert_array_equal(again.deletions, f.deletion_matrix_int)


def test_plots_have_their_places(tmp_path: Path) -> None:
    p = predicted("model_1_ptm")
    confidence = confidence_of(PredictionId("model_1_ptm", 0, 0), p)
    for name, places in (
        ("af2", {f"plots/{kind}.png" for kind in ("coverage", "plddt", "pae")}),
        ("colabfold", {f"{JOB}_{kind}.png" for kind in ("coverage", "plddt", "pae")}),
    ):
        layout = layout_in(name, tmp_path / name)
        write_plots(layout, features(SEQUENCE, 5), rank([confidence]), {confidence.who.name: p})
        assert set(contents(layout.folder)) == places


def test_two_thousand_residues_take_seconds(tmp_path: Path) -> None:
    p = prediction("ACDEFGHIKLMNPQRSTVWY" * 100)
    confidence = confidence_of(PredictionId(p.model, 0, 0), p)
    began = time.perf_counter()
    write_prediction(layout_in("af2", tmp_path), p, confidence, PROVENANCE)
    assert time.perf_counter() - began < 15  # 1.3 s on a quiet machine; zlib takes half of it
