# SPDX-License-Identifier: Apache-2.0
"""The linear kernel beside its definition in float64."""

from __future__ import annotations

import pytest
import torch
from kernel_cases import DTYPES, Draw, close, doubled

from af2cpu.ops.isa import kernels
from af2cpu.ops.linear import LinearWeights
from af2cpu.ops.weights import pack

SHAPES = [(1, 1, 1), (17, 24, 40), (255, 64, 23), (97, 1100, 33), (1000, 256, 128)]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("rows", "k", "n"), SHAPES)
def test_linear(level: str, dtype: torch.dtype, rows: int, k: int, n: int) -> None:
    draw = Draw(dtype)
    x, w = draw.normal(rows, k), draw.linear(n, k)
    y = torch.empty(rows, n, dtype=dtype)
    kernels().linear(x, y, pack(w))
    close(y, doubled(w)(x.double()), k)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_rows_apart_in_memory_and_no_bias(level: str, dtype: torch.dtype) -> None:
    draw, k, n = Draw(dtype), 43, 75
    x, w = draw.normal(5, 14, k)[:, ::2], LinearWeights(draw.weight(n, k, over=k))
    y = draw.normal(7, 5, n).transpose(0, 1)
    kernels().linear(x, y, pack(w))
    close(y, doubled(w)(x.double()), k)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_threads_change_nothing(threads: None, dtype: torch.dtype) -> None:
    draw = Draw(dtype)
    x, weights = draw.normal(1000, 96), pack(draw.linear(600, 96))
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
    x, weights = draw.normal(131, 96), pack(draw.linear(40, 96))
    whole, one = torch.empty(131, 40, dtype=torch.bfloat16), torch.empty(1, 40, dtype=torch.bfloat16)
    kernels().linear(x, whole, weights)
    for row in (0, 57, 130):
        kernels().linear(x[row : row + 1], one, weights)
        assert torch.equal(one[0], whole[row])


def test_what_does_not_fit_is_refused() -> None:
    draw = Draw(torch.float32)
    weights = pack(draw.linear(8, 4))
    with pytest.raises(ValueError, match="does not fit the weights"):
        kernels().linear(draw.normal(3, 5), draw.normal(3, 8), weights)
    with pytest.raises(ValueError, match="contiguous"):
        kernels().linear(draw.normal(4, 3).T, draw.normal(3, 8), weights)
    with pytest.raises(ValueError, match="another type"):
        kernels().linear(draw.normal(3, 4).bfloat16(), draw.normal(3, 8).bfloat16(), weights)


def test_weights_are_known_by_name() -> None:
    draw = Draw(torch.float32)
    arrays = {"weight": draw.normal(8, 4), "bias": draw.normal(8)}
    with pytest.raises(ValueError, match="no kernel takes the weight scale"):
        kernels().LinearWeights(arrays | {"scale": draw.normal(4)})
    with pytest.raises(ValueError, match="no weight weight"):
        kernels().LinearWeights({"weigth": arrays["weight"]})
    with pytest.raises(ValueError, match="no matrix"):
        kernels().LinearWeights({"bias": arrays["bias"]})
