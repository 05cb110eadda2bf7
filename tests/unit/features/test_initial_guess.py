# SPDX-License-Identifier: Apache-2.0
"""Structures of the user's own as initial guesses: chains and residues matched, what a file lacks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from prediction_cases import prediction

from af2cpu.chemistry.residues import (
    ATOM37_EXISTS,
    ATOM37_INDEX,
    CA,
    CB,
    RESNAMES,
    RESTYPES,
    RIGID_GROUP_ATOMS,
    C,
    N,
    O,
    aatype_of,
)
from af2cpu.chemistry.rigid_groups import DEFAULT_FRAMES
from af2cpu.errors import InputError
from af2cpu.features.initial_guess import read_initial_guess
from af2cpu.outputs.atoms import predicted_atoms
from af2cpu.outputs.modelcif import modelcif_text
from af2cpu.outputs.structure import pdb_text
from af2cpu.records import Confidence, Prediction, PredictionId, Provenance, Query

ONE = "MKTAYIAKQRQISGFVKHW"
TWO = "GDRLEWPCNTYFHIQM"


def target(sequence: str) -> Query:
    return Query("mine", sequence, "mine", "test")


def structure(sequence: str, **changes: object) -> Prediction:
    """Residues that are near each other, so that a chain stays one; whole backbones, arginines named by the rule."""
    made = prediction(sequence, seed=3)
    rng = np.random.default_rng(0)
    n_res = len(made.aatype)
    trace = np.stack([np.arange(n_res) * 3.3, np.zeros(n_res), np.zeros(n_res)], axis=1)[:, None]
    positions = trace + rng.normal(0, 0.3, (n_res, 37, 3))
    positions[:, ATOM37_INDEX["NH1"]] = positions[:, ATOM37_INDEX["CD"]] + 0.1
    positions[:, [N, CA, C]] = trace + np.array([[-1.2, 0.7, 0.1], [0, 0, 0], [1.2, 0.6, -0.2]])
    return replace(made, atom_positions=positions.astype(np.float32), **changes)


def write(path: Path, made: Prediction) -> Path:
    path.write_text(pdb_text(predicted_atoms(made)))
    return path


def without(made: Prediction, residues: object = slice(None), atoms: object = slice(None)) -> Prediction:
    """The structure without some atoms of some residues."""
    mask = made.atom_mask.copy()
    rows = np.zeros(len(mask), bool)
    rows[residues] = True
    columns = np.zeros(37, bool)
    columns[atoms] = True
    mask[np.ix_(rows, columns)] = 0
    return replace(made, atom_mask=mask)


def check(found: object, made: Prediction, rows: object = slice(None), of_file: object = slice(None)) -> None:
    expected = (made.atom_positions * made.atom_mask[..., None])[of_file]
    np.testing.assert_allclose(found.positions[rows], expected, atol=6e-4)  # type: ignore[attr-defined]


@pytest.mark.parametrize("sequence", [ONE, f"{ONE}:{TWO}", f"{ONE}:{ONE}"])
@pytest.mark.parametrize("ending", [".pdb", ".cif"])
def test_positions_are_those_of_the_file(tmp_path: Path, sequence: str, ending: str) -> None:
    made = structure(sequence)
    path = write(tmp_path / "x.pdb", made)
    if ending == ".cif":
        path = tmp_path / "x.cif"
        confidence = Confidence(PredictionId("model_1_ptm", 0, 0), 50.0, 0.5, 50.0)
        provenance = Provenance("a protein", "protein", "1.2.3", "params_model_1_ptm.npz")
        path.write_text(modelcif_text(predicted_atoms(made), confidence, provenance, False))
    found = read_initial_guess(path, target(sequence))
    check(found, made)
    assert found.known.all()
    assert found.notes == ()


def test_chains_are_matched_by_sequence_whatever_their_order(tmp_path: Path) -> None:
    made = structure(f"{TWO}:{ONE}")
    found = read_initial_guess(write(tmp_path / "x.pdb", made), target(f"{ONE}:{TWO}"))
    n = len(TWO)
    check(found, made, slice(0, len(ONE)), slice(n, None))
    check(found, made, slice(len(ONE), None), slice(0, n))


def test_copies_are_taken_in_order_and_once(tmp_path: Path) -> None:
    made = structure(f"{ONE}:{ONE}")
    found = read_initial_guess(write(tmp_path / "x.pdb", made), target(f"{ONE}:{ONE}:{ONE}"))
    check(found, made, slice(0, 2 * len(ONE)))
    assert not found.known[2 * len(ONE) :].any()
    assert not found.positions[2 * len(ONE) :].any()
    assert "has nothing for chain C;" in found.notes[0]


def test_residues_that_the_file_lacks_are_unknown(tmp_path: Path) -> None:
    """A loop that is not in it: the chain is aligned, and its first residue is another's number 1."""
    made = without(structure(ONE), [0, 8, 9])
    found = read_initial_guess(write(tmp_path / "x.pdb", made), target(ONE))
    kept = [k for k in range(len(ONE)) if k not in (0, 8, 9)]
    assert np.flatnonzero(found.known).tolist() == kept
    check(found, made)
    assert found.notes == (
        f"initial guess {tmp_path / 'x.pdb'}: lacks 3 of 19 residues; distances from there are unknown in the first "
        "pass",
    )


