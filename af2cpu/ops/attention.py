"""Gated attention with a pair bias: rows and columns of the MSA, both triangle attentions, the template stack.

One formula serves all five: x is [b, n, c], attention runs along n for each b alone. Callers transpose.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from af2cpu.ops.dispatch import Formula, Operation
from af2cpu.ops.isa import kernels
from af2cpu.ops.native import packed
from af2cpu.ops.norm import Norm
from af2cpu.ops.slicing import build_rows, update_rows
from af2cpu.shapes import Float


class AttentionWeights(NamedTuple):
    """h heads of d channels on c channels."""

    norm: Norm  # of c
    q: Tensor  # [c, h, d]
    k: Tensor  # [c, h, d]
    v: Tensor  # [c, h, d]
    gate: Tensor  # [c, h, d]
    gate_bias: Tensor  # [h, d]
    out: Tensor  # [h, d, c]
    out_bias: Tensor  # [c]


class PairBias(NamedTuple):
    """What a pair representation adds to the logits of the attention between residues."""

    z: Tensor  # [n, n, c]
    norm: Norm  # of c
    weight: Tensor  # [c, h]


def mask_bias(mask: Tensor) -> Tensor:
    """What is added to the logits of a key: 0 where the mask is 1, -1e9 where it is 0."""
    return 1e9 * (mask - 1)


@Formula
def attend(x: Tensor, bias: Tensor | None, mask: Tensor, w: AttentionWeights) -> Tensor:
    """sum_h (sigmoid(gate) * softmax(q k / sqrt(d) + bias) v) out for one slice of b, without the residual."""
    x = w.norm(x)
    q = torch.einsum("bic,chd->bhid", x, w.q) * w.q.shape[-1] ** -0.5
    k = torch.einsum("bjc,chd->bhjd", x, w.k)
    v = torch.einsum("bjc,chd->bhjd", x, w.v)
    logits = torch.einsum("bhid,bhjd->bhij", q, k)
    if bias is not None:
        logits += bias
    logits += mask_bias(mask)[:, None, None, :]
    # Softmax runs in float32 whatever the type of the activations.
    a = torch.softmax(logits, dim=-1, dtype=torch.float32).to(x.dtype)
    gate = torch.sigmoid(torch.einsum("bic,chd->bihd", x, w.gate) + w.gate_bias)
    o = torch.einsum("bhij,bhjd->bihd", a, v) * gate
    return torch.einsum("bihd,hdc->bic", o, w.out) + w.out_bias


@Formula
def _pair_bias(z: Tensor, norm: Norm, weight: Tensor) -> Tensor:
    return torch.einsum("ijc,ch->ijh", norm(z), weight)


def pair_bias(pair: PairBias) -> Float[Tensor, "h n n"]:
    """The bias of query i and key j, from z_ij."""
    z, norm, weight = pair
    bytes_per_row = 2 * z.shape[1] * z.shape[2] * 4
    bias = build_rows(z.shape[0], bytes_per_row, lambda rows: _pair_bias(z[rows], norm, weight))
    return bias.permute(2, 0, 1).contiguous()


@Operation
def attention(
    x: Float[Tensor, "b n c"], pair: PairBias | None, mask: Float[Tensor, "b n"], w: AttentionWeights
) -> Float[Tensor, "b n c"]:
    """x + attention(x) along n, with the bias of `pair`, if any, shared by all b and masked keys left out.

    `pair.z` may be x: the bias is that of x before the update.
    """
    bias = None if pair is None else pair_bias(pair)
    n, heads, d = x.shape[1], *w.q.shape[1:]
    bytes_per_row = (5 * heads * d * n + 3 * heads * n * n) * 4
    return update_rows(x, bytes_per_row, lambda rows: attend(x[rows], bias, mask[rows], w))


def _pack(q: Tensor, k: Tensor, v: Tensor, gate: Tensor, out: Tensor, *vectors: Tensor) -> Any:
    scale, offset, gate_bias, out_bias = vectors
    projections = (x.flatten(1) for x in (q, k, v, gate))
    return kernels().AttentionWeights(
        q.shape[1], scale, offset, *projections, gate_bias.flatten(), out.flatten(0, 1), out_bias
    )


def _pack_pairs(weight: Tensor, scale: Tensor, offset: Tensor) -> Any:
    return kernels().PairBiasWeights(scale, offset, weight)


@attention.native
def _attention(x: Tensor, pair: PairBias | None, mask: Tensor, w: AttentionWeights) -> Tensor:
    return attend_streamed(x, None if pair is None else streamed_bias(pair), mask, w)


def attend_streamed(x: Tensor, bias: Tensor | None, mask: Tensor, w: AttentionWeights) -> Tensor:
    """x, updated: the kernel, with a bias as `streamed_bias` makes it."""
    weights = packed(_pack, w.q, w.k, w.v, w.gate, w.out, *w.norm, w.gate_bias, w.out_bias)
    kernels().attention(x, mask, weights, bias)
    return x


def streamed_bias(pair: PairBias) -> Tensor:
    """The bias [h * blocks, n up to a multiple of 4, 32] as the kernel reads it.

    A block has 32 queries of key after key, in units of log 2.
    """
    n, heads = pair.z.shape[0], pair.weight.shape[1]
    blocks, keys = (n + 31) // 32, (n + 3) // 4 * 4
    out = torch.empty(heads * blocks, keys, 32)
    kernels().pair_bias(pair.z, out, packed(_pack_pairs, pair.weight, *pair.norm))
    return out
