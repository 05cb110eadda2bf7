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
from output_cases import PROVENANCE, complex_features, features, relaxed
from prediction_cases import prediction

from af2cpu.confidence import confidence_of, rank
from af2cpu.formats.a3m import read_a3m
from af2cpu.outputs.arrays import read_result
from af2cpu.outputs.layout import LAYOUTS, ColabFoldLayout, Layout
from af2cpu.outputs.report import Summaries
from af2cpu.outputs.report.find import find_targets
from af2cpu.outputs.write import (
    write_done,
    write_features_of,
    write_pass,
    write_plots,
    write_prediction,
    write_ranking,
    write_relaxed,
    write_run,
    write_timings,
)
from af2cpu.records import Confidence, Prediction, PredictionId, Relaxed
from af2cpu.runs.records import PredictionScores, TargetRun, read_record

SEQUENCE = "MKVLAX"
JOB = "a_protein"
PLDDT = {"model_1_ptm": 60.0, "model_2_ptm": 80.0}  # the second is the best


def _layout(name: str, folder: Path) -> Layout:
    folder.mkdir(exist_ok=True)
    return LAYOUTS[name](folder, JOB)


def _predict(model: str, seed: int = 0, sequence: str = SEQUENCE) -> Prediction:
    plddt = PLDDT.get(model, 50)  # and pTM, so that a complex has the same ranks
    many = np.full(len(sequence.replace(":", "")), plddt, np.float32)
    return prediction(sequence, model=model, seed=seed, plddt=many, ptm=plddt / 100)


def _run(
    layout: Layout, models: tuple[str, ...] = tuple(PLDDT), relax: bool = True, sequence: str = SEQUENCE
) -> list[str]:
    """A run as the pipeline does it: what is there is used again. Returns the notes."""
    notes: list[str] = []
    scored: dict[str, tuple[Prediction, Confidence]] = {}
    for model in models:
        who = PredictionId(model, 0, 0)
        done = layout.find("result", who, ".npz")
        p = read_result(done, model) if done else _predict(model, sequence=sequence)
        scored[who.name] = p, confidence_of(who, p)
        if not done:
            notes += write_prediction(layout, *scored[who.name], PROVENANCE).notes
    ranking = rank(confidence for _, confidence in scored.values())
    results: dict[str, Relaxed] = {}
    if relax:
        best = ranking.entries[0]
        p, confidence = scored[best.who.name]
        results[best.who.name] = relaxed(p)
        if not layout.find("relaxed", best.who, ".cif"):
            notes += write_relaxed(layout, p, results[best.who.name], confidence, PROVENANCE).notes
    violations = {name: result.violations_after for name, result in results.items()}
    write_ranking(layout, ranking, violations if relax else None)
    write_done(layout)
    return notes


