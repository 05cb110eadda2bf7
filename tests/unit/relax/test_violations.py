# SPDX-License-Identifier: Apache-2.0
"""Structural violations, each kind made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from relax_cases import helix, moved, placed, torn, without
from shared_data import shared_data

from af2cpu.chemistry.residues import ATOM14, ATOM37_INDEX
from af2cpu.formats.structure import read_protein
from af2cpu.records import Protein
from af2cpu.relax import violations
from af2cpu.relax.violations import Violations, find_violations


def _found(protein: Protein) -> Violations:
    return find_violations(protein.aatype, protein.atom_positions, protein.atom_mask, protein.residue_index)


def test_ideal_helix_has_none() -> None:
    assert _found(helix()).count == 0


def test_torn_bond_marks_both_neighbours() -> None:
    found = _found(torn(helix(), 5, 3.0))
    assert np.flatnonzero(found.links).tolist() == [4, 5]
    assert not found.distorted.any()


def test_gap_in_the_numbers_is_no_torn_bond() -> None:
    protein = torn(helix(), 5, 3.0)
    number = protein.residue_index + np.where(np.arange(protein.n_res) >= 5, 10, 0)
    assert not find_violations(protein.aatype, protein.atom_positions, protein.atom_mask, number).links.any()


def test_overlap_marks_both_atoms() -> None:
    protein = helix()  # S A K D R E L Y H T V G
    at = protein.atom_positions[3, ATOM37_INDEX["OD1"]] + np.float32([0.0, 0.0, 0.5])
    found = _found(placed(protein, 10, "CG1", at))
    assert found.clashes[3, ATOM14["ASP"].index("OD1")]
    assert found.clashes[10, ATOM14["VAL"].index("CG1")]
    assert found.distorted[10, ATOM14["VAL"].index("CG1")]


def test_sulphurs_may_touch() -> None:
    protein = helix("ACAACAA")
    at = protein.atom_positions[1, ATOM37_INDEX["SG"]] + np.float32([0.0, 0.0, 1.0])
    touching = placed(placed(protein, 4, "SG", at), 5, "CB", at + np.float32([0.0, 0.0, 30.0]))
    only = np.zeros_like(protein.atom_mask)
    only[[1, 4], ATOM37_INDEX["SG"]] = only[5, ATOM37_INDEX["CB"]] = 1.0
    assert not _found(replace(touching, atom_mask=only)).clashes.any()
    third = placed(touching, 5, "CB", at)
    assert np.flatnonzero(_found(replace(third, atom_mask=only)).clashes.any(axis=1)).tolist() == [1, 4, 5]


def test_distorted_residue() -> None:
    found = _found(moved(helix(), 6, ("CD1",), [0.0, 0.0, 1.5]))
    assert found.distorted[6, ATOM14["LEU"].index("CD1")]
    assert np.flatnonzero(found.per_residue).tolist() == [6]


def test_missing_atoms_have_none() -> None:
    protein = without(helix(), 6, "CG", "CD1", "CD2", "C")
    assert _found(protein).count == 0


def test_masked_coordinates_take_no_part() -> None:
    protein = without(helix(), 6, "CG", "CD1", "CD2")
    rubbish = np.where(protein.atom_mask[..., None] > 0, protein.atom_positions, np.nan)
    assert _found(replace(protein, atom_positions=rubbish)).count == 0
    clashing = placed(
        replace(protein, atom_positions=rubbish), 10, "CG1", protein.atom_positions[3, ATOM37_INDEX["OD1"]]
    )
    assert _found(clashing).clashes[3].any()


def test_slices_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    protein = helix("MARNDCQEGHCILKMFPSTWYVPGCC")
    noise = np.random.default_rng(1).normal(size=protein.atom_positions.shape) * protein.atom_mask[..., None]
    protein = replace(protein, atom_positions=(protein.atom_positions + noise).astype(np.float32))
    whole = _found(protein)
    monkeypatch.setattr(violations, "_PAIRS_AT_ONCE", 7)
    monkeypatch.setattr(violations, "_ROWS_AT_ONCE", 5)
    assert whole.clashes.any()
    np.testing.assert_array_equal(_found(protein).clashes, whole.clashes)


def test_disulphides_of_alphafolds_own_test() -> None:
    """The residues that AlphaFold 2's amber_minimize_test names for this file."""
    protein, _ = read_protein(shared_data("pdb", "multiple_disulfides_target.pdb"))
    found = _found(protein)
    assert np.flatnonzero(found.links).tolist() == [42, 43, 59, 60, 135, 136]
    clashing = {8, 13, 14, 26, 31, 39, 42, 47, 64, 85, 102, 109, 111, 118, 124, 131, 139, 147, 152}
    assert set(np.flatnonzero(found.clashes.any(axis=1)).tolist()) == clashing
    assert found.clashes.sum() == 37
    assert not found.distorted.any()
