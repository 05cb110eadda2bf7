# SPDX-License-Identifier: Apache-2.0
"""--dropout, --save-recycles and --initial-guess through the pipeline: files, records, what is made again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from plan_cases import ONE, TINY, TWO, tiny_plan, tiny_run

import af2cpu
from af2cpu.errors import InputError
from af2cpu.formats.structure import read_protein
from af2cpu.outputs.arrays import read_result
from af2cpu.pipeline.graph import build_graph
from af2cpu.pipeline.run import Outcome, run
from af2cpu.pipeline.stages import prediction
from af2cpu.plan.plan import plan_fold
from af2cpu.schedule.choose import runner_for
from af2cpu.settings import load_settings
from af2cpu.workspace import Work


def positions(folder: Path, number: int = 0, model: str = "tiny") -> np.ndarray:
    return read_result(folder / f"result_{model}_pred_{number}.npz", model).atom_positions


def written(*paths: Path) -> list[int]:
    """When the files were written last, in nanoseconds."""
    return [path.stat().st_mtime_ns for path in paths]


def moved(structure: Path) -> str:
    """A structure whose atoms all have the x coordinate 1."""
    lines = structure.read_text().splitlines(keepends=True)
    return "".join(line[:30] + "   1.000" + line[38:] if line.startswith("ATOM") else line for line in lines)


def page(outcome: Outcome) -> str:
    return (outcome.folder / "report.html").read_text()


def test_dropout_is_seeded_and_makes_predictions_differ(tmp_path: Path, computed: list[str]) -> None:
    (plain,) = tiny_run(tmp_path / "plain")
    (first,) = tiny_run(tmp_path / "first", dropout=True, num_seeds=2)
    (again,) = tiny_run(tmp_path / "again", dropout=True, num_seeds=2, threads=1, memory="2G")
    assert np.array_equal(positions(first.folder), positions(again.folder))
    for one, other in ((plain, 0), (first, 1)):
        assert np.abs(positions(first.folder, 0) - positions(one.folder, other)).max() > 0.1
    said = "The network ran with dropout (--dropout)"
    assert said in page(first)
    assert said not in page(plain)
    assert "parameters synthetic:0, with dropout" in (first.folder / "ranked_0.cif").read_text()
    assert "dropout" not in (plain.folder / "ranked_0.cif").read_text()
    computed.clear()
    tiny_run(tmp_path / "first", dropout=True, num_seeds=2)
    assert computed == []
    tiny_run(tmp_path / "first", num_seeds=1)
    assert computed == ["one 0"]
    assert np.array_equal(positions(first.folder), positions(plain.folder))
    assert first.run
    assert first.run.settings["dropout"] is True


def test_python_draws_the_masks_of_the_command(tmp_path: Path) -> None:
    from af2cpu.formats.features import read_features

    plan = tiny_plan(tmp_path, dropout=True, num_seeds=2)
    (outcome,) = run(plan)
    model = af2cpu.load_model("tiny", "synthetic:0", engine=plan.machine.choice.engine)
    features = read_features(outcome.folder / "features.npz")
    for seed in range(2):
        ours = model.predict(features, recycles=0, seed=seed, dropout=True)
        np.testing.assert_allclose(positions(outcome.folder, seed), ours.atom_positions, atol=1e-4)
        assert "with dropout" in ours.to_cif()


def test_without_any_of_it_keys_are_those_of_before(tmp_path: Path) -> None:
    """Results of earlier versions stay current."""
    (node,) = [one for one in build_graph(tiny_plan(tmp_path)).nodes if one.stage == "prediction"]
    work = Work(node.items[0].task, {}, {})
    assert prediction._sampled(work) == {}


def passes_of(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern))


@pytest.mark.parametrize("fasta", [ONE, TWO])
def test_structures_of_the_passes_are_those_of_runs_with_fewer_recycles(tmp_path: Path, fasta: str) -> None:
    model = "tiny" if fasta is ONE else "tiny_multimer"
    more = {"models": [model], "recycle_tolerance": 0.0}
    (outcome,) = tiny_run(tmp_path / "all", fasta, recycles=2, save_recycles=True, dropout=True, **more)
    folder = outcome.folder / "recycles"
    assert sorted(path.name for path in folder.iterdir()) == [f"{model}_pred_0.r{k}.pdb" for k in range(3)]
    for k in range(3):
        (fewer,) = tiny_run(tmp_path / f"{k}", fasta, recycles=k, dropout=True, **more)
        expected = (fewer.folder / f"unrelaxed_{model}_pred_0.pdb").read_bytes()
        assert (folder / f"{model}_pred_0.r{k}.pdb").read_bytes() == expected
        assert not (fewer.folder / "recycles").exists()
    assert len({path.read_bytes() for path in folder.iterdir()}) == 3


def test_as_many_as_there_are_passes(tmp_path: Path) -> None:
    """Recycling that ends by its tolerance; a run that ends earlier than the one before it leaves no others."""
    tiny_run(tmp_path, recycles=3, save_recycles=True)
    assert len(passes_of(tmp_path / "out/one", "recycles/*")) == 4
    (outcome,) = tiny_run(tmp_path, recycles=3, save_recycles=True, recycle_tolerance=1e6)
    assert len(passes_of(outcome.folder, "recycles/*")) == 2
    tiny_run(tmp_path, recycles=3, recycle_tolerance=1e6)
    assert passes_of(outcome.folder, "recycles/*") == []


def test_colabfold_names_them_by_rank_too(tmp_path: Path, computed: list[str]) -> None:
    settings = {"layout": "colabfold", "recycles": 1, "save_recycles": True, "num_seeds": 2, "dropout": True}
    (outcome,) = tiny_run(tmp_path, **settings)
    out = tmp_path / "out"
    best = [entry.who.index for entry in outcome.ranking.entries]
    names = [f"one_unrelaxed_rank_{k:03d}_af2cpu_tiny_seed_{i:03d}" for k, i in enumerate(best, 1)]
    found = {path.name for path in out.glob("one_unrelaxed_*")}
    assert found == {name + end for name in names for end in (".pdb", ".cif", ".r0.pdb", ".r1.pdb")}
    for name in names:
        assert (out / f"{name}.r1.pdb").read_bytes() == (out / f"{name}.pdb").read_bytes()
        assert (out / f"{name}.r0.pdb").read_bytes() != (out / f"{name}.pdb").read_bytes()
    config = json.loads((out / "config.json").read_bytes())
    assert config["use_dropout"] is True
    computed.clear()
    tiny_run(tmp_path, **settings)
    assert computed == []
    (out / f"{names[0]}.r0.pdb").write_text("changed")
    tiny_run(tmp_path, **settings)
    assert computed == [f"one {best[0]}"]
    assert {path.name for path in out.glob("one_unrelaxed_*")} == found
    tiny_run(tmp_path, **settings | {"save_recycles": False})
    assert {path.name for path in out.glob("one_unrelaxed_*")} == {n + e for n in names for e in (".pdb", ".cif")}


def test_the_flag_makes_predictions_again_and_nothing_else(tmp_path: Path, computed: list[str]) -> None:
    (outcome,) = tiny_run(tmp_path, relax="best")
    before = (outcome.folder / "unrelaxed_tiny_pred_0.pdb").read_bytes()
    others = [outcome.folder / name for name in ("features.npz", "relax_tiny_pred_0.json", "plots/plddt.png")]
    times = written(*others)
    computed.clear()
    tiny_run(tmp_path, relax="best", save_recycles=True)
    assert computed == ["one 0"]
    assert written(*others) == times
    assert (outcome.folder / "unrelaxed_tiny_pred_0.pdb").read_bytes() == before
    computed.clear()
    tiny_run(tmp_path, relax="best", save_recycles=True)
    assert computed == []
    (outcome.folder / "recycles/tiny_pred_0.r0.pdb").unlink()  # they belong to the prediction
    tiny_run(tmp_path, relax="best", save_recycles=True)
    assert computed == ["one 0"]


def test_equal_sequences_share_them(tmp_path: Path, computed: list[str]) -> None:
    one, twin = tiny_run(tmp_path, ONE + ONE.replace("one", "twin"), recycles=1, save_recycles=True, dropout=True)
    assert computed == ["one 0"]
    for k in range(2):
        name = f"recycles/tiny_pred_0.r{k}.pdb"
        assert (one.folder / name).read_bytes() == (twin.folder / name).read_bytes()


def test_workers_make_the_same(tmp_path: Path) -> None:
    fasta = ONE + ">other\nGGLVKHGFWAY\n"
    settings = {"recycles": 1, "save_recycles": True, "dropout": True}
    alone = tiny_run(tmp_path / "alone", fasta, **settings)
    plan = tiny_plan(tmp_path / "workers", fasta, workers=2, **settings)
    graph = build_graph(plan)
    together = run(plan, graph, runner_for(plan, graph))
    for a, b in zip(alone, together, strict=True):
        assert b.error is None
        for path in passes_of(a.folder, "recycles/*"):
            assert path.read_bytes() == (b.folder / "recycles" / path.name).read_bytes()


@pytest.fixture
def guess(tmp_path: Path) -> Path:
    """A structure of the target, from other parameters."""
    (outcome,) = tiny_run(tmp_path / "guess", params="synthetic:7")
    path = tmp_path / "guess.pdb"
    path.write_bytes((outcome.folder / "unrelaxed_tiny_pred_0.pdb").read_bytes())
    return path


def test_initial_guess_is_what_the_network_gets(tmp_path: Path, guess: Path) -> None:
    from af2cpu.features.draws import Draws
    from af2cpu.features.initial_guess import read_initial_guess
    from af2cpu.formats.features import read_features

    plan = tiny_plan(tmp_path, initial_guess=guess)
    (outcome,) = run(plan)
    task = next(node.items[0].task for node in build_graph(plan).nodes if node.stage == "prediction")
    features = read_features(outcome.folder / "features.npz")
    draws = Draws(features, task.sampling, task.draw_seed, 1)
    model = af2cpu.load_model("tiny", "synthetic:0", engine=plan.machine.choice.engine)
    expected = model.predict(draws, recycles=0, initial_guess=read_initial_guess(guess, plan.jobs[0].query))
    np.testing.assert_allclose(positions(outcome.folder), expected.atom_positions, atol=1e-4)
    expected = model.predict(features, recycles=0, initial_guess=guess)
    np.testing.assert_allclose(positions(outcome.folder), expected.atom_positions, atol=1e-4)
    (plain,) = tiny_run(tmp_path / "plain")
    assert np.abs(positions(plain.folder) - positions(outcome.folder)).max() > 0.01
    assert outcome.run
    assert outcome.run.settings["initial_guess"] == str(guess)
    assert f"The first pass began with a structure (--initial-guess {guess})" in page(outcome)
    assert "from an initial guess" in (outcome.folder / "ranked_0.cif").read_text()


def test_another_guess_makes_predictions_again_and_nothing_else(
    tmp_path: Path, guess: Path, computed: list[str]
) -> None:
    computed.clear()
    tiny_run(tmp_path, initial_guess=guess)
    tiny_run(tmp_path, initial_guess=guess)
    assert computed == ["one 0"]
    features = tmp_path / "out/one/features.npz"
    before = written(features)
    guess.write_text(moved(guess))
    tiny_run(tmp_path, initial_guess=guess)
    assert computed == ["one 0"] * 2
    assert written(features) == before
    tiny_run(tmp_path)
    assert computed == ["one 0"] * 3


def test_a_folder_has_one_for_each_target(tmp_path: Path, guess: Path, computed: list[str]) -> None:
    """Equal sequences with guesses of their own are predicted each; an alignment of both gives the same features."""
    fasta = ONE + ONE.replace("one", "twin")
    folder = tmp_path / "guesses"
    folder.mkdir()
    (folder / "one.pdb").write_bytes(guess.read_bytes())
    computed.clear()
    with pytest.raises(InputError, match=r"has no twin.pdb, .cif or .gz of them; every target needs one"):
        tiny_plan(tmp_path, fasta, initial_guess=folder)
    with pytest.raises(InputError, match="fits one target, and there are 2; give a folder"):
        tiny_plan(tmp_path, fasta, initial_guess=guess)
    (folder / "twin.pdb").write_text(moved(guess))
    one, twin = tiny_run(tmp_path, fasta, initial_guess=folder)
    assert computed == ["one 0", "twin 0"]
    assert np.abs(positions(one.folder) - positions(twin.folder)).max() > 0.01


def test_fold_takes_one_too(tmp_path: Path, guess: Path) -> None:
    (outcome,) = tiny_run(tmp_path, initial_guess=guess)
    expected = positions(outcome.folder)
    tiny_run(tmp_path)
    assert np.abs(positions(outcome.folder) - expected).max() > 0.01
    (folded,) = run(plan_fold([outcome.folder], load_settings(TINY | {"initial_guess": guess})))
    assert folded.error is None
    assert np.array_equal(positions(outcome.folder), expected)


def test_notes_tell_what_the_file_lacks(tmp_path: Path, guess: Path) -> None:
    lines = guess.read_text().splitlines(keepends=True)
    lines = [line for line in lines if line[22:26].strip() != "4" and not line.startswith("SEQRES")]
    guess.write_text("".join(lines))
    assert read_protein(guess)[0].n_res == 10
    (outcome,) = tiny_run(tmp_path, initial_guess=guess)
    assert outcome.run
    assert [note for note in outcome.run.notes if "initial guess" in note] == [
        f"initial guess {guess}: lacks 1 of 11 residues; distances from there are unknown in the first pass"
    ]


@pytest.mark.parametrize("content", ["", "no structure\n"])
def test_a_bad_file_stops_before_any_work(tmp_path: Path, content: str) -> None:
    (tmp_path / "bad.pdb").write_text(content)
    with pytest.raises(InputError, match=r"bad\.pdb"):
        tiny_plan(tmp_path, initial_guess=tmp_path / "bad.pdb")
    with pytest.raises(InputError, match=r"none\.pdb"):
        tiny_plan(tmp_path, initial_guess=tmp_path / "none.pdb")
    assert not (tmp_path / "out").exists()
