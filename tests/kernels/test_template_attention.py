# SPDX-License-Identifier: Apache-2.0
"""The template attention kernel beside its definition in float64."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
import torch
from kernel_cases import DTYPES, Draw, close, doubled
from torch import Tensor

from af2cpu.ops.template_attention import TemplateAttentionWeights, add_templates, gather_template, nothing_gathered


def definition(z: Tensor, templates: Tensor, w: TemplateAttentionWeights) -> Tensor:
    """Algorithm 17 as the paper has it, all templates at once."""
    q, out = torch.einsum("ijc,chd->ijhd", z, w.q), w.out
    k, v = (torch.einsum("tijc,chd->tijhd", templates, weight) for weight in (w.k, w.v))
    a = torch.softmax(torch.einsum("ijhd,tijhd->tijh", q, k) * w.q.shape[-1] ** -0.5, dim=0)
    return z + torch.einsum("tijh,tijhd,hdc->ijc", a, v, out) + w.out_bias


def run(z: Tensor, templates: Iterable[Tensor], w: TemplateAttentionWeights, native: bool) -> Tensor:
    gather = gather_template.kernel if native else gather_template.reference
    add = add_templates.kernel if native else add_templates.reference
    assert gather is not None
    assert add is not None
    state = nothing_gathered(z, w).to(torch.float32 if native else z.dtype)
    for t in templates:
        state = gather(state, z, t, w)
    return add(z, state, w)


def case(dtype: torch.dtype, shape: tuple[int, ...]) -> tuple[Tensor, Tensor, TemplateAttentionWeights]:
    n, templates, c_z, c_t, h, d = shape
    draw = Draw(dtype)
    z, t = draw.normal(n, n, c_z).transpose(0, 1), 3 * draw.normal(templates, n, n, c_t)
    q, k, v = (draw.weight(c, h, d, over=c) for c in (c_z, c_t, c_t))
    return z, t, TemplateAttentionWeights(q, k, v, draw.weight(h, d, c_z, over=h * d), draw.normal(c_z))


SHAPES = [(1, 1, 8, 4, 1, 4), (17, 4, 24, 16, 2, 8), (23, 2, 128, 64, 4, 16), (11, 3, 40, 24, 3, 5)]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@torch.no_grad()
def test_template_attention(level: str, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    z, t, w = case(dtype, shape)
    expected = definition(z.double(), t.double(), doubled(w))
    assert run(z, t, w, native=True) is z
    close(z, expected, shape[2] + shape[3], roundings=3)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@torch.no_grad()
def test_one_after_the_other_is_all_at_once(shape: tuple[int, ...]) -> None:
    z, t, w = (doubled(x) if isinstance(x, tuple) else x.double() for x in case(torch.float32, shape))
    expected = definition(z, t, w)
    torch.testing.assert_close(run(z.clone(), t, w, native=False), expected, rtol=1e-12, atol=1e-12)


@torch.no_grad()
def test_far_logits(level: str) -> None:
    """Logits hundreds apart, in any order: the largest one's template is what the pair takes."""
    z, t, w = case(torch.float32, SHAPES[2])
    t = torch.stack([t[0], 1000 * t[0], -1000 * t[1]])
    for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2]):
        given = t[order]
        expected = definition(z.double(), given.double(), doubled(w))
        scale = float(expected.abs().max())
        actual = run(z.clone(), given, w, native=True)
        assert float((actual - expected).abs().max()) < 1e-4 * scale


@torch.no_grad()
def test_threads(level: str, threads: None) -> None:
    results = []
    for n in (1, 2, 3, 4):
        torch.set_num_threads(n)
        results.append(run(*case(torch.bfloat16, SHAPES[1]), native=True))
    assert all(torch.equal(a, b) for a, b in pairwise(results))
