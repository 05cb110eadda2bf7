# SPDX-License-Identifier: Apache-2.0
"""The triangle multiplication: each pair is updated from the two other edges of all triangles that it is part of."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from af2cpu.ops.dispatch import Formula, Operation
from af2cpu.ops.isa import kernels
from af2cpu.ops.linear import LinearWeights
from af2cpu.ops.norm import Norm
from af2cpu.ops.sizes import CHANNEL_GROUP
from af2cpu.ops.slicing import build_rows, update_rows
from af2cpu.ops.weights import packed
from af2cpu.shapes import Float


class TriangleWeights(NamedTuple):
    """c_z channels projected to the c channels of the edges a and b."""

    norm: Norm  # of c_z
    a: LinearWeights  # c_z to c
    a_gate: LinearWeights
    b: LinearWeights
    b_gate: LinearWeights
    center_norm: Norm  # of c
    out: LinearWeights  # c to c_z
    gate: LinearWeights  # c_z to c_z


@Formula
def _edge(z: Tensor, mask: Tensor, norm: Norm, edge: LinearWeights, gate: LinearWeights) -> Tensor:
    x = norm(z)
    return torch.sigmoid(gate(x)) * edge(x) * mask[..., None]


@Formula
def _outgoing(a: Tensor, b: Tensor) -> Tensor:
    return torch.einsum("ikc,jkc->ijc", a, b)


@Formula
def _incoming(a: Tensor, b: Tensor) -> Tensor:
    return torch.einsum("kic,kjc->ijc", a, b)


@Formula
def _close(z: Tensor, x: Tensor, w: TriangleWeights) -> Tensor:
    return torch.sigmoid(w.gate(w.norm(z))) * w.out(w.center_norm(x))


@Operation
def triangle_multiplication(
    z: Float[Tensor, "n n c_z"],
    mask: Float[Tensor, "n n"],
    w: TriangleWeights,
    outgoing: bool,
    factors: Float[Tensor, "n c_z"] | None = None,
) -> Float[Tensor, "n n c_z"]:
    """z_ij + factors_j sigmoid(gate) * W LN(sum_k a_ik * b_jk) for outgoing edges, sum_k a_ki * b_kj for incoming ones.

    factors: float32, dropout's.
    """
    n, c_z, c = z.shape[1], z.shape[2], w.a.weight.shape[0]
    bytes_per_row = n * (c_z + 3 * CHANNEL_GROUP) * 4

    def edges(group: slice, edge: LinearWeights, gate: LinearWeights) -> Tensor:
        parts = [LinearWeights(*(x[group] for x in one if x is not None)) for one in (edge, gate)]
        return build_rows(n, bytes_per_row, lambda rows: _edge(z[rows], mask[rows], w.norm, *parts))

    products = []
    for start in range(0, c, CHANNEL_GROUP):
        group = slice(start, start + CHANNEL_GROUP)
        a, b = edges(group, w.a, w.a_gate), edges(group, w.b, w.b_gate)
        products.append(_outgoing(a, b) if outgoing else _incoming(a, b))
    bytes_per_row = n * (3 * c_z + 2 * c) * 4

    def close(i: slice) -> Tensor:
        return _close(z[i], torch.cat([x[i] for x in products], dim=-1), w)

    return update_rows(z, bytes_per_row, close, factors)


@triangle_multiplication.native
def _triangle_multiplication(z: Tensor, mask: Tensor, w: Any, outgoing: bool, factors: Tensor | None = None) -> Tensor:
    kernels().triangle(z, mask, packed(w), outgoing, factors)
    return z
