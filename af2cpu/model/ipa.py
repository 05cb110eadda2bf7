# SPDX-License-Identifier: Apache-2.0
"""Invariant point attention (Algorithm 22)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from ml_collections import ConfigDict
from torch import Tensor, nn

from af2cpu.geometry.rigid import Rigid
from af2cpu.model.layers import Linear, parameter
from af2cpu.ops.norm import Norm
from af2cpu.ops.point_attention import PointAttentionInputs, point_attention
from af2cpu.shapes import Float


class InvariantPointAttention(nn.Module):
    """Algorithm 22 InvariantPointAttention: s_i += W concat(scalar, point, |point|, pair values).

    a_ij = softmax_j(w_L (q_i k_j / sqrt(c) + b_ij - gamma w_C / 2 sum_p |T_i q_ip - T_j k_jp|^2)).
    s [n_res, c_s], z [n_res, n_res, c_z], T n_res transforms in the network's unit of length -> s.
    """

    def __init__(self, c_s: int, c_z: int, config: ConfigDict) -> None:
        super().__init__()
        h, c, p, r = config.n_heads, config.c, config.n_query_points, config.n_value_points
        self.n_heads, self.c, self.n_query_points, self.n_value_points = h, c, p, r
        self.clamp_norms = config.clamp_norms
        self.q = Linear(c_s, h * c, bias=config.scalar_bias)
        self.kv = Linear(c_s, h * 2 * c, bias=config.scalar_bias)
        self.q_points = Linear(c_s, h * p * 3)
        self.kv_points = Linear(c_s, h * (p + r) * 3)
        self.pair_bias = Linear(c_z, h)
        self.head_weights = parameter(h)
        self.out = Linear(h * (c + r * 4 + c_z), c_s)

    def _points(self, linear: Linear, s: Tensor, frames: Rigid) -> Float[Tensor, "i h p 3"]:
        """Points of each head in the global frame. The projection lists all x, then all y, then all z."""
        local = linear(s).unflatten(-1, (3, self.n_heads, -1)).permute(0, 2, 3, 1)
        return frames.unsqueeze(-1).unsqueeze(-1).apply(local)

    def _inputs(self, s: Tensor, frames: Rigid) -> PointAttentionInputs:
        # Each of the three terms of the logits gets a third of the variance: w_L in the supplement.
        k, v = self.kv(s).unflatten(-1, (self.n_heads, 2 * self.c)).split(self.c, dim=-1)
        k_points, v_points = self._points(self.kv_points, s, frames).split(
            [self.n_query_points, self.n_value_points], dim=2
        )
        return PointAttentionInputs(
            q=self.q(s).unflatten(-1, (self.n_heads, self.c)) * math.sqrt(1 / (3 * self.c)),
            k=k,
            v=v,
            q_points=self._points(self.q_points, s, frames),
            k_points=k_points,
            v_points=v_points,
            point_weights=F.softplus(self.head_weights) * (0.5 * math.sqrt(1 / (3 * self.n_query_points * 9 / 2))),
        )

    def bias(self, z: Float[Tensor, "i j c_z"]) -> Float[Tensor, "i j h"]:
        """The pair term of the logits, from the normalised pair representation; the same in all layers."""
        return self.pair_bias(z) * math.sqrt(1 / 3)

    def forward(
        self,
        s: Float[Tensor, "i c_s"],
        z: Float[Tensor, "i i c_z"],
        z_norm: Norm | None,
        bias: Float[Tensor, "i i h"],
        frames: Rigid,
        mask: Float[Tensor, " i"],
    ) -> Float[Tensor, "i c_s"]:
        mask_2d = mask[:, None] * mask[None, :]
        scalar, points, pair = point_attention(self._inputs(s, frames), bias, mask_2d, z, z_norm)
        local = frames.unsqueeze(-1).unsqueeze(-1).apply_inverse(points)
        square = local.square().sum(-1)
        length = torch.sqrt(square.clamp(min=1e-16) if self.clamp_norms else 1e-8 + square)
        values = [scalar, *local.unbind(-1), length, pair]
        return s + self.out(torch.cat([value.flatten(1) for value in values], dim=-1))
