# SPDX-License-Identifier: Apache-2.0
"""The attention kernels beside their definitions in float64."""

from __future__ import annotations

import math

import pytest
import torch
from kernel_cases import DTYPES, Draw, close, doubled
from torch import Tensor
from torch.nn import functional as F

from af2cpu.ops.attention import (
    AttentionWeights,
    HeadWeights,
    PairBias,
    PairBiasWeights,
    attend,
    attend_streamed,
    attention,
    pair_bias,
    streamed_bias,
)


def weights(draw: Draw, c: int, h: int, d: int) -> AttentionWeights:
    q, k, v, gate = (draw.weight(c, h, d, over=c) for _ in range(4))
    norm, gate_bias = draw.norm(c), draw.normal(h, d)
    heads = HeadWeights(q, k, v, gate, gate_bias, draw.weight(h, d, c, over=h * d), draw.normal(c))
    return AttentionWeights(norm, heads)


def pair_of(draw: Draw, n: int, c: int, h: int) -> PairBias:
    return PairBias(draw.normal(n, n, c), PairBiasWeights(draw.norm(c), draw.weight(c, h, over=c)))


def _run(x: Tensor, pair: PairBias | None, mask: Tensor, w: AttentionWeights, factors: Tensor | None = None) -> Tensor:
    assert attention.kernel is not None
    assert attention.kernel(x, pair, mask, w, factors) is x
    return x


@pytest.fixture(autouse=True)
def _no_grad() -> object:
    with torch.no_grad():
        yield


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize(
    "shape",
    [
        (1, 1, 32, 4, 8),
        (2, 17, 16, 4, 4),
        (3, 100, 64, 8, 8),
        (2, 131, 64, 4, 16),
        (2, 255, 128, 4, 32),
        (1, 65, 24, 3, 24),
    ],
    ids=str,
)
def test_attention(level: str, dtype: torch.dtype, biased: bool, shape: tuple[int, ...]) -> None:
    """Rows [b, n, c] with h heads of d; masks with zeros, and one row without a single key."""
    b, n, c, h, d = shape
    draw = Draw(dtype)
    x, w, mask = draw.normal(b, n, c), weights(draw, c, h, d), draw.mask(b, n)
    pair = pair_of(draw, n, 24, h) if biased else None
    mask[-1] = 0
    expected = attention.reference(x.double(), None if pair is None else doubled(pair), mask.double(), doubled(w))
    close(_run(x, pair, mask, w), expected, n + c, roundings=3)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("ending", [True, False])
@pytest.mark.parametrize("shape", [(3, 1, 20, 1, 4), (3, 100, 64, 8, 8), (2, 131, 24, 4, 16)], ids=str)
def test_dropout(level: str, dtype: torch.dtype, ending: bool, shape: tuple[int, ...]) -> None:
    """Factors of the update; what has the factor zero keeps its numbers to the last bit. Also on a transposed view."""
    b, n, c, h, d = shape
    draw = Draw(dtype)
    x, w, mask = draw.normal(b, n, c), weights(draw, c, h, d), draw.mask(b, n)
    x = draw.normal(n, b, c).transpose(0, 1) if ending else x
    pair, factors, before = pair_of(draw, n, 24, h), draw.factors(n, c), x.clone()
    expected = attention.reference(x.double(), doubled(pair), mask.double(), doubled(w), doubled(factors))
    close(_run(x, pair, mask, w, factors), expected, n + c, roundings=3)
    assert torch.equal(x[:, factors == 0], before[:, factors == 0])
    assert not torch.equal(x[:, factors > 0], before[:, factors > 0])


def test_factors_of_another_size_are_refused() -> None:
    draw = Draw(torch.float32)
    with pytest.raises(ValueError, match="factors"):
        _run(draw.normal(2, 5, 8), None, draw.mask(2, 5), weights(draw, 8, 2, 4), draw.factors(2, 8))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_columns(level: str, dtype: torch.dtype) -> None:
    """On a transposed view, as column attention has it; long columns."""
    draw = Draw(dtype)
    m, w, mask = draw.normal(1000, 3, 32), weights(draw, 32, 4, 8), draw.mask(1000, 3)
    expected = attention.reference(m.double().transpose(0, 1), None, mask.double().T, doubled(w))
    _run(m.transpose(0, 1), None, mask.T, w)
    close(m.transpose(0, 1), expected, 1000, roundings=3)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("d", [8, 16])
