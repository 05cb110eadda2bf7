# SPDX-License-Identifier: Apache-2.0
"""From backbone frames and torsion angles to atoms (Algorithms 24 and 25)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from af2cpu.chemistry import residues, rigid_groups
from af2cpu.geometry.rigid import Rigid, matmul3, rotate
from af2cpu.shapes import Float, Int


class AllAtoms(NamedTuple):
    """All atoms of a structure and the frames that place them."""

    frames: Rigid  # [n_res, 8], rigid groups to global, angstrom
    atom14: Tensor  # [n_res, 14, 3], angstrom, zero where no atom is
    atom37: Tensor  # [n_res, 37, 3]
    atom37_mask: Tensor  # [n_res, 37]


def make_rot_x(sin_cos: Float[Tensor, "*b 2"]) -> Float[Tensor, "*b 3 3"]:
    """Algorithm 25 makeRotX: the rotation by a torsion angle, given as (sin, cos), around the x axis."""
    sin, cos = sin_cos.unbind(-1)
    one, zero = torch.ones_like(sin), torch.zeros_like(sin)
    rows = [(one, zero, zero), (zero, cos, -sin), (zero, sin, cos)]
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def compute_all_atom_coordinates(
    backbone: Rigid, torsions: Float[Tensor, "i 7 2"], aatype: Int[Tensor, " i"]
) -> AllAtoms:
    """Algorithm 24 computeAllAtomCoordinates: T_group = T_backbone ... T_default makeRotX(torsion), x = T x_ideal.

    Backbone frames in angstrom. chi2..chi4 turn within the frame of the chi before them.
    """
    default = torch.as_tensor(rigid_groups.DEFAULT_FRAMES)[aatype]
    no_turn = torsions.new_tensor([0.0, 1.0]).expand(len(aatype), 1, 2)
    turned = matmul3(default[..., :3, :3], make_rot_x(torch.cat([no_turn, torsions], dim=1)))
    local = [Rigid(turned[:, g], default[:, g, :3, 3]) for g in range(8)]
    for chi in range(rigid_groups.CHI1 + 1, 8):
        local[chi] = local[chi - 1].compose(local[chi])
    to_backbone = Rigid(torch.stack([f.rot for f in local], 1), torch.stack([f.trans for f in local], 1))
    frames = backbone.unsqueeze(-1).compose(to_backbone)
    return _place_atoms(frames, aatype)


def _place_atoms(frames: Rigid, aatype: Tensor) -> AllAtoms:
    group = torch.as_tensor(rigid_groups.ATOM14_GROUP)[aatype]
    residue = torch.arange(len(aatype))[:, None]
    ideal = torch.as_tensor(rigid_groups.ATOM14_POSITION)[aatype]
    exists14 = torch.as_tensor(rigid_groups.ATOM14_EXISTS)[aatype]
    atom14 = (rotate(frames.rot[residue, group], ideal) + frames.trans[residue, group]) * exists14[..., None]
    exists37 = torch.as_tensor(residues.ATOM37_EXISTS)[aatype]
    atom37 = atom14[residue, torch.as_tensor(residues.ATOM37_TO_ATOM14)[aatype]] * exists37[..., None]
    return AllAtoms(frames, atom14, atom37, exists37)
