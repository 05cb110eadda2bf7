"""The transition: two linear layers with ReLU between, on every position alone."""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from af2cpu.ops.dispatch import Formula, Operation
from af2cpu.ops.isa import kernels
from af2cpu.ops.native import packed
from af2cpu.ops.norm import Norm
from af2cpu.ops.slicing import update_rows
from af2cpu.shapes import Float


class TransitionWeights(NamedTuple):
    """c channels widened to d (4 c, 2 c in the template stack) and back."""

    norm: Norm  # of c
    up: Tensor  # [d, c]
    up_bias: Tensor  # [d]
    down: Tensor  # [c, d]
    down_bias: Tensor  # [c]


@Formula
def _transit(x: Tensor, w: TransitionWeights) -> Tensor:
    return F.linear(F.relu(F.linear(w.norm(x), w.up, w.up_bias)), w.down, w.down_bias)


@Operation
def transition(x: Float[Tensor, "a b c"], w: TransitionWeights) -> Float[Tensor, "a b c"]:
    """x + W2 relu(W1 LN(x))."""
    bytes_per_row = x.shape[1] * (2 * w.up.shape[0] + 2 * x.shape[2]) * 4
    return update_rows(x, bytes_per_row, lambda rows: _transit(x[rows], w))


@transition.native
def _transition(x: Tensor, w: TransitionWeights) -> Tensor:
    kernels().transition(x, packed(kernels().TransitionWeights, *w.norm, *w[1:]))
    return x
