"""The triangle multiplication: each pair is updated from the two other edges of all triangles that it is part of."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from af2cpu.ops.dispatch import Formula, Operation
from af2cpu.ops.isa import kernels
from af2cpu.ops.native import packed
from af2cpu.ops.norm import Norm
from af2cpu.ops.sizes import CHANNEL_GROUP
from af2cpu.ops.slicing import build_rows, update_rows
from af2cpu.shapes import Float


class TriangleWeights(NamedTuple):
    """c_z channels projected to the c channels of the edges a and b."""

    norm: Norm  # of c_z
    a: Tensor  # [c, c_z]
    a_bias: Tensor  # [c]
    a_gate: Tensor  # [c, c_z]
    a_gate_bias: Tensor  # [c]
    b: Tensor  # [c, c_z]
    b_bias: Tensor  # [c]
    b_gate: Tensor  # [c, c_z]
    b_gate_bias: Tensor  # [c]
    center_norm: Norm  # of c
    out: Tensor  # [c_z, c]
    out_bias: Tensor  # [c_z]
    gate: Tensor  # [c_z, c_z]
    gate_bias: Tensor  # [c_z]


@Formula
def _edge(z: Tensor, mask: Tensor, norm: Norm, weight: Tensor, bias: Tensor, gate: Tensor, gate_bias: Tensor) -> Tensor:
    x = norm(z)
    return torch.sigmoid(F.linear(x, gate, gate_bias)) * F.linear(x, weight, bias) * mask[..., None]


@Formula
def _outgoing(a: Tensor, b: Tensor) -> Tensor:
    return torch.einsum("ikc,jkc->ijc", a, b)


@Formula
def _incoming(a: Tensor, b: Tensor) -> Tensor:
    return torch.einsum("kic,kjc->ijc", a, b)


@Formula
def _close(z: Tensor, x: Tensor, w: TriangleWeights) -> Tensor:
    return torch.sigmoid(F.linear(w.norm(z), w.gate, w.gate_bias)) * F.linear(w.center_norm(x), w.out, w.out_bias)


@Operation
def triangle_multiplication(
    z: Float[Tensor, "n n c_z"], mask: Float[Tensor, "n n"], w: TriangleWeights, outgoing: bool
) -> Float[Tensor, "n n c_z"]:
    """z + sigmoid(gate) * W LN(sum_k a_ik * b_jk) for outgoing edges, sum_k a_ki * b_kj for incoming ones."""
    n, c_z, c = z.shape[1], z.shape[2], w.a.shape[0]
    bytes_per_row = n * (c_z + 3 * CHANNEL_GROUP) * 4

    def edges(group: slice, weight: Tensor, bias: Tensor, gate: Tensor, gate_bias: Tensor) -> Tensor:
        parts = (weight[group], bias[group], gate[group], gate_bias[group])
        return build_rows(n, bytes_per_row, lambda rows: _edge(z[rows], mask[rows], w.norm, *parts))

    products = []
    for start in range(0, c, CHANNEL_GROUP):
        group = slice(start, start + CHANNEL_GROUP)
        a = edges(group, w.a, w.a_bias, w.a_gate, w.a_gate_bias)
        b = edges(group, w.b, w.b_bias, w.b_gate, w.b_gate_bias)
        products.append(_outgoing(a, b) if outgoing else _incoming(a, b))
    bytes_per_row = n * (3 * c_z + 2 * c) * 4
    return update_rows(z, bytes_per_row, lambda i: _close(z[i], torch.cat([x[i] for x in products], dim=-1), w))


@triangle_multiplication.native
def _triangle_multiplication(z: Tensor, mask: Tensor, w: TriangleWeights, outgoing: bool) -> Tensor:
    weights = packed(_pack, *w.norm, *w[1:9], *w.center_norm, *w[10:])
    kernels().triangle(z, mask, weights, outgoing)
    return z


def _pack(*parameters: Tensor) -> Any:
    return kernels().TriangleWeights(list(parameters))
