# SPDX-License-Identifier: Apache-2.0
"""Torsion angles: what the structure module's atoms are built with is what is measured on them."""

from __future__ import annotations

import math

import torch

from af2cpu.chemistry import residues
from af2cpu.geometry.rigid import Rigid
from af2cpu.geometry.torsion import torsions_from_atoms
from af2cpu.model.atoms import compute_all_atom_coordinates


def _chain(n_res: int = 20) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """All residue types with known psi and chi; backbones far apart."""
    aatype = torch.arange(n_res) % 20
    torch.manual_seed(0)
    angles = (torch.rand(n_res, 7) - 0.5) * 6
    sin_cos = torch.stack([angles.sin(), angles.cos()], dim=-1)
    backbone = Rigid(torch.eye(3).repeat(n_res, 1, 1), torch.arange(n_res)[:, None] * torch.tensor([5.0, 0.0, 0.0]))
    atoms = compute_all_atom_coordinates(backbone, sin_cos, aatype)
    return aatype, atoms.atom37, atoms.atom37_mask, sin_cos


def test_psi_and_chi_come_back() -> None:
    aatype, positions, mask, sin_cos = _chain()
    measured = torsions_from_atoms(aatype, positions, mask)
    known = measured.mask[:, 2:] > 0
    assert known[:, 1:].sum() == residues.CHI_EXISTS.sum()
    torch.testing.assert_close(measured.sin_cos[:, 2:][known], sin_cos[:, 2:][known], atol=1e-3, rtol=0)


def test_half_turn_symmetry() -> None:
    aatype, positions, mask, _ = _chain()
    measured = torsions_from_atoms(aatype, positions, mask)
    flipped = (measured.alt_sin_cos != measured.sin_cos).any(-1)
    turned = {(residues.RESNAMES[aatype[i]], int(k) - 3) for i, k in torch.nonzero(flipped)}
    assert turned == {("ASP", 1), ("GLU", 2), ("PHE", 1), ("TYR", 1)}


def test_mask_follows_missing_atoms() -> None:
    aatype, positions, mask, _ = _chain()
    mask[3, residues.CA] = 0.0
    known = torsions_from_atoms(aatype, positions, mask).mask
    assert known[3].sum() == 0  # every angle of a residue needs its C-alpha
    assert known[4, 0] == 0  # and pre-omega of the next one
    assert known[4, 1] == 1
    assert known[0, :2].sum() == 0  # nothing comes before the first


def test_trans_peptide_bond() -> None:
    """pre-omega of a flat trans bond is 180 degrees."""
    positions, mask = torch.zeros(2, 37, 3), torch.zeros(2, 37)
    for residue, atom, xy in (
        (0, residues.CA, (0.0, 0.0)),
        (0, residues.C, (1.5, 0.0)),
        (1, residues.N, (2.2, 1.1)),
        (1, residues.CA, (3.7, 1.1)),
    ):
        positions[residue, atom, :2] = torch.tensor(xy)
        mask[residue, atom] = 1.0
    torsions = torsions_from_atoms(torch.zeros(2, dtype=torch.long), positions, mask)
    assert torsions.mask[1, 0] == 1
    sine, cosine = torsions.sin_cos[1, 0]
    assert abs(math.degrees(torch.atan2(sine, cosine))) > 179.9
