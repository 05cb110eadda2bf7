# SPDX-License-Identifier: Apache-2.0
"""Gated attention with a pair bias: rows and columns of the MSA, both triangle attentions, the template stack.

One formula serves all five: x is [b, n, c], attention runs along n for each b alone. Callers transpose.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from af2cpu.ops.dispatch import Formula, Operation
from af2cpu.ops.isa import kernels
from af2cpu.ops.norm import Norm
from af2cpu.ops.slicing import build_rows, update_rows
from af2cpu.ops.weights import packed
from af2cpu.shapes import Float


class HeadWeights(NamedTuple):
    """Projections of c channels to h heads of d channels, and back."""

    q: Tensor  # [c, h, d]
    k: Tensor  # [c, h, d]
    v: Tensor  # [c, h, d]
    gate: Tensor  # [c, h, d]
    gate_bias: Tensor  # [h, d]
    out: Tensor  # [h, d, c]
    out_bias: Tensor  # [c]


class AttentionWeights(NamedTuple):
    """Gated attention on c channels."""

    norm: Norm  # of c
    heads: HeadWeights


class PairBiasWeights(NamedTuple):
    """From c channels of the pair representation to a bias for each of h heads."""

    norm: Norm  # of c
    weight: Tensor  # [c, h]

    @property
    def heads(self) -> int:
        return self.weight.shape[1]


class PairBias(NamedTuple):
    """The bias that a pair representation adds to the logits of the attention between residues."""

    z: Tensor  # [n, n, c]
    w: PairBiasWeights


def mask_bias(mask: Tensor) -> Tensor:
    """What is added to the logits of a key: 0 where the mask is 1, -1e9 where it is 0."""
    return 1e9 * (mask - 1)


@Formula
def attend(x: Tensor, bias: Tensor | None, mask: Tensor, w: AttentionWeights) -> Tensor:
    """sum_h (sigmoid(gate) * softmax(q k / sqrt(d) + bias) v) out for one slice of b, without the residual."""
    x, heads = w.norm(x), w.heads
    q = torch.einsum("bic,chd->bhid", x, heads.q) * heads.q.shape[-1] ** -0.5
    k = torch.einsum("bjc,chd->bhjd", x, heads.k)
    v = torch.einsum("bjc,chd->bhjd", x, heads.v)
    logits = torch.einsum("bhid,bhjd->bhij", q, k)
    if bias is not None:
        logits += bias
    logits += mask_bias(mask)[:, None, None, :]
    # Softmax runs in float32 whatever the type of the activations.
    a = torch.softmax(logits, dim=-1, dtype=torch.float32).to(x.dtype)
    gate = torch.sigmoid(torch.einsum("bic,chd->bihd", x, heads.gate) + heads.gate_bias)
    o = torch.einsum("bhij,bhjd->bihd", a, v) * gate
    return torch.einsum("bihd,hdc->bic", o, heads.out) + heads.out_bias


@Formula
def _pair_bias(z: Tensor, w: PairBiasWeights) -> Tensor:
    return torch.einsum("ijc,ch->ijh", w.norm(z), w.weight)


def pair_bias(pair: PairBias) -> Float[Tensor, "h n n"]:
    """The bias of query i and key j, from z_ij."""
    z, w = pair
    bytes_per_row = 2 * z.shape[1] * z.shape[2] * 4
    bias = build_rows(z.shape[0], bytes_per_row, lambda rows: _pair_bias(z[rows], w))
    return bias.permute(2, 0, 1).contiguous()


@Operation
def attention(
    x: Float[Tensor, "b n c"],
    pair: PairBias | None,
    mask: Float[Tensor, "b n"],
    w: AttentionWeights,
    factors: Float[Tensor, "n c"] | None = None,
) -> Float[Tensor, "b n c"]:
    """x + factors * attention(x) along n, with the bias of `pair`, if any, shared by all b and masked keys left out.

    `pair.z` may be x: the bias is that of x before the update. factors: dropout mask divided by 1 - rate, float32.
    """
    bias = None if pair is None else pair_bias(pair)
    n, heads, d = x.shape[1], *w.heads.q.shape[1:]
    bytes_per_row = (5 * heads * d * n + 3 * heads * n * n) * 4
    return update_rows(x, bytes_per_row, lambda rows: attend(x[rows], bias, mask[rows], w), factors)


@attention.native
def _attention(x: Tensor, pair: PairBias | None, mask: Tensor, w: Any, factors: Tensor | None = None) -> Tensor:
    return attend_streamed(x, None if pair is None else streamed_bias(pair), mask, w, factors)


def attend_streamed(x: Tensor, bias: Tensor | None, mask: Tensor, w: Any, factors: Tensor | None = None) -> Tensor:
    """Updates x in place by the native kernel and returns it. The bias has the layout of `streamed_bias`."""
    kernels().attention(x, mask, packed(w), bias, factors)
    return x


def streamed_bias(pair: PairBias) -> Tensor:
    """The bias in the layout of the kernel: [h * blocks, n rounded up to a multiple of 4, 32], times log2(e).

    A block has 32 queries; within a block keys are the outer axis and queries the inner one.
    """
    n, weights = pair.z.shape[0], packed(pair.w)
    blocks, keys = (n + 31) // 32, (n + 3) // 4 * 4
    out = torch.empty(weights.heads * blocks, keys, 32)
    kernels().pair_bias(pair.z, out, weights)
    return out
