"""The template attention kernel beside its definition in float64."""

from __future__ import annotations

import pytest
import torch
from kernel_cases import DTYPES, Draw, close, doubled

from af2cpu.ops.template_attention import TemplateAttentionWeights, template_attention


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    "shape", [(1, 1, 8, 4, 1, 4), (17, 4, 24, 16, 2, 8), (23, 2, 128, 64, 4, 16), (11, 3, 40, 24, 3, 5)], ids=str
)
@torch.no_grad()
def test_template_attention(level: str, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    """With a template that is masked, and with all of them masked."""
    n, templates, c_z, c_t, h, d = shape
    draw = Draw(dtype)
    z, t = draw.normal(n, n, c_z).transpose(0, 1), draw.normal(templates, n, n, c_t)
    q, k, v = (draw.weight(c, h, d, over=c) for c in (c_z, c_t, c_t))
    w = TemplateAttentionWeights(q, k, v, draw.weight(h, d, c_z, over=h * d), draw.normal(c_z))
    masks = torch.ones(2, templates, dtype=dtype)
    masks[0, 1:2] = 0
    masks[1] = 0
    assert template_attention.kernel is not None
    for mask in masks:
        expected = template_attention.reference(z.double(), t.double(), mask.double(), doubled(w))
        assert template_attention.kernel(z, t, mask, w) is z
        close(z, expected, c_z + c_t, roundings=3)
