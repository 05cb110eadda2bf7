# SPDX-License-Identifier: Apache-2.0
"""The stage of relaxation and what the records say of it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import gemmi
import numpy as np
import pytest
from output_cases import PROVENANCE
from plan_cases import told
from prediction_cases import prediction
from relax_cases import helix, joined

from af2cpu.confidence import confidence_of
from af2cpu.outputs.arrays import write_result
from af2cpu.outputs.layout import LAYOUTS
from af2cpu.pipeline.stages.relaxation import RELAXATION, RelaxationTask
from af2cpu.records import Prediction, PredictionId
from af2cpu.relax.settings import RelaxSettings, relax_settings
from af2cpu.runs.records import EngineUsed, Predicted, PredictionScores, RelaxationDone, TargetRun, from_json, to_json
from af2cpu.settings import load_settings
from af2cpu.workspace import Receipt, Work


def _run(**facts: object) -> TargetRun:
    given = {"name": "a", "sequence": "MKV", "source": "a.fasta", "settings": {}, "not_relaxed": {}} | facts
    return TargetRun(ranking=(PredictionScores("best", 80.0, None),), **given)  # type: ignore[arg-type]


def test_the_defaults_of_a_run_are_those_of_the_relaxation() -> None:
    assert relax_settings(load_settings({})) == RelaxSettings()


def test_every_flag_reaches_the_relaxation() -> None:
    given = {"relax_threads": 2, "relax_max_seconds": 5, "relax_max_steps": 7, "relax_anyway": True, "seed": 3}
    expected = RelaxSettings(threads=2, max_seconds=5.0, max_steps=7, anyway=True, seed=3)
    assert relax_settings(load_settings(given)) == expected
    assert set(asdict(expected)) >= {"threads", "max_seconds", "max_steps", "anyway"}  # all part of the stage's key


@pytest.mark.parametrize(
    ("left", "text"),
    [
        (0, "relaxed, no violations remain"),
        (1, "relaxed, 1 violation remains"),
        (206, "relaxed, 206 violations remain"),
    ],
)
def test_what_remains_is_told(left: int, text: str) -> None:
    assert _run(remaining_violations={"best": left}).relaxation("best") == text


def test_why_it_is_not_relaxed_is_told() -> None:
    assert _run(not_relaxed={"best": "noise"}).relaxation("best") == "not relaxed: noise"
    assert _run().relaxation("best") == ""


def test_records_of_earlier_versions_are_read() -> None:
    content = to_json(_run())
    del content["remaining_violations"]
    assert from_json(TargetRun, content).relaxation("best") == ""


def _relaxed(tmp_path: Path, complex_: Prediction, settings: RelaxSettings) -> RelaxationDone:
    """A prediction's arrays as a stage before has left them, relaxed by the stage into `tmp_path`."""
    who = PredictionId(complex_.model, 0, 0)
    layout = LAYOUTS["af2"](tmp_path, "protein")
    confidence = confidence_of(who, complex_, "iptm+ptm")
    write_result(layout.of("result", who, ".npz"), complex_, confidence)
    predicted = Predicted(confidence, EngineUsed("torch", "float32", 1, None, ()), 1.0, 0.0, {}, ())
    receipt = Receipt(layout.of("result", who, ".npz"), "key", "content", predicted)
    task = RelaxationTask(who, layout, settings, PROVENANCE)
    work = Work(task, {"protein": tmp_path / "relax.json"}, {"prediction": (receipt,)})
    ((_, done),) = RELAXATION.make([work], 1)
    return done


def test_a_complex_from_its_prediction_to_its_files(tmp_path: Path) -> None:
    """Two copies, a chain of one residue and one with X at its border; numbers begin again in each."""
    sequences = ["SAKD", "SAKD", "K", "XRELY"]
    atoms = joined(*(helix(sequence, shift=25.0 * k) for k, sequence in enumerate(sequences)))
    given = prediction(":".join(sequences), atom_positions=atoms.atom_positions, atom_mask=atoms.atom_mask)
    with told("note") as notes:
        done = _relaxed(tmp_path, given, RelaxSettings())
    assert done.record.relaxed
    assert len(done.record.violations_after) == 14
    left_out = "left out of the relaxation and kept as given"
    expected = (f"{left_out}: D/1 UNK (unknown to the force field)", f"{left_out}: C/1 LYS (a chain of one residue)")
    assert done.notes == done.record.notes == expected
    assert [note.text for note in notes] == [f"model_1_ptm_pred_0: {note}" for note in expected]
    for ending in (".pdb", ".cif"):
        chains = gemmi.read_structure(str(tmp_path / f"relaxed_model_1_ptm_pred_0{ending}"))[0]
        numbers = {chain.name: [residue.seqid.num for residue in chain] for chain in chains}
        assert numbers == {"A": [1, 2, 3, 4], "B": [1, 2, 3, 4], "C": [1], "D": [2, 3, 4, 5]}
        ends = [chain[len(chain) - 1].find_atom("OXT", "*") is not None for chain in chains]
        assert ends == [True, True, False, True]
        kept = np.array([atom.pos.tolist() for atom in chains["C"][0]])
        np.testing.assert_allclose(kept, atoms.atom_positions[8][atoms.atom_mask[8] > 0], atol=6e-4)
        ca = chains["B"][1].find_atom("CA", "*")
        assert 0.0 < np.linalg.norm(np.array(ca.pos.tolist()) - atoms.atom_positions[5, 1]) < 1.0
        assert {round(atom.b_iso, 2) for atom in chains["B"][1]} == {round(float(given.plddt[5]), 2)}


def test_a_chain_of_noise_leaves_the_complex_unrelaxed(tmp_path: Path) -> None:
    whole = helix("SAKDRELYHTVGAKDERLYA" * 3)
    noise = prediction("SAKDRELYHTVGAKDERLYA")
    atoms = [np.concatenate([getattr(whole, name), getattr(noise, name)]) for name in ("atom_positions", "atom_mask")]
    atoms[0][60:] += 200.0
    sequence = "SAKDRELYHTVGAKDERLYA" * 3 + ":SAKDRELYHTVGAKDERLYA"
    given = prediction(sequence, atom_positions=atoms[0], atom_mask=atoms[1])
    done = _relaxed(tmp_path, given, RelaxSettings())
    assert not done.record.relaxed
    assert str(done.record.reason).startswith("chain B is noise: ")
    assert sum(done.record.violations_after) >= 10
    assert not list(tmp_path.glob("relaxed_*"))
