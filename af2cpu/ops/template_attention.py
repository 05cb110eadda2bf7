"""Template pointwise attention: each pair of residues attends over the templates."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from af2cpu.ops.attention import mask_bias
from af2cpu.ops.dispatch import Formula, Operation
from af2cpu.ops.native import kernels, packed
from af2cpu.ops.slicing import update_rows
from af2cpu.shapes import Float


class TemplateAttentionWeights(NamedTuple):
    """Queries from c_z channels, keys and values from c_t."""

    q: Tensor  # [c_z, h, d]
    k: Tensor  # [c_t, h, d]
    v: Tensor  # [c_t, h, d]
    out: Tensor  # [h, d, c_z]
    out_bias: Tensor  # [c_z]


@Formula
def _attend(z: Tensor, t: Tensor, mask: Tensor, w: TemplateAttentionWeights) -> Tensor:
    q = torch.einsum("ijc,chd->ijhd", z, w.q) * w.q.shape[-1] ** -0.5
    k = torch.einsum("tijc,chd->tijhd", t, w.k)
    v = torch.einsum("tijc,chd->tijhd", t, w.v)
    logits = torch.einsum("ijhd,tijhd->ijht", q, k) + mask_bias(mask)
    a = torch.softmax(logits, dim=-1, dtype=torch.float32).to(z.dtype)
    o = torch.einsum("ijht,tijhd->ijhd", a, v)
    return torch.einsum("ijhd,hdc->ijc", o, w.out) + w.out_bias


@Operation
def template_attention(
    z: Float[Tensor, "n n c_z"],
    t: Float[Tensor, "n_templ n n c_t"],
    mask: Float[Tensor, " n_templ"],
    w: TemplateAttentionWeights,
) -> Float[Tensor, "n n c_z"]:
    """z + attention of each pair over the templates. The caller leaves it out when there is no template."""
    bytes_per_row = z.shape[1] * (2 * t.shape[0] + 3) * w.q.shape[1] * w.q.shape[2] * 4
    return update_rows(z, bytes_per_row, lambda rows: _attend(z[rows], t[:, rows], mask, w))


@template_attention.native
def _template_attention(z: Tensor, t: Tensor, mask: Tensor, w: TemplateAttentionWeights) -> Tensor:
    kernels().template_attention(z, t.flatten(1, 2), mask, packed(_pack, *w))
    return z


def _pack(q: Tensor, k: Tensor, v: Tensor, out: Tensor, out_bias: Tensor) -> Any:
    projections = (x.flatten(1) for x in (q, k, v))
    return kernels().TemplateAttentionWeights(q.shape[1], *projections, out.flatten(0, 1), out_bias)