def _contents(folder: Path) -> dict[str, bytes]:
    """Without temporary files."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_alphafold_s_names(tmp_path: Path) -> None:
    _run(_layout("af2", tmp_path))
    found = _contents(tmp_path)
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
    _run(_layout("colabfold", tmp_path))
    first, second = "rank_001_alphafold2_ptm_model_2_seed_000", "rank_002_alphafold2_ptm_model_1_seed_000"
    assert set(_contents(tmp_path)) == {
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
    layout = _layout(name, tmp_path)
    _run(layout)
    before = _contents(tmp_path)
    _run(layout)
    assert _contents(tmp_path) == before


@pytest.mark.parametrize("name", ["af2", "colabfold"])
def test_other_models_and_settings_leave_nothing_wrong_behind(tmp_path: Path, name: str) -> None:
    """Three models and relaxation, then one model without: the ranks are those of the second run."""
    layout = _layout(name, tmp_path / "both")
    _run(layout, ("model_1_ptm", "model_2_ptm", "model_3_ptm"))
    _run(layout, ("model_1_ptm",), relax=False)
    alone = _layout(name, tmp_path / "alone")
    _run(alone, ("model_1_ptm",), relax=False)
    both, expected = _contents(layout.folder), _contents(alone.folder)
    assert {key: both[key] for key in expected} == expected
    surplus = set(both) - set(expected)
    assert surplus
    assert not [key for key in surplus if "rank" in key or "metrics" in key]


@pytest.mark.parametrize("name", ["af2", "colabfold"])
def test_a_new_prediction_drops_the_old_one_s_relaxed_structure(tmp_path: Path, name: str) -> None:
    layout = _layout(name, tmp_path)
    _run(layout)
    who = PredictionId("model_2_ptm", 0, 0)
    p = _predict("model_2_ptm", seed=9)
    write_prediction(layout, p, confidence_of(who, p), PROVENANCE)
    assert layout.find("relaxed", who, ".pdb") is None
    found = layout.find("unrelaxed", who, ".pdb")
    assert found is not None
    (chain,) = gemmi.read_pdb_string(found.read_text())[0]
    np.testing.assert_allclose(chain[0]["CA"][0].pos.tolist(), p.atom_positions[0, 1], atol=5.1e-4)
    assert not list(tmp_path.glob("*.done.txt"))
    _run(layout)
    assert sum("_unrelaxed_" in key or key.startswith("unrelaxed_") for key in _contents(tmp_path)) == 4


def test_a_new_prediction_may_change_the_ranks(tmp_path: Path) -> None:
    """Between its writing and the next ranking both names of its files are there: the one without rank counts."""
    layout = _layout("colabfold", tmp_path)
    _run(layout, relax=False)
    before = _contents(tmp_path)
    who = PredictionId("model_2_ptm", 0, 0)
    worse = prediction(SEQUENCE, model="model_2_ptm", plddt=np.full(len(SEQUENCE), 30, np.float32))
    write_prediction(layout, worse, confidence_of(who, worse), PROVENANCE)
    _run(layout, relax=False)
    after = _contents(tmp_path)
    swap = {"rank_001_alphafold2_ptm_model_2": "rank_002_alphafold2_ptm_model_2"}
    swap |= {"rank_002_alphafold2_ptm_model_1": "rank_001_alphafold2_ptm_model_1"}
    renamed = [next((key.replace(a, b) for a, b in swap.items() if a in key), key) for key in before]
    assert sorted(after) == sorted(renamed)
    assert json.loads(after[f"{JOB}_scores_rank_002_alphafold2_ptm_model_2_seed_000.json"])["plddt"][0] == 30.0


def test_a_new_relaxed_structure_ends_being_done(tmp_path: Path) -> None:
    layout = ColabFoldLayout(tmp_path, JOB)
    _run(layout)
    assert layout.done().is_file()
    p = _predict("model_2_ptm")
    write_relaxed(layout, p, relaxed(p), confidence_of(PredictionId("model_2_ptm", 0, 0), p), PROVENANCE)
    assert not layout.done().is_file()


def test_jobs_in_one_folder_leave_each_other_alone(tmp_path: Path) -> None:
    for job in ("a.b", "axb", "a"):
        _run(ColabFoldLayout(tmp_path, job))
    once = _contents(tmp_path)
    _run(ColabFoldLayout(tmp_path, "a.b"), ("model_1_ptm",), relax=False)
    after = _contents(tmp_path)
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
    before, whole = _layout(name, tmp_path / "before"), _layout(name, tmp_path / "whole")
    _run(before)
    _run(whole)
    _run(whole, ("model_1_ptm", "model_2_ptm", "model_3_ptm"))
    expected = _contents(whole.folder)
    call, finished = 0, False
    while not finished:
        call += 1
        shutil.copytree(before.folder, tmp_path / f"killed_{call}")
        layout = _layout(name, tmp_path / f"killed_{call}")
        with monkeypatch.context() as patch:
            _dies_at(patch, call)
            try:
                _run(layout, ("model_1_ptm", "model_2_ptm", "model_3_ptm"))
                finished = True
            except _Killed:
                pass
        _run(layout, ("model_1_ptm", "model_2_ptm", "model_3_ptm"))
        assert _contents(layout.folder) == expected, f"killed before change {call}"
    assert call > 15


def test_the_arrays_vouch_for_all_other_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a prediction is written over another and the run dies, the old arrays are gone with the first change."""
    layout = _layout("af2", tmp_path)
    _run(layout)
    who, p = PredictionId("model_1_ptm", 0, 0), _predict("model_1_ptm", seed=5)
    with monkeypatch.context() as patch:
        _dies_at(patch, 4)
        with pytest.raises(_Killed):
            write_prediction(layout, p, confidence_of(who, p), PROVENANCE)
    assert layout.find("result", who, ".npz") is None


