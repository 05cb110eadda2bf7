# SPDX-License-Identifier: Apache-2.0
"""Structural violations beside AlphaFold 2's find_structural_violations.

AlphaFold 2 knows no chains there, only residue numbers, which begin again in each chain of a complex. It is right where
numbers go on from chain to chain with a gap; where they begin again it misses contacts, which is pinned below.
"""

from __future__ import annotations

from dataclasses import replace

import ml_collections
import numpy as np
import pytest
from alphafold.common import residue_constants
from alphafold.model import folding
from relax_cases import helix, joined, placed

from af2cpu.chemistry.residues import ATOM14_TO_ATOM37, ATOM37_EXISTS, ATOM37_INDEX
from af2cpu.records import Protein
from af2cpu.relax.segments import running_index
from af2cpu.relax.stereochemistry import ATOM14_RADIUS, distance_bounds
from af2cpu.relax.violations import Violations, find_violations

_CONFIG = ml_collections.ConfigDict({"violation_tolerance_factor": 12, "clash_overlap_tolerance": 1.5})
_SEQUENCE = "MARNDCQEGHCILKMFPSTWYVPGCC"
_HALF = "SAKDRELYHTVGA"  # of as many residues: the reference is compiled for each number


def _reference(protein: Protein, number: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Of AlphaFold 2, by residue numbers: the protein's own if not given."""
    exists = (ATOM14_RADIUS[protein.aatype] > 0).astype(np.float32)
    to37 = ATOM14_TO_ATOM37[protein.aatype]
    positions = np.take_along_axis(protein.atom_positions, to37[..., None], axis=1) * exists[..., None]
    batch = {
        "aatype": protein.aatype,
        "residue_index": protein.residue_index if number is None else number,
        "atom14_atom_exists": exists,
        "residx_atom14_to_atom37": to37,
    }
    found = folding.find_structural_violations(batch, positions.astype(np.float32), _CONFIG)
    masks = {
        "links": found["between_residues"]["connections_per_residue_violation_mask"],
        "clashes": found["between_residues"]["clashes_per_atom_clash_mask"],
        "distorted": found["within_residues"]["per_atom_violations"],
        "per_residue": found["total_per_residue_violations_mask"],
    }
    return {name: np.asarray(mask) > 0 for name, mask in masks.items()}


def _ours(protein: Protein) -> Violations:
    index = running_index(protein)
    return find_violations(protein.aatype, protein.atom_positions, protein.atom_mask, index)


def test_bounds_are_alphafolds() -> None:
    reference = residue_constants.make_atom14_dists_bounds(overlap_tolerance=1.5, bond_length_tolerance_factor=12)
    lower, upper = distance_bounds(12.0, 1.5)
    np.testing.assert_allclose(lower, reference["lower_bound"], atol=1e-6)
    np.testing.assert_allclose(upper, reference["upper_bound"], rtol=1e-6)


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.2, 0.6, 2.0])  # angstrom
@pytest.mark.parametrize("gap", [False, True])
def test_violations_are_alphafolds(noise: float, gap: bool) -> None:
    protein = helix(_SEQUENCE)
    rng = np.random.default_rng(7)
    shift = rng.normal(size=protein.atom_positions.shape) * noise * ATOM37_EXISTS[protein.aatype][..., None]
    number = protein.residue_index + np.where(np.arange(protein.n_res) >= 9, 5 * gap, 0)
    protein = replace(protein, atom_positions=(protein.atom_positions + shift).astype(np.float32), residue_index=number)
    reference = _reference(protein)
    found = find_violations(protein.aatype, protein.atom_positions, protein.atom_mask, protein.residue_index)
    for name, expected in reference.items():
        np.testing.assert_array_equal(getattr(found, name), expected, err_msg=name)
    if noise >= 0.6:
        assert found.links.any()
        assert found.clashes.any()
        assert found.distorted.any()