def test_a_design_with_other_letters(tmp_path: Path) -> None:
    """As backbones of glycine from RFdiffusion, or before ProteinMPNN: residue by residue, C-beta in its place."""
    backbone = structure("G" * len(ONE))
    found = read_initial_guess(write(tmp_path / "x.pdb", backbone), target(ONE))
    np.testing.assert_allclose(found.positions[:, [N, CA, C, O]], backbone.atom_positions[:, [N, CA, C, O]], atol=6e-4)
    beta, alpha = found.positions[:, CB], found.positions[:, CA]
    is_glycine = np.array([letter == "G" for letter in ONE])
    assert not beta[is_glycine].any()
    length = np.linalg.norm(beta - alpha, axis=1)[~is_glycine]
    np.testing.assert_allclose(length, 1.53, atol=0.03)
    for atom in (N, C):  # the angles of a tetrahedral carbon
        bond = found.positions[:, atom] - alpha
        cosine = (bond * (beta - alpha)).sum(1)[~is_glycine] / length / np.linalg.norm(bond, axis=1)[~is_glycine]
        assert (np.abs(np.degrees(np.arccos(cosine)) - 110) < 8).all()
    assert [note.partition(": ")[2] for note in found.notes] == [
        "18 residues are of another type than the target's: their backbone counts",
        "C-beta of 18 residues is missing and put where the backbone has it",
    ]


def test_the_ideal_c_beta_is_on_the_side_that_l_amino_acids_have_it(tmp_path: Path) -> None:
    """That of the program's own ideal residues: the reader must find it again."""
    made = structure(RESTYPES)
    positions, mask = made.atom_positions.copy(), made.atom_mask.copy()
    for k, name in enumerate(RESNAMES[:20]):
        for atom, group, place in RIGID_GROUP_ATOMS[name]:
            if group == 0:
                positions[k, ATOM37_INDEX[atom]] = np.add(place, (3.3 * k, 0, 0))
    assert np.allclose(DEFAULT_FRAMES[0, 0], np.eye(4))
    whole = replace(made, atom_positions=positions)
    lacking = without(replace(whole, atom_mask=mask), slice(None), [CB])
    found = read_initial_guess(write(tmp_path / "x.pdb", lacking), target(RESTYPES))
    has_beta = ATOM37_EXISTS[aatype_of(RESTYPES)][:, CB] > 0
    np.testing.assert_allclose(found.positions[has_beta, CB], positions[has_beta, CB], atol=0.01)


def test_other_atoms_of_a_mutated_residue_do_not_count(tmp_path: Path) -> None:
    made = structure(ONE)
    mutated = ONE[:4] + "F" + ONE[5:]
    found = read_initial_guess(write(tmp_path / "x.pdb", made), target(mutated))
    kept = np.flatnonzero(found.positions[4].any(axis=-1)).tolist()
    assert kept == sorted([N, CA, C, CB, O])
    assert "1 residues are of another type" in found.notes[0]


def test_a_trace_of_c_alpha(tmp_path: Path) -> None:
    made = without(structure(ONE), slice(None), [k for k in range(37) if k != CA])
    found = read_initial_guess(write(tmp_path / "x.pdb", made), target(ONE))
    is_glycine = np.array([letter == "G" for letter in ONE])
    np.testing.assert_array_equal(found.positions[~is_glycine, CB], found.positions[~is_glycine, CA])
    assert found.known.all()
    assert "18 residues have no whole backbone: their C-alpha counts as C-beta" in found.notes[0]


def test_a_residue_without_c_alpha_is_unknown(tmp_path: Path) -> None:
    made = without(structure(ONE), [6], [CA])
    found = read_initial_guess(write(tmp_path / "x.pdb", made), target(ONE))
    assert np.flatnonzero(~found.known).tolist() == [6]


def test_chains_that_the_file_has_as_one(tmp_path: Path) -> None:
    """ColabFold takes the residues of all chains in the file's order."""
    made = structure("A" * (len(ONE) + len(TWO)))
    found = read_initial_guess(write(tmp_path / "x.pdb", made), target(f"{ONE}:{TWO}"))
    assert found.known.all()
    np.testing.assert_allclose(found.positions[:, CA], made.atom_positions[:, CA], atol=6e-4)


def test_a_relative_comes_before_a_stranger_of_the_same_length(tmp_path: Path) -> None:
    relative = ONE[:7] + ONE[8:]
    made = structure(f"{'G' * len(ONE)}:{relative}")
    found = read_initial_guess(write(tmp_path / "x.pdb", made), target(ONE))
    kept = [k for k in range(len(ONE)) if k != 7]
    check(found, made, kept, slice(len(ONE), None))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no atoms in it"),
        (pdb_text(predicted_atoms(structure("PCND"))), r"x.pdb: fits no chain of mine \(A of 19 residues\)"),
        (pdb_text(predicted_atoms(without(structure(ONE), slice(None), [CA]))), "has no C-alpha atoms"),
    ],
)
def test_files_that_can_not_serve(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "x.pdb").write_text(content)
    with pytest.raises(InputError, match=message):
        read_initial_guess(tmp_path / "x.pdb", target(ONE))
