"""The attention kernels beside their definitions in float64."""

from __future__ import annotations

import pytest
import torch
from kernel_cases import DTYPES, Draw, close, doubled
from torch import Tensor

from af2cpu.ops.attention import AttentionWeights, attention, pair_bias
from af2cpu.ops.norm import Norm


def weights(draw: Draw, c: int, h: int, d: int) -> AttentionWeights:
    q, k, v, gate = (draw.weight(c, h, d, over=c) for _ in range(4))
    norm = Norm(draw.normal(c), draw.normal(c))
    return AttentionWeights(norm, q, k, v, gate, draw.normal(h, d), draw.weight(h, d, c, over=h * d), draw.normal(c))


def _run(x: Tensor, bias: Tensor | None, mask: Tensor, w: AttentionWeights) -> Tensor:
    assert attention.kernel is not None
    assert attention.kernel(x, bias, mask, w) is x
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
    bias = draw.normal(h, n, n).float() if biased else None
    mask[-1] = 0
    expected = attention.reference(x.double(), None if bias is None else bias.double(), mask.double(), doubled(w))
    close(_run(x, bias, mask, w), expected, n + c, roundings=3)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_columns(level: str, dtype: torch.dtype) -> None:
    """On a transposed view, as column attention has it; long columns."""
    draw = Draw(dtype)
    m, w, mask = draw.normal(1000, 3, 32), weights(draw, 32, 4, 8), draw.mask(1000, 3)
    expected = attention.reference(m.double().transpose(0, 1), None, mask.double().T, doubled(w))
    _run(m.transpose(0, 1), None, mask.T, w)
    close(m.transpose(0, 1), expected, 1000, roundings=3)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_large_logits(level: str, dtype: torch.dtype) -> None:
    """Maxima far from zero that move from tile to tile, where exponentials alone would overflow or vanish."""
    draw = Draw(dtype)
    x, w, mask = draw.normal(1, 200, 32), weights(draw, 32, 2, 16), draw.mask(1, 200)
    bias = (draw.normal(2, 200, 200) * 100 + torch.arange(200) - 1000).float()
    expected = attention.reference(x.double(), bias.double(), mask.double(), doubled(w))
    close(_run(x, bias, mask, w), expected, 200 * 100, roundings=10)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("n", "c", "h"), [(1, 4, 1), (17, 24, 2), (67, 128, 8)])
@pytest.mark.parametrize("ending", [False, True])
def test_pair_bias(level: str, dtype: torch.dtype, n: int, c: int, h: int, ending: bool) -> None:
    draw = Draw(dtype)
    z, norm, weight = draw.normal(n, n, c), Norm(draw.normal(c), draw.normal(c)), draw.weight(c, h, over=c)
    z = z.transpose(0, 1) if ending else z
    assert pair_bias.kernel is not None
    bias = pair_bias.kernel(z, norm, weight)
    close(bias.to(dtype), pair_bias.reference(z.double(), doubled(norm), weight.double()), c, roundings=2)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_bias_from_its_kernel_is_taken_as_it_is(dtype: torch.dtype) -> None:
    """Without a copy, and with the same result as a copy."""
    draw, n, c = Draw(dtype), 70, 32
    z, x, mask, w = draw.normal(n, n, c), draw.normal(4, n, c), draw.mask(4, n), weights(draw, c, 4, 8)
    assert pair_bias.kernel is not None
    bias = pair_bias.kernel(z, w.norm, draw.weight(c, 4, over=c))
    assert torch.equal(_run(x.clone(), bias, mask, w), _run(x.clone(), bias.contiguous(), mask, w))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_threads_and_neighbours_change_nothing(threads: None, dtype: torch.dtype) -> None:
    draw, n, c = Draw(dtype), 150, 64
    x, w, mask, bias = draw.normal(9, n, c), weights(draw, c, 4, 16), draw.mask(9, n), draw.normal(4, n, n).float()
    results = []
    for k in (1, 2, 3, 4):
        torch.set_num_threads(k)
        results.append(_run(x.clone(), bias, mask, w))
    assert all(torch.equal(result, results[0]) for result in results)
    assert torch.equal(_run(x[5:6].clone(), bias, mask[5:6], w)[0], results[0][5])
