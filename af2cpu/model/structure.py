# SPDX-License-Identifier: Apache-2.0
"""The structure module (Algorithms 20 and 23). It runs in float32; backbone frames have a unit of length of their own.

The unit is `position_scale`: a nanometre in the monomer models, 20 angstrom in the multimer models. Atoms: angstrom.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from ml_collections import ConfigDict
from torch import Tensor, nn

from af2cpu.geometry.rigid import Rigid, quaternion_times_vector, rotate, rotation_from_quaternion
from af2cpu.model.atoms import AllAtoms, compute_all_atom_coordinates
from af2cpu.model.ipa import InvariantPointAttention
from af2cpu.model.layers import LayerNorm, Linear
from af2cpu.ops.slicing import build_rows
from af2cpu.shapes import Float, Int


class Backbone(NamedTuple):
    """Backbone frames as unit quaternions [n_res, 4] and translations [n_res, 3]."""

    quaternion: Tensor
    trans: Tensor

    @classmethod
    def at_origin(cls, n_res: int) -> Backbone:
        """All residues at the origin: the black hole that folding starts from."""
        return cls(torch.tensor([1.0, 0.0, 0.0, 0.0]).repeat(n_res, 1), torch.zeros(n_res, 3))

    def rigid(self) -> Rigid:
        return Rigid(rotation_from_quaternion(self.quaternion), self.trans)


class BackboneUpdate(nn.Module):
    """Algorithm 23 BackboneUpdate: (b, c, d), t = W s; T <- T o (normalised (1, b, c, d), t). s [n_res, c_s] -> T."""

    def __init__(self, c_s: int) -> None:
        super().__init__()
        self.linear = Linear(c_s, 6)

    def forward(self, s: Float[Tensor, "i c_s"], backbone: Backbone) -> Backbone:
        turn, shift = self.linear(s).split(3, dim=-1)
        quaternion = backbone.quaternion + quaternion_times_vector(backbone.quaternion, turn)
        trans = backbone.trans + rotate(backbone.rigid().rot, shift)
        return Backbone(quaternion / quaternion.norm(dim=-1, keepdim=True), trans)


class TorsionAngles(nn.Module):
    """Algorithm 20 lines 11-14: a residual network on s and the initial s. -> (sin, cos), not normalised."""

    def __init__(self, c_s: int, config: ConfigDict) -> None:
        super().__init__()
        self.s = Linear(c_s, config.c)
        self.s_initial = Linear(c_s, config.c)
        self.up = nn.ModuleList(Linear(config.c, config.c) for _ in range(config.n_blocks))
        self.down = nn.ModuleList(Linear(config.c, config.c) for _ in range(config.n_blocks))
        self.angles = Linear(config.c, 14)

    def forward(self, s: Float[Tensor, "i c_s"], s_initial: Float[Tensor, "i c_s"]) -> Float[Tensor, "i 7 2"]:
        a = self.s(F.relu(s)) + self.s_initial(F.relu(s_initial))
        for up, down in zip(self.up, self.down, strict=True):
            a = a + down(F.relu(up(F.relu(a))))
        return self.angles(F.relu(a)).unflatten(-1, (7, 2))


@dataclass(frozen=True)
class Structure:
    """Output of the structure module for one protein."""

    atoms: AllAtoms  # of the last layer, angstrom
    s: Tensor  # [n_res, c_s], single representation of the last layer, for pLDDT
    backbones: tuple[Rigid, ...]  # of each layer, angstrom
    angles: tuple[Tensor, ...]  # of each layer, [n_res, 7, 2], not normalised


class StructureModule(nn.Module):
    """Algorithm 20 StructureModule: n_layers times IPA, transition, backbone update and torsions, with shared weights.

    s [n_res, c_s], z [n_res, n_res, c_z], aatype [n_res] -> Structure. Dropout is for training only.
    """

    def __init__(self, c_s: int, c_z: int, config: ConfigDict) -> None:
        super().__init__()
        self.n_layers, self.position_scale = config.n_layers, config.position_scale
        self.s_norm = LayerNorm(c_s)
        self.z_norm = LayerNorm(c_z)
        self.initial = Linear(c_s, c_s)
        self.ipa = InvariantPointAttention(c_s, c_z, config.ipa)
        self.ipa_norm = LayerNorm(c_s)
        self.transition = nn.ModuleList(Linear(c_s, c_s) for _ in range(config.n_transition_layers))
        self.transition_norm = LayerNorm(c_s)
        self.backbone_update = BackboneUpdate(c_s)
        self.torsion_angles = TorsionAngles(c_s, config.sidechain)

    def _transition(self, s: Float[Tensor, "i c_s"]) -> Float[Tensor, "i c_s"]:
        a = s
        for layer in self.transition[:-1]:
            a = F.relu(layer(a))
        return self.transition_norm(s + self.transition[-1](a))

    def _pair_bias(self, z: Tensor) -> Float[Tensor, "i i h"]:
        bytes_per_row = 3 * z.shape[1] * z.shape[2] * 4
        return build_rows(z.shape[0], bytes_per_row, lambda rows: self.ipa.bias(self.z_norm(z[rows].float())))

    def forward(
        self,
        s: Float[Tensor, "i c_s"],
        z: Float[Tensor, "i i c_z"],
        aatype: Int[Tensor, " i"],
        mask: Float[Tensor, " i"],
    ) -> Structure:
        s_initial = self.s_norm(s)
        s = self.initial(s_initial)
        bias = self._pair_bias(z)
        backbone = Backbone.at_origin(s.shape[0])
        backbones, angles = [], []
        for _ in range(self.n_layers):
            s = self.ipa_norm(self.ipa(s, z, self.z_norm.record, bias, backbone.rigid(), mask))
            s = self._transition(s)
            backbone = self.backbone_update(s, backbone)
            backbones.append(backbone.rigid().scale_translation(self.position_scale))
            angles.append(self.torsion_angles(s, s_initial))
        torsions = angles[-1] / torch.sqrt(angles[-1].square().sum(-1, keepdim=True).clamp(min=1e-12))
        atoms = compute_all_atom_coordinates(backbones[-1], torsions, aatype)
        return Structure(atoms, s, tuple(backbones), tuple(angles))
