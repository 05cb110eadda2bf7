# SPDX-License-Identifier: Apache-2.0
"""The transition kernel beside its definition in float64."""

from __future__ import annotations

import pytest
import torch
from kernel_cases import DTYPES, Draw, close, doubled

from af2cpu.ops.isa import kernels
from af2cpu.ops.transition import TransitionWeights, transition
from af2cpu.ops.weights import pack


def weights(draw: Draw, c: int, d: int) -> TransitionWeights:
    return TransitionWeights(draw.norm(c), draw.linear(d, c), draw.linear(c, d))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    ("a", "b", "c", "d"), [(1, 1, 4, 8), (1, 17, 24, 48), (3, 85, 64, 256), (7, 31, 40, 600), (2, 100, 256, 1024)]
)
def test_transition(level: str, dtype: torch.dtype, a: int, b: int, c: int, d: int) -> None:
    """On rows that lie apart, in an order that is not memory's."""
    draw = Draw(dtype)
    x, w = draw.normal(b, 2 * a, c)[:, ::2].transpose(0, 1), weights(draw, c, d)
    with torch.no_grad():
        expected = transition.reference(x.double(), doubled(w))
        assert transition.kernel is not None
        assert transition.kernel(x, w) is x
    close(x, expected, c + d, roundings=2)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_threads_and_neighbours_change_nothing(threads: None, dtype: torch.dtype) -> None:
    draw = Draw(dtype)
    x, w = draw.normal(11, 91, 64), weights(draw, 64, 256)
    results = []
    for n in (1, 2, 3, 4):
        torch.set_num_threads(n)
        results.append(x.clone())
        kernels().transition(results[-1], pack(w))
    assert all(torch.equal(result, results[0]) for result in results)
    alone = x[5:6].clone()
    kernels().transition(alone, pack(w))
    assert torch.equal(alone[0], results[0][5])
