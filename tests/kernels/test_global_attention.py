# SPDX-License-Identifier: Apache-2.0
"""The kernel of the global column attention beside its definition in float64."""

from __future__ import annotations

import pytest
import torch
from kernel_cases import DTYPES, Draw, close, doubled
from torch import Tensor

from af2cpu.ops.attention import HeadWeights
from af2cpu.ops.global_attention import GlobalAttentionWeights, global_attention

# b, s and c, h, d: heads and channels that fill no vector, and more than fill one.
SHAPES = [(1, 1, (16, 4, 4)), (3, 17, (24, 3, 6)), (2, 255, (64, 8, 8)), (5, 97, (40, 18, 20))]


def weights(draw: Draw, c: int, h: int, d: int) -> GlobalAttentionWeights:
    q, gate = (draw.weight(c, h, d, over=c) for _ in range(2))
    k, v = (draw.weight(c, d, over=c) for _ in range(2))
    norm, gate_bias = draw.norm(c), draw.normal(h, d)
    heads = HeadWeights(4 * q, k, v, gate, gate_bias, draw.weight(h, d, c, over=h * d), draw.normal(c))
    return GlobalAttentionWeights(norm, heads)


def run(x: Tensor, mask: Tensor, w: GlobalAttentionWeights) -> Tensor:
    assert global_attention.kernel is not None
    with torch.no_grad():
        return global_attention.kernel(x, mask, w)


def check(x: Tensor, mask: Tensor, w: GlobalAttentionWeights) -> None:
    """The roundings of LN(x), of its mean, of the query, of the gated values and of x."""
    with torch.no_grad():
        expected = global_attention.reference(x.double(), mask.double(), doubled(w))
    close(run(x, mask, w), expected, x.shape[1] + x.shape[2], roundings=5)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("b", "s", "channels"), SHAPES)
def test_columns(level: str, dtype: torch.dtype, b: int, s: int, channels: tuple[int, int, int]) -> None:
    """On a transposed view, with gaps in the mask, and a column without a single sequence."""
    draw = Draw(dtype)
    m, mask = draw.normal(s, 2 * b, channels[0])[:, ::2], draw.mask(s, b)
    mask[:, b // 2] = 0
    check(m.transpose(0, 1), mask.T, weights(draw, *channels))


def test_many_rows() -> None:
    draw = Draw(torch.bfloat16)
    check(draw.normal(2, 5120, 64), draw.mask(2, 5120), weights(draw, 64, 8, 8))


def test_without_rows_nothing_happens(level: str) -> None:
    draw = Draw(torch.float32)
    assert run(draw.normal(3, 0, 16), draw.mask(3, 0), weights(draw, 16, 4, 4)).shape == (3, 0, 16)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_threads_change_nothing(threads: None, dtype: torch.dtype) -> None:
    draw = Draw(dtype)
    x, mask, w = draw.normal(7, 300, 64), draw.mask(7, 300), weights(draw, 64, 8, 8)
    results = []
    for n in (1, 2, 3, 4):
        torch.set_num_threads(n)
        results.append(run(x.clone(), mask, w))
    assert all(torch.equal(result, results[0]) for result in results)
    assert torch.equal(run(x[3:4].clone(), mask[3:4], w)[0], results[0][3])


def test_what_does_not_fit_is_refused() -> None:
    draw = Draw(torch.float32)
    w = weights(draw, 16, 4, 4)
    with pytest.raises(ValueError, match="does not fit the weights"):
        run(draw.normal(3, 5, 24), draw.mask(3, 5), w)
    with pytest.raises(ValueError, match="mask"):
        run(draw.normal(3, 5, 16), draw.mask(5, 3), w)
