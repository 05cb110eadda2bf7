"""Gated attention with a pair bias: rows and columns of the MSA, both triangle attentions, the template stack.

One formula serves all five: x is [b, n, c], attention runs along n for each b alone. Callers transpose.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from af2cpu.ops.dispatch import Formula, Operation
from af2cpu.ops.native import kernels, packed
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


def mask_bias(mask: Tensor) -> Tensor:
    """What is added to the logits of a key: 0 where the mask is 1, -1e9 where it is 0."""
    return 1e9 * (mask - 1)


@Formula
def _attend(x: Tensor, bias: Tensor | None, mask: Tensor, w: AttentionWeights) -> Tensor:
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


@Operation
def attention(
    x: Float[Tensor, "b n c"], bias: Float[Tensor, "h n n"] | None, mask: Float[Tensor, "b n"], w: AttentionWeights
) -> Float[Tensor, "b n c"]:
    """x + attention(x) along n, with `bias` shared by all b and masked keys left out."""
    n, heads, d = x.shape[1], *w.q.shape[1:]
    bytes_per_row = (5 * heads * d * n + 3 * heads * n * n) * 4
    return update_rows(x, bytes_per_row, lambda rows: _attend(x[rows], bias, mask[rows], w))


def _pack(q: Tensor, k: Tensor, v: Tensor, gate: Tensor, out: Tensor, *vectors: Tensor) -> Any:
    scale, offset, gate_bias, out_bias = vectors
    projections = (x.flatten(1) for x in (q, k, v, gate))
    return kernels().AttentionWeights(
        q.shape[1], scale, offset, *projections, gate_bias.flatten(), out.flatten(0, 1), out_bias
    )


@attention.native
def _attention(x: Tensor, bias: Tensor | None, mask: Tensor, w: AttentionWeights) -> Tensor:
    weights = packed(_pack, w.q, w.k, w.v, w.gate, w.out, *w.norm, w.gate_bias, w.out_bias)
    kernels().attention(x, mask, weights, None if bias is None else _with_room(bias))
    return x


def _bias_buffer(heads: int, n: int) -> Tensor:
    """[h, key, query and room], as the kernels want a bias: whole vectors of queries, rows not a power of two apart."""
    return torch.empty(heads, n, (n + 31) // 32 * 32 + 16)


def _with_room(bias: Tensor) -> Tensor:
    """The buffer of a bias [h, query, key] that `pair_bias` made; of another one a copy in such a buffer."""
    heads, n = bias.shape[:2]
    keys, wanted = bias.transpose(1, 2), _bias_buffer(heads, n)
    whole = keys.storage_offset() == 0 and keys.untyped_storage().nbytes() == wanted.untyped_storage().nbytes()
    if whole and keys.dtype == wanted.dtype and keys.stride() == wanted.stride():
        return keys.as_strided(wanted.shape, wanted.stride())
    wanted[..., :n] = keys
    return wanted


@Formula
def _pair_bias(z: Tensor, norm: Norm, weight: Tensor) -> Tensor:
    return torch.einsum("ijc,ch->ijh", norm(z), weight)


@Operation
def pair_bias(z: Float[Tensor, "n n c"], norm: Norm, weight: Float[Tensor, "c h"]) -> Float[Tensor, "h n n"]:
    """The bias that a pair representation gives to the attention between residues."""
    bytes_per_row = 2 * z.shape[1] * z.shape[2] * 4
    bias = build_rows(z.shape[0], bytes_per_row, lambda rows: _pair_bias(z[rows], norm, weight))
    return bias.permute(2, 0, 1).contiguous()


@pair_bias.native
def _project_pairs(z: Tensor, norm: Norm, weight: Tensor) -> Tensor:
    n, heads = z.shape[0], weight.shape[1]
    out = _bias_buffer(heads, n)
    kernels().pair_bias(z, out, packed(_pack_pairs, weight, *norm))
    return out[..., :n].transpose(1, 2)


def _pack_pairs(weight: Tensor, scale: Tensor, offset: Tensor) -> Any:
    return kernels().PairBiasWeights(scale, offset, weight)
