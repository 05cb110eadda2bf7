# SPDX-License-Identifier: Apache-2.0
"""Torsion angles of residues from their atoms (supplement 1.2.9, 1.8.1)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from af2cpu.chemistry import residues
from af2cpu.geometry.rigid import rigid_from_axes
from af2cpu.shapes import Float, Int


class Torsions(NamedTuple):
    """The seven torsion angles pre-omega, phi, psi, chi1..chi4 as (sin, cos)."""

    sin_cos: Tensor  # [..., n_res, 7, 2]
    alt_sin_cos: Tensor  # [..., n_res, 7, 2], with the chi angles that a half turn maps onto themselves turned
    mask: Tensor  # [..., n_res, 7], 1.0 where all four atoms are known


def defining_atoms(atoms: Tensor, aatype: Tensor) -> Tensor:
    """[..., n_res, 37, k] -> [..., n_res, 7, 4, k]: the four atoms of each torsion; zeros before the first residue."""
    previous = torch.cat([torch.zeros_like(atoms[..., :1, :, :]), atoms[..., :-1, :, :]], dim=-3)
    n, ca, c, o = residues.N, residues.CA, residues.C, residues.O
    pre_omega = torch.stack([previous[..., ca, :], previous[..., c, :], atoms[..., n, :], atoms[..., ca, :]], dim=-2)
    phi = torch.stack([previous[..., c, :], *(atoms[..., k, :] for k in (n, ca, c))], dim=-2)
    psi = torch.stack([atoms[..., k, :] for k in (n, ca, c, o)], dim=-2)
    backbone = torch.stack([pre_omega, phi, psi], dim=-3)
    index = torch.as_tensor(residues.CHI_ATOM37)[aatype].flatten(-2)  # [..., n_res, 16]
    index = index.unsqueeze(-1).expand(*index.shape, atoms.shape[-1])
    chi = torch.gather(atoms, -2, index).unflatten(-2, (4, 4))
    return torch.cat([backbone, chi], dim=-3)


def torsions_from_atoms(
    aatype: Int[Tensor, "*b n_res"],
    positions: Float[Tensor, "*b n_res 37 3"],
    mask: Float[Tensor, "*b n_res 37"],
) -> Torsions:
    """All torsion angles of residues whose types are `aatype` (21 and more count as X, which has no chi).

    psi is measured at O, which lies opposite to the next N, hence its sign. Where atoms are missing (mask 0) the angle
    is that of their places at the origin, as in DeepMind's code, and may be nothing but rounding.
    """
    aatype = aatype.clamp(max=residues.UNKNOWN).long()
    atoms = defining_atoms(positions, aatype)
    known = defining_atoms(mask.unsqueeze(-1), aatype)[..., 0].prod(-1)
    chi_exists = torch.as_tensor(residues.CHI_EXISTS)[aatype]
    known = known * torch.cat([chi_exists.new_ones(*aatype.shape, 3), chi_exists], dim=-1)

    first, second, third, fourth = atoms.unbind(-2)
    local = rigid_from_axes(third - second, first - third, third).apply_inverse(fourth)
    sin_cos = torch.stack([local[..., 2], local[..., 1]], dim=-1)
    sin_cos = sin_cos / torch.sqrt(sin_cos.square().sum(-1, keepdim=True) + 1e-8)
    sign = sin_cos.new_tensor([1, 1, -1, 1, 1, 1, 1])
    sin_cos = sin_cos * sign.unsqueeze(-1)

    half_turn = torch.as_tensor(residues.CHI_PI_PERIODIC)[aatype]
    mirror = torch.cat([half_turn.new_ones(*aatype.shape, 3), 1 - 2 * half_turn], dim=-1)
    return Torsions(sin_cos, sin_cos * mirror.unsqueeze(-1), known)