def test_first_keys_masked(level: str, dtype: torch.dtype, d: int) -> None:
    """A few and more than a tile of a row's first keys are masked: they say nothing of the size of its logits."""
    draw, n = Draw(dtype), 150
    x, w, pair = draw.normal(3, n, 32), weights(draw, 32, 2, d), pair_of(draw, n, 24, 2)
    mask = torch.ones(3, n, dtype=dtype)
    mask[0, :7], mask[1, :70], mask[2, :149] = 0, 0, 0
    expected = attention.reference(x.double(), doubled(pair), mask.double(), doubled(w))
    close(_run(x, pair, mask, w), expected, n, roundings=3)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("d", [8, 16])
def test_all_keys_masked(level: str, dtype: torch.dtype, d: int) -> None:
    """Next to a mask of -1e9 logits are rounded to multiples of 64 or 128: a mean of values, whichever count."""
    for n in (1, 2, 3, 4, 6, 9, 33, 100):
        draw = Draw(dtype)
        x, w, pair = draw.normal(2, n, 32), weights(draw, 32, 2, d), pair_of(draw, n, 24, 2)
        mask = torch.ones(2, n, dtype=dtype)
        mask[0] = 0
        assert _run(x, pair, mask, w).isfinite().all()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("d", [8, 16])
def test_large_logits(level: str, dtype: torch.dtype, d: int) -> None:
    """Maxima far from zero that move from tile to tile, where exponentials alone would overflow or vanish.

    What is behind the last key and query is not a number, and of no account.
    """
    draw, n = Draw(dtype), 198
    x, w, mask = draw.normal(1, n, 32), weights(draw, 32, 2, d), draw.mask(1, n)
    bias = (draw.normal(2, n, n) * 100 + torch.arange(n) - 1000).float()
    padded = F.pad(bias / math.log(2), (0, 2, 0, 26), value=math.nan)
    stream = padded.unflatten(1, (7, 32)).transpose(2, 3).flatten(0, 1)
    expected = x.double() + attend(x.double(), bias.double(), mask.double(), doubled(w))
    close(attend_streamed(x, stream.contiguous(), mask, w), expected, n * 100, roundings=10)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("n", "c", "h"), [(1, 4, 1), (17, 24, 2), (67, 128, 8)])
@pytest.mark.parametrize("ending", [False, True])
def test_pair_bias(level: str, dtype: torch.dtype, n: int, c: int, h: int, ending: bool) -> None:
    """The stream [h * blocks, key, 32 queries] that attention reads."""
    pair = pair_of(Draw(dtype), n, c, h)
    pair = pair._replace(z=pair.z.transpose(0, 1)) if ending else pair
    stream = streamed_bias(pair)[:, :n].unflatten(0, (h, -1))
    bias = stream.permute(0, 1, 3, 2).flatten(1, 2)[:, :n] * math.log(2)
    close(bias.to(dtype), pair_bias(doubled(pair)), c, roundings=2)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_norm_of_rows_far_from_zero(level: str, dtype: torch.dtype) -> None:
    """The layer norm in front of a product, of rows whose mean is a hundred times their deviation."""
    pair = pair_of(Draw(dtype), 9, 64, 3)
    pair = pair._replace(z=pair.z + 100)
    stream = streamed_bias(pair)[:, :9, :9].transpose(1, 2) * math.log(2)
    close(stream.to(dtype), pair_bias(doubled(pair)), 64, roundings=2)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_threads_and_neighbours_change_nothing(threads: None, dtype: torch.dtype) -> None:
    draw, n, c = Draw(dtype), 150, 64
    x, w, mask, pair = draw.normal(9, n, c), weights(draw, c, 4, 16), draw.mask(9, n), pair_of(draw, n, c, 4)
    results = []
    for k in (1, 2, 3, 4):
        torch.set_num_threads(k)
        results.append(_run(x.clone(), pair, mask, w))
    assert all(torch.equal(result, results[0]) for result in results)
    assert torch.equal(_run(x[5:6].clone(), pair, mask[5:6], w)[0], results[0][5])
