# SPDX-License-Identifier: Apache-2.0
"""A linear layer: the product that everything else is made of."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch.nn.functional as F
from torch import Tensor

from af2cpu.ops.dispatch import Operation
from af2cpu.ops.isa import kernels
from af2cpu.ops.weights import packed
from af2cpu.shapes import Float


class LinearWeights(NamedTuple):
    """c channels to d."""

    weight: Tensor  # [d, c]
    bias: Tensor | None = None  # [d]

    def __call__(self, x: Tensor) -> Tensor:
        """x W^T + b in PyTorch, for formulas."""
        return F.linear(x, self.weight, self.bias)


@Operation
def linear(x: Float[Tensor, "*n c"], w: LinearWeights) -> Float[Tensor, "*n d"]:
    """x W^T + b."""
    return w(x)


@linear.native
def _linear(x: Tensor, w: Any) -> Tensor:
    rows, weights = x.reshape(-1, x.shape[-1]), packed(w)
    y = x.new_empty(len(rows), weights.out_features)
    rows = rows if rows.stride(-1) == 1 else rows.contiguous()
    kernels().linear(rows, y, weights)
    return y.view(*x.shape[:-1], weights.out_features)
