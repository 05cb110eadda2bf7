"""Structural violations beside AlphaFold 2's find_structural_violations."""

from __future__ import annotations

from dataclasses import replace

import ml_collections
import numpy as np
import pytest
from alphafold.common import residue_constants
from alphafold.model import folding
from relax_cases import helix

from af2cpu.chemistry.residues import ATOM14_TO_ATOM37, ATOM37_EXISTS
from af2cpu.records import Protein
from af2cpu.relax.stereochemistry import ATOM14_RADIUS, distance_bounds
from af2cpu.relax.violations import find_violations

_CONFIG = ml_collections.ConfigDict({"violation_tolerance_factor": 12, "clash_overlap_tolerance": 1.5})
_SEQUENCE = "MARNDCQEGHCILKMFPSTWYVPGCC"


def _reference(protein: Protein) -> dict[str, np.ndarray]:
    exists = (ATOM14_RADIUS[protein.aatype] > 0).astype(np.float32)
    to37 = ATOM14_TO_ATOM37[protein.aatype]
    positions = np.take_along_axis(protein.atom_positions, to37[..., None], axis=1) * exists[..., None]
    batch = {
        "aatype": protein.aatype,
        "residue_index": protein.residue_index,
        "atom14_atom_exists": exists,
        "residx_atom14_to_atom37": to37,
    }
    found = folding.find_structural_violations(batch, positions.astype(np.float32), _CONFIG)
    return {
        "links": found["between_residues"]["connections_per_residue_violation_mask"],
        "clashes": found["between_residues"]["clashes_per_atom_clash_mask"],
        "distorted": found["within_residues"]["per_atom_violations"],
        "per_residue": found["total_per_residue_violations_mask"],
    }


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
        np.testing.assert_array_equal(getattr(found, name), np.asarray(expected) > 0, err_msg=name)
    if noise >= 0.6:
        assert found.links.any()
        assert found.clashes.any()
        assert found.distorted.any()
