# SPDX-License-Identifier: Apache-2.0
"""The transition: two linear layers with ReLU between, on every position alone."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch.nn.functional as F
from torch import Tensor

from af2cpu.ops.dispatch import Formula, Operation
from af2cpu.ops.isa import kernels
from af2cpu.ops.linear import LinearWeights
from af2cpu.ops.norm import Norm
from af2cpu.ops.slicing import update_rows
from af2cpu.ops.weights import packed
from af2cpu.shapes import Float


class TransitionWeights(NamedTuple):
    """c channels widened to d (4 c, 2 c in the template stack) and back."""

    norm: Norm  # of c
    up: LinearWeights  # c to d
    down: LinearWeights  # d to c


@Formula
def _transit(x: Tensor, w: TransitionWeights) -> Tensor:
    return w.down(F.relu(w.up(w.norm(x))))


@Operation
def transition(x: Float[Tensor, "a b c"], w: TransitionWeights) -> Float[Tensor, "a b c"]:
    """x + W2 relu(W1 LN(x))."""
    bytes_per_row = x.shape[1] * (2 * w.up.weight.shape[0] + 2 * x.shape[2]) * 4
    return update_rows(x, bytes_per_row, lambda rows: _transit(x[rows], w))


@transition.native
def _transition(x: Tensor, w: Any) -> Tensor:
    kernels().transition(x, packed(w))
    return x
