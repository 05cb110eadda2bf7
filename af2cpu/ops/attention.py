"""Gated attention with a pair bias: rows and columns of the MSA, both triangle attentions, the template stack.

One formula serves all five: x is [b, n, c], attention runs along n for each b alone. Callers transpose.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from af2cpu.ops.dispatch import Formula
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


def attention(
    x: Float[Tensor, "b n c"], bias: Float[Tensor, "h n n"] | None, mask: Float[Tensor, "b n"], w: AttentionWeights
) -> Float[Tensor, "b n c"]:
    """x + attention(x) along n, with `bias` shared by all b and masked keys left out."""
    n, heads, d = x.shape[1], *w.q.shape[1:]
    bytes_per_row = (5 * heads * d * n + 3 * heads * n * n) * 4
    return update_rows(x, bytes_per_row, lambda rows: _attend(x[rows], bias, mask[rows], w))


@Formula
def _pair_bias(z: Tensor, norm: Norm, weight: Tensor) -> Tensor:
    return torch.einsum("ijc,ch->ijh", norm(z), weight)


def pair_bias(z: Float[Tensor, "n n c"], norm: Norm, weight: Float[Tensor, "c h"]) -> Float[Tensor, "h n n"]:
    """The bias that a pair representation gives to the attention between residues."""
    bytes_per_row = 2 * z.shape[1] * z.shape[2] * 4
    bias = build_rows(z.shape[0], bytes_per_row, lambda rows: _pair_bias(z[rows], norm, weight))
    return bias.permute(2, 0, 1).contiguous()