def test_failed_relaxation_ranks_the_prediction_as_it_is(tmp_path: Path) -> None:
    layout = _layout("af2", tmp_path)
    who, p = PredictionId("model_1_ptm", 0, 0), _predict("model_1_ptm")
    confidence = confidence_of(who, p)
    write_prediction(layout, p, confidence, PROVENANCE)
    failed = relaxed(p, works=False)
    with pytest.raises(ValueError, match=r"model_1_ptm_pred_0 is not relaxed \(it would not\)"):
        write_relaxed(layout, p, failed, confidence, PROVENANCE)
    write_ranking(layout, rank([confidence]), {})
    assert (tmp_path / "ranked_0.pdb").read_bytes() == (tmp_path / "unrelaxed_model_1_ptm_pred_0.pdb").read_bytes()
    assert json.loads((tmp_path / "relax_metrics.json").read_bytes()) == {}


def test_a_full_disk_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = _layout("af2", tmp_path)
    _run(layout)
    before = _contents(tmp_path)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_ranking(layout, rank([confidence_of(PredictionId("model_1_ptm", 0, 0), _predict("model_1_ptm"))]))
    with pytest.raises(OSError, match="No space left"):
        write_timings(layout, {"features": 1.0})
    assert _contents(tmp_path) == before
    assert len(list(tmp_path.iterdir())) == len(before)


def test_numbers_that_are_none_leave_no_file(tmp_path: Path) -> None:
    layout = _layout("af2", tmp_path)
    p = _predict("model_1_ptm")
    p.plddt[2] = np.nan
    with pytest.raises(ValueError, match="no finite numbers"):
        write_prediction(layout, p, confidence_of(PredictionId("model_1_ptm", 0, 0), p), PROVENANCE)
    assert not list(tmp_path.iterdir())


def test_models_without_ptm_have_no_pae(tmp_path: Path) -> None:
    for name in ("af2", "colabfold"):
        layout = _layout(name, tmp_path / name)
        p = prediction(SEQUENCE, model="model_1", ptm=None)
        confidence = confidence_of(PredictionId("model_1", 0, 0), p)
        write_prediction(layout, p, confidence, PROVENANCE)
        write_ranking(layout, rank([confidence]))
        write_plots(layout, features(SEQUENCE, 4), rank([confidence]), {"model_1_pred_0": p})
        assert not [path for path in _contents(layout.folder) if "pae" in path or "aligned_error" in path]


