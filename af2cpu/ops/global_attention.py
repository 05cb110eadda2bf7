# SPDX-License-Identifier: Apache-2.0
"""Global column attention of the extra MSA stack: one query per column, the mean over its sequences."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from af2cpu.ops.attention import HeadWeights, mask_bias
from af2cpu.ops.dispatch import Formula, Operation
from af2cpu.ops.isa import kernels
from af2cpu.ops.norm import Norm
from af2cpu.ops.slicing import update_rows
from af2cpu.ops.weights import packed
from af2cpu.shapes import Float


class GlobalAttentionWeights(NamedTuple):
    """h query heads of d channels that share one key and one value head, on c channels."""

    norm: Norm  # of c
    heads: HeadWeights  # k and v [c, d]


@Formula
def _attend(x: Tensor, mask: Tensor, w: GlobalAttentionWeights) -> Tensor:
    x, heads = w.norm(x), w.heads
    mean = torch.einsum("bs,bsc->bc", mask, x) / (mask.sum(1, keepdim=True) + 1e-10)
    q = torch.einsum("bc,chd->bhd", mean, heads.q) * heads.q.shape[-1] ** -0.5
    k = torch.einsum("bsc,cd->bsd", x, heads.k)
    v = torch.einsum("bsc,cd->bsd", x, heads.v)
    logits = torch.einsum("bhd,bsd->bhs", q, k) + mask_bias(mask)[:, None, :]
    a = torch.softmax(logits, dim=-1, dtype=torch.float32).to(x.dtype)
    o = torch.einsum("bhs,bsd->bhd", a, v)
    gate = torch.sigmoid(torch.einsum("bsc,chd->bshd", x, heads.gate) + heads.gate_bias)
    return torch.einsum("bshd,hdc->bsc", gate * o[:, None], heads.out) + heads.out_bias


@Operation
def global_attention(
    x: Float[Tensor, "b s c"], mask: Float[Tensor, "b s"], w: GlobalAttentionWeights
) -> Float[Tensor, "b s c"]:
    """x + attention of each b's mean query over its s, gated per s. With no s there is nothing to do."""
    _, s, c = x.shape
    if s == 0:
        return x
    bytes_per_row = s * (2 * c + 2 * w.heads.q.shape[1] * w.heads.q.shape[2]) * 4
    return update_rows(x, bytes_per_row, lambda rows: _attend(x[rows], mask[rows], w))


@global_attention.native
def _global_attention(x: Tensor, mask: Tensor, w: Any) -> Tensor:
    kernels().global_attention(x, mask, packed(w))
    return x
