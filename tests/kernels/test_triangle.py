# SPDX-License-Identifier: Apache-2.0
"""The kernel of the triangle multiplication beside its definition in float64."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from kernel_cases import DTYPES, Draw, close, doubled
from torch import Tensor

from af2cpu.model.memory import EDGE_BYTES
from af2cpu.ops.isa import kernels
from af2cpu.ops.triangle import TriangleWeights, triangle_multiplication

SHAPES = [(1, 8, 8), (5, 24, 16), (17, 40, 33), (130, 24, 40)]  # n, c_z, c


def weights(draw: Draw, c_z: int, c: int) -> TriangleWeights:
    norm, center_norm = draw.norm(c_z), draw.norm(c)
    a, a_gate, b, b_gate = (draw.linear(c, c_z) for _ in range(4))
    return TriangleWeights(norm, a, a_gate, b, b_gate, center_norm, draw.linear(c_z, c), draw.linear(c_z, c_z))


def run(z: Tensor, mask: Tensor, w: TriangleWeights, outgoing: bool, factors: Tensor | None = None) -> Tensor:
    assert triangle_multiplication.kernel is not None
    with torch.no_grad():
        return triangle_multiplication.kernel(z, mask, w, outgoing, factors)


def check(z: Tensor, mask: Tensor, w: TriangleWeights, outgoing: bool, factors: Tensor | None = None) -> None:
    """The roundings of LN(z), of an edge, of the product, of its layer norm and of z."""
    with torch.no_grad():
        expected = triangle_multiplication.reference(z.double(), mask.double(), doubled(w), outgoing, doubled(factors))
    close(run(z, mask, w, outgoing, factors), expected, z.shape[0] + z.shape[2] + len(w.a.weight), roundings=5)


@pytest.mark.parametrize("outgoing", [True, False])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("n", "c_z", "c"), SHAPES)
def test_triangle(level: str, dtype: torch.dtype, n: int, c_z: int, c: int, outgoing: bool) -> None:
    """On a tensor that is not contiguous, with gaps in the mask and a residue that is not there."""
    draw = Draw(dtype)
    z, mask = draw.normal(n, 2 * n, c_z)[:, ::2].transpose(0, 1), draw.mask(n, n)
    mask[n // 2] = 0
    mask[:, n // 2] = 0
    check(z, mask, weights(draw, c_z, c), outgoing)


@pytest.mark.parametrize("outgoing", [True, False])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("n", "c_z", "c"), SHAPES)
def test_dropout(level: str, dtype: torch.dtype, n: int, c_z: int, c: int, outgoing: bool) -> None:
    """Factors of the update; pairs whose factor is zero keep their numbers to the last bit."""
    draw = Draw(dtype)
    z, factors = draw.normal(n, 2 * n, c_z)[:, ::2], draw.factors(n, c_z)
    mask, w, before = draw.mask(n, n), weights(draw, c_z, c), z.clone()
    check(z, mask, w, outgoing, factors)
    assert torch.equal(z[:, factors == 0], before[:, factors == 0])
    once, again = (run(before.clone(), mask, w, outgoing, given) for given in (None, torch.ones(n, c_z)))
    torch.testing.assert_close(once, again, atol=1e-6, rtol=2**-7 if dtype == torch.bfloat16 else 1e-6)


@pytest.mark.parametrize("outgoing", [True, False])
def test_more_than_one_group_of_channels(outgoing: bool) -> None:
    draw = Draw(torch.bfloat16)
    check(draw.normal(600, 600, 8), draw.mask(600, 600), weights(draw, 8, 40), outgoing)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_threads_change_nothing(threads: None, dtype: torch.dtype) -> None:
    draw = Draw(dtype)
    z, mask, w = draw.normal(45, 45, 128), draw.mask(45, 45), weights(draw, 128, 128)
    results = []
    for n in (1, 2, 3, 4):
        torch.set_num_threads(n)
        results.append(run(z.clone(), mask, w, True))
    assert all(torch.equal(result, results[0]) for result in results)


def test_calls_at_once_share_no_memory() -> None:
    """Threads of Python call the kernel while it runs: the memory kept from call to call serves one of them."""
    draw = Draw(torch.float32)
    w, mask = weights(draw, 16, 16), draw.mask(60, 60)
    given = [draw.normal(60, 60, 16) for _ in range(4)]
    alone = [run(z.clone(), mask, w, True) for z in given]

    def repeat(z: Tensor) -> list[Tensor]:
        return [run(z.clone(), mask, w, True) for _ in range(20)]

    with ThreadPoolExecutor(len(given)) as pool:
        for results, expected in zip(pool.map(repeat, given), alone, strict=True):
            assert all(torch.equal(result, expected) for result in results)


def test_the_memory_estimate_counts_with_the_kernel_s_edges() -> None:
    assert kernels().triangle_edge_bytes == EDGE_BYTES


def test_what_does_not_fit_is_refused() -> None:
    draw = Draw(torch.float32)
    w = weights(draw, 8, 16)
    with pytest.raises(ValueError, match="does not fit the weights"):
        run(draw.normal(5, 5, 16), draw.mask(5, 5), w, True)
    with pytest.raises(ValueError, match=r"z \[n, n, c_z\]"):
        run(draw.normal(5, 6, 8), draw.mask(5, 6), w, True)
    with pytest.raises(ValueError, match="mask"):
        run(draw.normal(5, 5, 8), draw.mask(5, 6), w, True)
    with pytest.raises(ValueError, match="factors"):
        run(draw.normal(5, 5, 8), draw.mask(5, 5), w, True, draw.factors(5, 7))