def test_what_is_left(tmp_path: Path) -> None:
    f = features(SEQUENCE, 5)
    for name in ("af2", "colabfold"):
        layout = _layout(name, tmp_path / name)
        write_features_of(layout, f, af2_pickles=True)
        write_timings(layout, {"features": 1.5})
        run = TargetRun(name="x", sequence=SEQUENCE, source="", settings={"seed": 3}, ranking=(), not_relaxed={})
        write_run(layout, run)
        assert read_record(TargetRun, layout.document("run")) == run
    assert set(_contents(tmp_path / "af2")) == {"features.pkl", "timings.json", "run.json"}
    assert set(_contents(tmp_path / "colabfold")) == {
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


DIMER, MANY = "MKVLAX:GAV", ":".join(["G"] * 63)


@pytest.mark.parametrize("name", ["af2", "colabfold"])
def test_a_complex_has_the_files_of_a_protein(tmp_path: Path, name: str) -> None:
    protein, dimer = _layout(name, tmp_path / "protein"), _layout(name, tmp_path / "dimer")
    _run(protein)
    assert _run(dimer, sequence=DIMER) == []
    found = _contents(dimer.folder)
    assert set(found) == set(_contents(protein.folder))
    for path, content in found.items():  # unrelaxed, relaxed and ranked ones
        if path.endswith(".pdb"):
            assert [chain.name for chain in gemmi.read_pdb_string(content.decode())[0]] == ["A", "B"], path
    label, order = json.loads(dimer.document("ranking_debug").read_bytes())
    assert (label, order) == ("iptm+ptm", "order")


@pytest.mark.parametrize("name", ["af2", "colabfold"])
def test_more_chains_than_letters_have_no_pdb_file(tmp_path: Path, name: str) -> None:
    """Those of an earlier prediction of the name go, ranked or not."""
    layout = _layout(name, tmp_path)
    _run(layout)
    before = set(_contents(tmp_path))
    for path in tmp_path.glob("*result_*"):
        path.unlink()
    notes = _run(layout, sequence=MANY)
    assert notes == ["63 chains: the PDB format has identifiers for 62, so the structures are .cif files only"] * 3
    found = _contents(tmp_path)
    assert set(found) == {path for path in before if not path.endswith(".pdb")}
    who = PredictionId("model_2_ptm", 0, 0)
    assert layout.find("relaxed", who, ".pdb") is None
    path = layout.find("relaxed", who, ".cif")
    assert path is not None
    assert len(gemmi.read_structure(str(path))[0]) == 63
    assert _run(layout, sequence=MANY) == []
    assert _contents(tmp_path) == found


@pytest.mark.parametrize("name", ["af2", "colabfold"])
@pytest.mark.parametrize(("sequence", "ending"), [(SEQUENCE, "pdb"), (MANY, "cif")])
def test_structures_of_passes(tmp_path: Path, name: str, sequence: str, ending: str) -> None:
    """ColabFold's bear the rank, also after the ranks have changed; those of an earlier prediction go."""
    layout = _layout(name, tmp_path)
    who = PredictionId("model_2_ptm", 0, 0)
    texts = []
    for recycle in range(3):
        p = _predict("model_2_ptm", recycle, sequence)
        path = write_pass(layout, p, confidence_of(who, p), PROVENANCE, recycle)
        texts.append(path.read_bytes())
    assert len(set(texts)) == 3

    def found() -> dict[str, bytes]:
        return {path: content for path, content in _contents(tmp_path).items() if ".r" in path}

    for models, rank_of in ((tuple(PLDDT), 1), (("model_2_ptm",), 1)):
        _run(layout, models, relax=False, sequence=sequence)
        names = {
            "af2": f"recycles/model_2_ptm_pred_0.r%d.{ending}",
            "colabfold": f"{JOB}_unrelaxed_rank_{rank_of:03d}_alphafold2_ptm_model_2_seed_000.r%d.{ending}",
        }
        assert found() == {names[name] % k: text for k, text in enumerate(texts)}
    path = layout.find("recycles", who, f".r2.{ending}")
    assert path is not None
    assert path.read_bytes() == texts[2]
    assert layout.find("recycles", who, f".r3.{ending}") is None
    layout.drop_old_passes(who)
    assert found() == {}


@pytest.mark.parametrize("name", ["af2", "colabfold"])
def test_the_summary_names_the_structure_that_there_is(tmp_path: Path, name: str) -> None:
    layout = _layout(name, tmp_path / JOB if name == "af2" else tmp_path)
    _run(layout, sequence=MANY)
    entry = confidence_of(PredictionId("model_2_ptm", 0, 0), _predict("model_2_ptm", sequence=MANY))
    best = PredictionScores(entry.who.name, entry.mean_plddt, entry.ptm, entry.iptm)
    run = TargetRun(name=JOB, sequence=MANY, source="", settings={"seed": 0}, ranking=(best,), not_relaxed={})
    write_run(layout, run)
    (row,) = Summaries(tmp_path).rows(find_targets(tmp_path))
    assert row.summary.structure is not None
    assert row.summary.structure.endswith(".cif")
    assert (tmp_path / row.summary.structure).is_file()
    assert row.summary.residues == 63


def test_the_alignment_of_a_complex_is_written(tmp_path: Path) -> None:
    layout, f = ColabFoldLayout(tmp_path, JOB), complex_features(["MKVLAX", "GAV"], 1, 1)
    write_features_of(layout, f)
    lines = (tmp_path / f"{JOB}.a3m").read_text().splitlines()
    names = [line for line in lines if line.startswith((">", "#"))]
    assert names == [
        "#6,3\t1,1",
        ">101\t102",
        f">{JOB}_1\t{JOB}_1",
        ">101",
        f">{JOB}_2",
        ">102",
        f">{JOB}_3",
    ]


def test_plots_have_their_places(tmp_path: Path) -> None:
    p = _predict("model_1_ptm")
    confidence = confidence_of(PredictionId("model_1_ptm", 0, 0), p)
    for name, places in (
        ("af2", {f"plots/{kind}.png" for kind in ("coverage", "plddt", "pae")}),
        ("colabfold", {f"{JOB}_{kind}.png" for kind in ("coverage", "plddt", "pae")}),
    ):
        layout = _layout(name, tmp_path / name)
        write_plots(layout, features(SEQUENCE, 5), rank([confidence]), {confidence.who.name: p})
        assert set(_contents(layout.folder)) == places


def test_two_thousand_residues_take_seconds(tmp_path: Path) -> None:
    p = prediction("ACDEFGHIKLMNPQRSTVWY" * 100)
    confidence = confidence_of(PredictionId(p.model, 0, 0), p)
    began = time.perf_counter()
    write_prediction(_layout("af2", tmp_path), p, confidence, PROVENANCE)
    assert time.perf_counter() - began < 15  # 1.3 s on a quiet machine; zlib takes half of it
