"""A linear layer: the product that everything else is made of."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from af2cpu.ops.dispatch import Operation
from af2cpu.ops.native import kernels, packed
from af2cpu.shapes import Float


@Operation
def linear(x: Float[Tensor, "*n c"], weight: Float[Tensor, "d c"], bias: Float[Tensor, " d"]) -> Float[Tensor, "*n d"]:
    """x W^T + b."""
    return F.linear(x, weight, bias)


@linear.native
def _linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    y = x.new_empty(*x.shape[:-1], len(weight))
    kernels().linear(x.reshape(-1, x.shape[-1]), y.view(-1, len(weight)), packed(kernels().LinearWeights, weight, bias))
    return y
