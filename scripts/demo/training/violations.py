# SPDX-License-Identifier: Apache-2.0
"""Losses for clean chemistry: peptide bonds and angles, clashes, distances within residues (supplement 1.9.11)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from af2cpu.chemistry.residues import RESNAMES
from af2cpu.chemistry.rigid_groups import ATOM14_EXISTS
from af2cpu.relax.stereochemistry import (
    ATOM14_RADIUS,
    C_N_CA_COSINE,
    C_N_CA_COSINE_STD,
    CA_C_N_COSINE,
    CA_C_N_COSINE_STD,
    PEPTIDE_BOND,
    distance_bounds,
)

_N, _CA, _C = 0, 1, 2
_PRO, _CYS = RESNAMES.index("PRO"), RESNAMES.index("CYS")
_SG = 5
# Stricter than what counts as a violation (12 deviations, 1.5 angstrom), so that the network stays clear of it.
_DEVIATIONS, _OVERLAP = 3.0, 1.0


def violation_loss(aatype: Tensor, atom14: Tensor, chain: Tensor) -> Tensor:
    """Peptide links, clashes between residues and distances within them: one number per residue, angstrom.

    aatype [i], atom14 [i, 14, 3], chain [i]: residues of different chains have no peptide link.
    """
    clashes = _clashes(aatype, atom14, chain)
    return _links(aatype, atom14, chain) + (clashes + _within(aatype, atom14)) / len(aatype)


def _links(aatype: Tensor, atom14: Tensor, chain: Tensor) -> Tensor:
    linked = chain[:-1] == chain[1:]

    def outside(value: Tensor, mean: Tensor | float, std: Tensor | float) -> Tensor:
        return F.relu((value - mean).abs() - _DEVIATIONS * std)[linked].mean()

    ca, c, n, next_ca = atom14[:-1, _CA], atom14[:-1, _C], atom14[1:, _N], atom14[1:, _CA]
    before_proline = (aatype[1:] == _PRO)[:, None]
    bond = torch.where(before_proline, torch.tensor(PEPTIDE_BOND[True]), torch.tensor(PEPTIDE_BOND[False]))
    at_c = F.cosine_similarity(ca - c, n - c, dim=-1)
    at_n = F.cosine_similarity(c - n, next_ca - n, dim=-1)
    length = torch.sqrt((n - c).square().sum(-1) + 1e-6)
    return (
        outside(length, bond[:, 0], bond[:, 1])
        + outside(at_c, CA_C_N_COSINE, CA_C_N_COSINE_STD)
        + outside(at_n, C_N_CA_COSINE, C_N_CA_COSINE_STD)
    )


def _clashes(aatype: Tensor, atom14: Tensor, chain: Tensor) -> Tensor:
    exists = torch.as_tensor(ATOM14_EXISTS)[aatype] > 0
    residue, slot = torch.nonzero(exists, as_tuple=True)
    atoms = atom14[residue, slot]
    radius = torch.as_tensor(ATOM14_RADIUS, dtype=torch.float32)[aatype][residue, slot]
    bonded = (residue[:, None] + 1 == residue[None, :]) & (slot[:, None] == _C) & (slot[None, :] == _N)
    bonded &= chain[residue][:, None] == chain[residue][None, :]
    sulphur = (slot == _SG) & (aatype[residue] == _CYS)
    apart = (residue[:, None] < residue[None, :]) & ~bonded & ~(sulphur[:, None] & sulphur[None, :])
    i, j = torch.nonzero(apart & (torch.cdist(atoms, atoms).detach() < 4), as_tuple=True)
    distance = torch.sqrt((atoms[i] - atoms[j]).square().sum(-1) + 1e-6)
    return F.relu(radius[i] + radius[j] - _OVERLAP - distance).sum()


def _within(aatype: Tensor, atom14: Tensor) -> Tensor:
    bounds = distance_bounds(_DEVIATIONS * 2, _OVERLAP)
    lower, upper = (torch.as_tensor(bound, dtype=torch.float32)[aatype] for bound in bounds)
    exists = torch.as_tensor(ATOM14_EXISTS)[aatype]
    pairs = exists[:, :, None] * exists[:, None] * (1 - torch.eye(14))
    distance = torch.sqrt((atom14[:, :, None] - atom14[:, None]).square().sum(-1) + 1e-6)
    return (pairs * (F.relu(lower - distance) + F.relu(distance - upper))).sum() / 2
