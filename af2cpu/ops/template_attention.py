# SPDX-License-Identifier: Apache-2.0
"""Template pointwise attention: each pair of residues attends over the templates, one after the other.

What the pairs have gathered so far is a state, float32 [n, n, h (d + 2)]: for each head its largest logit, for each
head the sum of exp(logit - largest), then the values of all heads weighted by these.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from af2cpu.ops.dispatch import Formula, Operation
from af2cpu.ops.isa import kernels
from af2cpu.ops.slicing import replace_rows, update_rows
from af2cpu.ops.weights import packed
from af2cpu.shapes import Float

_NEVER = -1e30  # the largest logit before the first template


class TemplateAttentionWeights(NamedTuple):
    """Queries from c_z channels, keys and values from c_t."""

    q: Tensor  # [c_z, h, d]
    k: Tensor  # [c_t, h, d]
    v: Tensor  # [c_t, h, d]
    out: Tensor  # [h, d, c_z]
    out_bias: Tensor  # [c_z]

    @property
    def heads(self) -> int:
        return self.q.shape[1]

    @property
    def dim(self) -> int:
        return self.q.shape[2]


def nothing_gathered(z: Float[Tensor, "n n c_z"], w: Any) -> Float[Tensor, "n n state"]:
    """The state before the first template. w: TemplateAttentionWeights, as a record or packed."""
    state = z.new_zeros(*z.shape[:2], w.heads * (w.dim + 2), dtype=torch.float32)
    state[..., : w.heads] = _NEVER
    return state


@Formula
def _gather(state: Tensor, z: Tensor, t: Tensor, w: TemplateAttentionWeights) -> Tensor:
    heads, d = w.heads, w.dim
    highest, total, values = state.split([heads, heads, heads * d], dim=-1)
    q = torch.einsum("ijc,chd->ijhd", z, w.q) * d**-0.5
    k, v = (torch.einsum("ijc,chd->ijhd", t, weight) for weight in (w.k, w.v))
    logits = torch.einsum("ijhd,ijhd->ijh", q, k).to(state.dtype)
    now = torch.maximum(highest, logits)
    keep, add = torch.exp(highest - now), torch.exp(logits - now)
    values = values.unflatten(-1, (heads, d)) * keep[..., None] + v * add[..., None]
    return torch.cat([now, total * keep + add, values.flatten(-2)], dim=-1)


@Operation
def gather_template(
    state: Float[Tensor, "n n state"],
    z: Float[Tensor, "n n c_z"],
    t: Float[Tensor, "n n c_t"],
    w: TemplateAttentionWeights,
) -> Float[Tensor, "n n state"]:
    """The state after one more template."""
    bytes_per_row = z.shape[1] * (3 * state.shape[2] + 4 * w.heads * w.dim) * 4
    return replace_rows(state, bytes_per_row, lambda rows: _gather(state[rows], z[rows], t[rows], w))


@gather_template.native
def _gather_template(state: Tensor, z: Tensor, t: Tensor, w: Any) -> Tensor:
    kernels().template_gather(z, t, state, packed(w))
    return state


@Formula
def _close(state: Tensor, w: TemplateAttentionWeights) -> Tensor:
    heads, d = w.heads, w.dim
    _, total, values = state.split([heads, heads, heads * d], dim=-1)
    o = values.unflatten(-1, (heads, d)) / total[..., None]
    return torch.einsum("ijhd,hdc->ijc", o.to(w.out.dtype), w.out) + w.out_bias


@Operation
def add_templates(
    z: Float[Tensor, "n n c_z"], state: Float[Tensor, "n n state"], w: TemplateAttentionWeights
) -> Float[Tensor, "n n c_z"]:
    """z + what its pairs have gathered from one template or more."""
    bytes_per_row = z.shape[1] * (state.shape[2] + 2 * z.shape[2]) * 4
    return update_rows(z, bytes_per_row, lambda rows: _close(state[rows], w))


@add_templates.native
def _add_templates(z: Tensor, state: Tensor, w: Any) -> Tensor:
    kernels().template_close(z, state, packed(w))
    return z
