"""A linear layer: the product that everything else is made of."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from af2cpu.ops.dispatch import Operation
from af2cpu.ops.isa import kernels
from af2cpu.ops.native import packed
from af2cpu.shapes import Float


@Operation
def linear(
    x: Float[Tensor, "*n c"], weight: Float[Tensor, "d c"], bias: Float[Tensor, " d"] | None = None
) -> Float[Tensor, "*n d"]:
    """x W^T + b."""
    return F.linear(x, weight, bias)


@linear.native
def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    rows = x.reshape(-1, x.shape[-1])
    y = x.new_empty(len(rows), len(weight))
    rows = rows if rows.stride(-1) == 1 else rows.contiguous()
    kernels().linear(rows, y, packed(kernels().LinearWeights, weight, bias))
    return y.view(*x.shape[:-1], len(weight))
