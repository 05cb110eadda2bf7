# SPDX-License-Identifier: Apache-2.0
"""The outer product mean: what the MSA tells the pair representation."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from af2cpu.ops.dispatch import Formula, Operation
from af2cpu.ops.isa import kernels
from af2cpu.ops.linear import LinearWeights
from af2cpu.ops.norm import Norm
from af2cpu.ops.slicing import build_rows, update_rows
from af2cpu.ops.weights import packed
from af2cpu.shapes import Float


class OuterProductWeights(NamedTuple):
    """c_m channels projected to c and e (32 each), their outer product to c_z."""

    norm: Norm  # of c_m
    a: LinearWeights  # c_m to c
    b: LinearWeights  # c_m to e
    out: Tensor  # [c, e, c_z]
    out_bias: Tensor  # [c_z]


@Formula
def _project(m: Tensor, mask: Tensor, norm: Norm, w: LinearWeights) -> Tensor:
    return w(norm(m)) * mask[..., None]


@Formula
def _outer(a: Tensor, b: Tensor, count: Tensor, out: Tensor, out_bias: Tensor) -> Tensor:
    """(sum_s a_si x b_sj) out + out_bias, divided by the number of sequences that have both i and j."""
    o = torch.einsum("sic,sje->ijce", a, b)
    # DEVIATION from the paper, as DeepMind's code: the bias is divided too, by a count with an epsilon. Without a
    # single sequence the update is therefore out_bias / 1e-3; tests/parity/network/test_modules.py pins it.
    return (torch.einsum("ijce,cez->ijz", o, out) + out_bias) / (1e-3 + count[..., None])


@Operation
def outer_product_mean(
    m: Float[Tensor, "s n c_m"], mask: Float[Tensor, "s n"], z: Float[Tensor, "n n c_z"], w: OuterProductWeights
) -> Float[Tensor, "n n c_z"]:
    """z + the mean over sequences of the outer products of two projections of m."""
    n, (c, e, c_z) = m.shape[1], w.out.shape
    widths = n * (m.shape[2] + 2 * c) * 4
    a = build_rows(m.shape[0], widths, lambda s: _project(m[s], mask[s], w.norm, w.a))
    b = build_rows(m.shape[0], widths, lambda s: _project(m[s], mask[s], w.norm, w.b))
    count = (mask.float().T @ mask.float()).to(z.dtype)
    bytes_per_row = n * (2 * c * e + 2 * c_z) * 4
    return update_rows(z, bytes_per_row, lambda i: _outer(a[:, i], b, count[i], w.out, w.out_bias))


@outer_product_mean.native
def _outer_product_mean(m: Tensor, mask: Tensor, z: Tensor, w: Any) -> Tensor:
    kernels().outer_product(m, mask.T, z, packed(w))
    return z
