# SPDX-License-Identifier: Apache-2.0
"""The kernel of the outer product mean beside its definition in float64."""

from __future__ import annotations

import pytest
import torch
from kernel_cases import DTYPES, Draw, close, doubled
from torch import Tensor

from af2cpu.ops.outer_product import OuterProductWeights, outer_product_mean

# s, n and c_m, c, e, c_z: two chunks of sequences and more, tiles that are not full, channels that fill no vector.
SHAPES = [(1, 1, (8, 3, 5, 7)), (5, 3, (24, 8, 8, 24)), (70, 17, (64, 32, 32, 128)), (600, 9, (40, 33, 20, 130))]


def weights(draw: Draw, s: int, c_m: int, c: int, e: int, c_z: int) -> OuterProductWeights:
    """For an update of unit scale: the mean over s of independent products is small, and so is what 1e-3 divides."""
    norm = draw.norm(c_m)
    a, b = (draw.linear(n, c_m) for n in (c, e))
    out = draw.weight(c, e, c_z, over=c * e) * s**0.5
    return OuterProductWeights(norm, a, b, out, draw.normal(c_z) * 1e-3)


def run(m: Tensor, mask: Tensor, z: Tensor, w: OuterProductWeights) -> Tensor:
    assert outer_product_mean.kernel is not None
    with torch.no_grad():
        return outer_product_mean.kernel(m, mask, z, w)


def check(m: Tensor, mask: Tensor, z: Tensor, w: OuterProductWeights) -> None:
    """The roundings of a or b, of their outer product and of z."""
    with torch.no_grad():
        expected = outer_product_mean.reference(m.double(), mask.double(), z.double(), doubled(w))
    length = m.shape[0] + m.shape[2] + w.out.shape[0] * w.out.shape[1]
    close(run(m, mask, z, w), expected, length, roundings=3)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("s", "n", "channels"), SHAPES)
def test_outer_product(level: str, dtype: torch.dtype, s: int, n: int, channels: tuple[int, int, int, int]) -> None:
    """On tensors that are not contiguous, with gaps in the mask, and a residue that no sequence has."""
    draw, c_m, c_z = Draw(dtype), channels[0], channels[-1]
    m, z = draw.normal(n, 2 * s, c_m)[:, ::2].transpose(0, 1), draw.normal(n, 2 * n, c_z)[:, ::2].transpose(0, 1)
    mask = draw.mask(s, n)
    mask[:, n // 2] = 0
    mask[s // 2] = 0
    check(m, mask, z, weights(draw, s, *channels))


@pytest.mark.parametrize("n", [255, 1000])
def test_many_residues(n: int) -> None:
    draw = Draw(torch.bfloat16)
    check(draw.normal(3, n, 8), draw.mask(3, n), draw.normal(n, n, 8), weights(draw, 3, 8, 4, 4, 8))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_without_sequences_the_bias_is_left(level: str, dtype: torch.dtype) -> None:
    draw = Draw(dtype)
    z, w = torch.zeros(5, 5, 16, dtype=dtype), weights(draw, 1, 8, 8, 8, 16)
    run(draw.normal(0, 5, 8), draw.mask(0, 5), z, w)
    close(z, (w.out_bias.double() / 1e-3).expand(5, 5, 16), 1)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_threads_change_nothing(threads: None, dtype: torch.dtype) -> None:
    draw = Draw(dtype)
    m, mask, z = draw.normal(530, 21, 64), draw.mask(530, 21), draw.normal(21, 21, 128)
    w = weights(draw, 530, 64, 32, 32, 128)
    results = []
    for n in (1, 2, 3, 4):
        torch.set_num_threads(n)
        results.append(run(m, mask, z.clone(), w))
    assert all(torch.equal(result, results[0]) for result in results)


def test_what_does_not_fit_is_refused() -> None:
    draw = Draw(torch.float32)
    w = weights(draw, 4, 8, 8, 8, 16)
    with pytest.raises(ValueError, match="does not fit the weights"):
        run(draw.normal(4, 5, 9), draw.mask(4, 5), draw.normal(5, 5, 16), w)
    with pytest.raises(ValueError, match="residues of m"):
        run(draw.normal(4, 5, 8), draw.mask(4, 5), draw.normal(5, 6, 16), w)
    with pytest.raises(ValueError, match="mask"):
        run(draw.normal(4, 5, 8), draw.mask(5, 4), draw.normal(5, 5, 16), w)
