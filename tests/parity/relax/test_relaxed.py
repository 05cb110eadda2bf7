# SPDX-License-Identifier: Apache-2.0
"""A relaxed complex beside AlphaFold 2's own relaxation, which draws its hydrogens' places at random."""

from __future__ import annotations

import io
import random

import numpy as np
import openmm
import pytest
from alphafold.common import protein as alphafold_protein
from alphafold.relax.relax import AmberRelaxation
from openmm import app
from relax_cases import helix, joined, text_of

from af2cpu.chemistry.residues import ATOM37_INDEX, CA
from af2cpu.records import Protein
from af2cpu.relax.border import kcal_mol
from af2cpu.relax.rounds import relax


def _alphafolds(protein: Protein) -> str:
    """The PDB text of AlphaFold 2's result."""
    relaxation = AmberRelaxation(
        max_iterations=0, tolerance=2.39, stiffness=10.0, exclude_residues=[], max_outer_iterations=3, use_gpu=False
    )
    text, _, violations = relaxation.process(prot=alphafold_protein.from_pdb_string(text_of(protein)))
    assert not np.any(violations)
    return text


def _energy(text: str) -> float:
    """In amber99sb without restraints, kcal/mol."""
    file = app.PDBFile(io.StringIO(text))
    system = app.ForceField("amber99sb.xml").createSystem(file.topology)
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions(file.positions)
    return kcal_mol(context.getState(getEnergy=True).getPotentialEnergy())


def test_a_complex_is_relaxed_as_by_alphafold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openmm.app.modeller.random", random.Random(0))
    protein = joined(helix("SAKDRELY"), helix("SAKDRELY", "B", shift=14.0), helix("GAH", "C", shift=-14.0))
    ours = relax(protein)
    theirs = _alphafolds(protein)
    expected = alphafold_protein.from_pdb_string(theirs)
    np.testing.assert_array_equal(expected.atom_mask, ours.atom_mask)
    heavy = (ours.atom_mask > 0) & (np.arange(37) != ATOM37_INDEX["OXT"])  # AlphaFold 2 holds it where pdbfixer put it
    shift = np.linalg.norm(ours.atom_positions - expected.atom_positions, axis=-1)
    assert np.sqrt(np.mean(shift[heavy] ** 2)) < 0.3  # angstrom; side chains at the surface follow the hydrogens
    assert np.sqrt(np.mean(shift[:, CA] ** 2)) < 0.2
    assert _energy(text_of(protein, ours)) < _energy(theirs) + 10.0
