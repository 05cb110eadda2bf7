"""The linear kernel beside its definition in float64."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from kernel_cases import DTYPES, Draw, close
from torch import Tensor

from af2cpu.ops.isa import kernels

SHAPES = [(1, 1, 1), (17, 24, 40), (255, 64, 23), (97, 1100, 33), (1000, 256, 128)]


def _reference(x: Tensor, w: Tensor, b: Tensor, norm: tuple[Tensor, Tensor] | None) -> Tensor:
    x = x.double()
    if norm is not None:
        x = F.layer_norm(x, x.shape[-1:], norm[0].double(), norm[1].double(), 1e-5)
    return F.linear(x, w.double(), b.double())


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("rows", "k", "n"), SHAPES)
def test_linear(level: str, dtype: torch.dtype, rows: int, k: int, n: int) -> None:
    draw = Draw(dtype)
    x, w, b = draw.normal(rows, k), draw.weight(n, k, over=k), draw.normal(n)
    y = torch.empty(rows, n, dtype=dtype)
    kernels().linear(x, y, kernels().LinearWeights(w, b))
    close(y, _reference(x, w, b, None), k)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("activation", ["none", "relu", "sigmoid"])
def test_all_that_stands_before_and_behind(level: str, dtype: torch.dtype, activation: str) -> None:
    """Layer norm, bias, activation, mask and sum, on rows that lie apart in memory."""
    draw, k, n = Draw(dtype), 43, 75
    x, scale, offset = draw.normal(5, 14, k)[:, ::2], draw.normal(k), draw.normal(k)
    w, b, mask = draw.weight(n, k, over=k), draw.normal(n), draw.mask(5, 7)
    y = draw.normal(7, 5, n).transpose(0, 1)
    functions = {"none": lambda x: x, "relu": torch.relu, "sigmoid": torch.sigmoid}
    expected = y.double() + mask[..., None] * functions[activation](_reference(x, w, b, (scale, offset)))
    kernels().linear(x, y, kernels().LinearWeights(w, b, scale, offset), activation, mask, add=True)
    close(y, expected, k, roundings=2)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_in_place(level: str, dtype: torch.dtype) -> None:
    """x += W x with more columns than one work item takes where it is not in place."""
    draw, k = Draw(dtype), 300
    x, w, b = draw.normal(130, k), draw.weight(k, k, over=k), draw.normal(k)
    expected = x.double() + _reference(x, w, b, None)
    kernels().linear(x, x, kernels().LinearWeights(w, b), add=True)
    close(x, expected, k)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_threads_change_nothing(threads: None, dtype: torch.dtype) -> None:
    draw = Draw(dtype)
    x, weights = draw.normal(1000, 96), kernels().LinearWeights(draw.weight(600, 96, over=96), draw.normal(600))
    results = []
    for n in (1, 2, 3, 4):
        torch.set_num_threads(n)
        assert kernels().threads() == n
        results.append(torch.empty(1000, 600, dtype=dtype))
        kernels().linear(x, results[-1], weights)
    assert all(torch.equal(result, results[0]) for result in results)


def test_a_row_is_the_same_alone(level: str) -> None:
    """The place of a row in its block must not matter: slices and threads may cut anywhere."""
    draw = Draw(torch.bfloat16)
    x, weights = draw.normal(131, 96), kernels().LinearWeights(draw.weight(40, 96, over=96), draw.normal(40))
    whole, one = torch.empty(131, 40, dtype=torch.bfloat16), torch.empty(1, 40, dtype=torch.bfloat16)
    kernels().linear(x, whole, weights)
    for row in (0, 57, 130):
        kernels().linear(x[row : row + 1], one, weights)
        assert torch.equal(one[0], whole[row])


def test_what_does_not_fit_is_refused() -> None:
    draw = Draw(torch.float32)
    weights = kernels().LinearWeights(draw.normal(8, 4), draw.normal(8))
    with pytest.raises(ValueError, match="does not fit the weights"):
        kernels().linear(draw.normal(3, 5), draw.normal(3, 8), weights)
    with pytest.raises(ValueError, match="contiguous"):
        kernels().linear(draw.normal(4, 3).T, draw.normal(3, 8), weights)
    with pytest.raises(ValueError, match="another type"):
        kernels().linear(draw.normal(3, 4).bfloat16(), draw.normal(3, 8).bfloat16(), weights)
