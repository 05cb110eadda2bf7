# SPDX-License-Identifier: Apache-2.0
"""The point attention kernel beside its definition in float64."""

from __future__ import annotations

import pytest
import torch
from kernel_cases import DTYPES, Draw, close

from af2cpu.ops.norm import Norm
from af2cpu.ops.point_attention import PointAttentionInputs, _attend, point_attention


@pytest.mark.parametrize("z_dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    "shape", [(1, 1, 4, 4, 1, 1, 8), (17, 4, 16, 16, 4, 8, 24), (131, 12, 16, 16, 4, 8, 128)], ids=str
)
@pytest.mark.parametrize("normalised", [True, False])
@torch.no_grad()
def test_point_attention(level: str, z_dtype: torch.dtype, shape: tuple[int, ...], normalised: bool) -> None:
    """Points far from the origin, masks with zeros, a residue that has only one partner."""
    n, h, d, e, p, r, c = shape
    draw = Draw(torch.float32)
    inputs = PointAttentionInputs(
        *(draw.normal(n, h, d), draw.normal(n, h, d), draw.normal(n, h, e)),
        *(draw.normal(n, h, p, 3) + 5, draw.normal(n, h, p, 3) + 5, draw.normal(n, h, r, 3) + 5),
        draw.normal(h).abs(),
    )
    mask = draw.mask(n, n)
    mask[0, 1:] = 0
    z, bias = draw.normal(n, n, c).to(z_dtype), draw.normal(n, n, h)
    norm = None if normalised else Norm(draw.normal(c), draw.normal(c))
    pairs = z.double() if norm is None else Norm(*(x.double() for x in norm))(z.double())
    wide = PointAttentionInputs(*(x.double() for x in inputs))
    expected = _attend.reference(wide, wide, bias.double(), mask.double(), pairs)
    assert point_attention.kernel is not None
    for actual, wanted in zip(point_attention.kernel(inputs, bias, mask, z, norm), expected, strict=True):
        close(actual, wanted, n + d + 3 * p, roundings=4)
