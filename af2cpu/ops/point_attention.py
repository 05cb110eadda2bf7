# SPDX-License-Identifier: Apache-2.0
"""The core of invariant point attention: softmax over scalar, point and pair terms, and its three kinds of values."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from af2cpu.ops.dispatch import Formula, Operation
from af2cpu.ops.isa import kernels
from af2cpu.ops.norm import Norm
from af2cpu.ops.slicing import slices
from af2cpu.shapes import Float


class PointAttentionInputs(NamedTuple):
    """Queries, keys and values of h heads; points are in the global frame."""

    q: Tensor  # [n, h, d]
    k: Tensor  # [n, h, d]
    v: Tensor  # [n, h, e]
    q_points: Tensor  # [n, h, p, 3]
    k_points: Tensor  # [n, h, p, 3]
    v_points: Tensor  # [n, h, r, 3]
    point_weights: Tensor  # [h], gamma w_C of the supplement, halved


@Formula
def _attend(
    rows: PointAttentionInputs, keys: PointAttentionInputs, bias: Tensor, mask: Tensor, z: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Values of one slice of queries i over all keys j; `rows` holds the queries, `keys` all residues."""
    distance = (rows.q_points[:, None] - keys.k_points[None]).square().sum((-1, -2))  # [i, j, h], squared
    logits = torch.einsum("ihd,jhd->ijh", rows.q, keys.k) + bias - keys.point_weights * distance
    a = torch.softmax(logits - 1e5 * (1 - mask[..., None]), dim=1)
    return (
        torch.einsum("ijh,jhd->ihd", a, keys.v),
        torch.einsum("ijh,jhpx->ihpx", a, keys.v_points),
        torch.einsum("ijh,ijc->ihc", a, z),
    )


@Operation
def point_attention(
    inputs: PointAttentionInputs,
    bias: Float[Tensor, "n n h"],
    mask: Float[Tensor, "n n"],
    z: Float[Tensor, "n n c_z"],
    norm: Norm | None,
) -> tuple[Float[Tensor, "n h e"], Float[Tensor, "n h r 3"], Float[Tensor, "n h c_z"]]:
    """What each residue gathers from all: scalar values, points in the global frame, and pair values.

    `norm` is applied to z slice by slice; without it z is taken as normalised.
    """
    n, heads, points = inputs.q_points.shape[:3]
    pieces = []
    for rows in slices(n, n * (heads * points * 3 * 2 + 3 * heads + z.shape[2]) * 4):
        queries = inputs._replace(q=inputs.q[rows], q_points=inputs.q_points[rows])
        pair_rows = z[rows].float() if norm is None else norm(z[rows].float())
        pieces.append(_attend(queries, inputs, bias[rows], mask[rows], pair_rows))
    scalar, point, pair = (torch.cat(parts) for parts in zip(*pieces, strict=True))
    return scalar, point, pair


@point_attention.native
def _point_attention(
    inputs: PointAttentionInputs, bias: Tensor, mask: Tensor, z: Tensor, norm: Norm | None
) -> tuple[Tensor, Tensor, Tensor]:
    q, k, v, q_points, k_points, v_points, weights = inputs
    n, heads, e = v.shape
    values = torch.cat([v, v_points.flatten(2)], dim=-1)
    out, pair = torch.empty_like(values), q.new_empty(n, heads, z.shape[2])
    kernels().point_attention(
        q=q.contiguous(),
        keys=k.permute(1, 2, 0).contiguous(),
        values=values,
        q_points=q_points.flatten(2).contiguous(),
        key_points=k_points.flatten(2).permute(1, 2, 0).contiguous(),
        weight=weights,
        bias=bias.contiguous(),
        mask=mask,
        z=z,
        scale=None if norm is None else norm.scale,
        offset=None if norm is None else norm.offset,
        out=out,
        pair=pair,
    )
    scalar, points = out.split([e, values.shape[2] - e], dim=-1)
    return scalar, points.unflatten(-1, v_points.shape[2:]), pair