def _noisy(protein: Protein, noise: float) -> Protein:
    shift = np.random.default_rng(7).normal(size=protein.atom_positions.shape) * noise * protein.atom_mask[..., None]
    return replace(protein, atom_positions=(protein.atom_positions + shift).astype(np.float32))


@pytest.mark.parametrize("noise", [0.0, 0.2, 0.6])  # angstrom
@pytest.mark.parametrize("apart", [1.0, 4.0, 40.0])  # angstrom between the chains
def test_violations_of_a_complex_are_alphafolds(noise: float, apart: float) -> None:
    """Three chains, two of them copies; the third is numbered as if it went on from the second."""
    first, copy = helix("MARNDCQEGH"), helix("MARNDCQEGH", "B", shift=apart)
    protein = _noisy(joined(first, copy, helix("GAPSKC", "C", first=11, shift=-apart)), noise)
    found = _ours(protein)
    for name, expected in _reference(protein, running_index(protein)).items():
        np.testing.assert_array_equal(getattr(found, name), expected, err_msg=name)
    between = found.clashes.any(axis=1) & ~np.concatenate([_ours(one).clashes.any(axis=1) for one in _chains(protein)])
    assert between.any() == (apart < 40.0)


def _chains(protein: Protein) -> list[Protein]:
    arrays = {name: value for name, value in vars(protein).items() if isinstance(value, np.ndarray)}
    own = [protein.chain_ids == name for name in dict.fromkeys(protein.chain_ids.tolist())]
    return [replace(protein, **{name: value[rows] for name, value in arrays.items()}) for rows in own]


def test_alphafold_sees_no_overlap_of_residues_with_one_number() -> None:
    """DEVIATION: it compares residues whose numbers differ, so that a homodimer's axis is free of clashes."""
    first, far = helix(_HALF), helix(_HALF, "B", shift=60.0)
    touching = placed(joined(first, far), 13 + 3, "CB", first.atom_positions[3, ATOM37_INDEX["CB"]] + np.float32(0.3))
    touching = _only(touching, (3, "CB"), (13 + 3, "CB"))
    assert np.flatnonzero(_ours(touching).clashes.any(axis=1)).tolist() == [3, 16]
    assert not _reference(touching)["clashes"].any()
    assert _reference(touching, running_index(touching))["clashes"].sum() == 2


def test_alphafold_takes_c_and_n_of_two_chains_for_bonded() -> None:
    """DEVIATION: where their numbers follow each other, an overlap is no clash for it."""
    first, far = helix(_HALF), helix(_HALF, "B", shift=60.0)
    touching = placed(joined(first, far), 13 + 4, "N", first.atom_positions[3, ATOM37_INDEX["C"]] + np.float32(0.5))
    touching = _only(touching, (3, "C"), (13 + 4, "N"))
    assert np.flatnonzero(_ours(touching).clashes.any(axis=1)).tolist() == [3, 17]
    assert not _reference(touching)["clashes"].any()
    assert _reference(touching, running_index(touching))["clashes"].sum() == 2


def test_alphafold_bonds_chains_whose_numbers_follow_each_other() -> None:
    """DEVIATION: as in files that number all chains in one go."""
    protein = joined(helix(_HALF), helix(_HALF, "B", first=14, shift=30.0))
    assert np.flatnonzero(_reference(protein)["links"]).tolist() == [12, 13]
    assert _ours(protein).count == 0


def _only(protein: Protein, *atoms: tuple[int, str]) -> Protein:
    """All other atoms out of reach of each other and of these; AlphaFold 2 takes every atom as present."""
    positions = protein.atom_positions + np.arange(37, dtype=np.float32)[:, None] * 50.0
    positions[:, :, 1] += np.arange(protein.n_res)[:, None] * 50.0
    for row, atom in atoms:
        positions[row, ATOM37_INDEX[atom]] = protein.atom_positions[row, ATOM37_INDEX[atom]]
    return replace(protein, atom_positions=positions * protein.atom_mask[..., None])
