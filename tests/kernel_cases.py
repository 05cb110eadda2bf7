# SPDX-License-Identifier: Apache-2.0
"""What the tests of the kernels share: random operands of unit scale, and how far a kernel may be off."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from af2cpu.ops.linear import LinearWeights
from af2cpu.ops.norm import Norm

UNIT = {torch.float32: 2.0**-24, torch.bfloat16: 2.0**-9}  # half a unit in the last place of 1
DTYPES = tuple(UNIT)


def tolerance(dtype: torch.dtype, length: int, roundings: int = 1) -> float:
    """Largest error of a result of unit scale.

    `roundings` to the type of the activations on the way to it, and sums over `length` terms in float32, whose errors
    grow with the root of the length; 8 is for the largest of many results.
    """
    return 8 * (roundings * UNIT[dtype] + math.sqrt(length) * UNIT[torch.float32])


def close(actual: Tensor, expected: Tensor, length: int, roundings: int = 1) -> None:
    """Assert that a kernel's result is near its float64 reference, in units of the reference's scale (1 at least)."""
    assert actual.shape == expected.shape
    scale = max(1.0, float(expected.abs().max()))
    error = float((actual.double() - expected).abs().max()) / scale
    assert error <= tolerance(actual.dtype, length, roundings), error


def doubled(weights: Any) -> Any:
    """A record of tensors, or of such records, in float64."""
    if isinstance(weights, Tensor):
        return weights.double()
    if weights is None:
        return None
    return type(weights)(*map(doubled, weights))


class Draw:
    """Random numbers of one type, always the same for a seed."""

    def __init__(self, dtype: torch.dtype, seed: int = 0) -> None:
        self.dtype = dtype
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator).to(self.dtype)

    def weight(self, *shape: int, over: int) -> Tensor:
        """With a variance that keeps a sum over `over` channels at unit scale."""
        return (torch.randn(*shape, generator=self.generator) / math.sqrt(over)).to(self.dtype)

    def norm(self, c: int) -> Norm:
        return Norm(self.normal(c), self.normal(c))

    def linear(self, d: int, c: int) -> LinearWeights:
        return LinearWeights(self.weight(d, c, over=c), self.normal(d))

    def factors(self, n: int, c: int) -> Tensor:
        """Of dropout at a rate of a quarter: float32, on every second column of a larger tensor."""
        kept = torch.rand(n, 2 * c, generator=self.generator) > 0.25
        return (kept / 0.75)[:, ::2]

    def mask(self, *shape: int) -> Tensor:
        """Ones and zeros, a fifth of it zeros."""
        return (torch.rand(*shape, generator=self.generator) > 0.2).to(self.dtype)
