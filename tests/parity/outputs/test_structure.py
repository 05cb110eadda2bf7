# SPDX-License-Identifier: Apache-2.0
"""Structure files against AlphaFold 2's own writer and readers."""

from __future__ import annotations

import re

import numpy as np
import pytest
from output_cases import PROVENANCE
from prediction_cases import prediction

from af2cpu.confidence import confidence_of
from af2cpu.outputs.atoms import predicted_atoms
from af2cpu.outputs.modelcif import modelcif_text
from af2cpu.outputs.structure import pdb_text
from af2cpu.records import Prediction, PredictionId

protein = pytest.importorskip("alphafold.common.protein")

COMPLEX = "MACDEFW:GAV:MACDEFW"
SEQUENCES = ("M", "ACDEFGHIKLMNPQRSTVWY", "XAXXG", "ACDEFGHIKLMNPQRSTVWYX" * 100 + "A", COMPLEX)


def _theirs(p: Prediction) -> object:
    return protein.Protein(
        atom_positions=p.atom_positions,
        atom_mask=p.atom_mask,
        aatype=p.aatype,
        residue_index=p.residue_index + 1,
        chain_index=p.asym_id - 1,  # theirs of complexes begins at B, which users take for a fault
        b_factors=np.repeat(p.plddt[:, None], 37, axis=1),
    )


@pytest.mark.parametrize("sequence", SEQUENCES, ids=lambda s: f"{len(s)} residues")
def test_pdb_is_theirs_byte_for_byte(sequence: str) -> None:
    p = prediction(sequence)
    ours = re.sub("^SEQRES.*\n", "", pdb_text(predicted_atoms(p)), flags=re.MULTILINE)  # which theirs has not
    assert ours == protein.to_pdb(_theirs(p)).replace("-0.000", " 0.000")


@pytest.mark.parametrize("sequence", [*SEQUENCES[:2], COMPLEX])
def test_they_read_our_files(sequence: str) -> None:
    p = prediction(sequence)
    atoms = predicted_atoms(p)
    cif = modelcif_text(atoms, confidence_of(PredictionId(p.model, 0, 0), p), PROVENANCE, relaxed=False)
    for read in (protein.from_pdb_string(pdb_text(atoms)), protein.from_mmcif_string(cif)):
        np.testing.assert_array_equal(read.chain_index, p.asym_id - 1)
        np.testing.assert_array_equal(read.aatype, p.aatype)
        np.testing.assert_array_equal(read.atom_mask, p.atom_mask)
        np.testing.assert_array_equal(read.residue_index, p.residue_index + 1)
        np.testing.assert_allclose(read.atom_positions, p.atom_positions * p.atom_mask[..., None], atol=5.1e-4)
        np.testing.assert_allclose(read.b_factors, p.plddt[:, None] * p.atom_mask, atol=5.1e-3)
