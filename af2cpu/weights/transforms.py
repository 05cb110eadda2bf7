# SPDX-License-Identifier: Apache-2.0
"""How arrays of a parameter file become our tensors, and back.

A transform sees one block of a stack: `load` takes the arrays of the file and gives ours, `save` is its inverse. `save`
also gives the shapes that a file must have, from tensors of one number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # a run is planned with this table, before PyTorch, which takes a second to import, is needed
    from torch import Tensor

Arrays = Sequence["Tensor"]


class Transform(NamedTuple):
    load: Callable[[Arrays], Arrays]
    save: Callable[[Arrays], Arrays]


def _transposed(arrays: Arrays) -> Arrays:
    return [array.transpose(-1, -2) for array in arrays]


def _halves(arrays: Arrays) -> Arrays:
    return [half for array in arrays for half in array.chunk(2, dim=-1)]


def _joined(arrays: Arrays) -> Arrays:
    return [_side_by_side(arrays)]


def _side_by_side(arrays: Arrays) -> Tensor:
    import torch

    return torch.cat(list(arrays), dim=-1)


AS_IT_IS = Transform(lambda arrays: arrays, lambda arrays: arrays)
TRANSPOSED = Transform(_transposed, _transposed)  # a weight, [in, out] in the file
COLUMN = Transform(
    lambda arrays: [array[:, None] for array in arrays], lambda arrays: [array[:, 0] for array in arrays]
)
# Two projections that the file has side by side: their weights, their biases.
SPLIT_WEIGHTS = Transform(lambda arrays: _transposed(_halves(arrays)), lambda arrays: _joined(_transposed(arrays)))
SPLIT_BIASES = Transform(_halves, _joined)


def head_weights(n_heads: int, n_arrays: int = 1) -> Transform:
    """Weights [in, heads, channels] of one array or more, whose channels we have side by side in each head."""

    def load(arrays: Arrays) -> Arrays:
        return _transposed([_side_by_side(arrays).flatten(-2)])

    def save(arrays: Arrays) -> Arrays:
        (weight,) = _transposed(arrays)
        return weight.unflatten(-1, (n_heads, -1)).chunk(n_arrays, dim=-1)

    return Transform(load, save)


def point_biases(n_heads: int, *n_points: int) -> Transform:
    """Biases [heads, 3 points] of arrays with so many points each: all x of a head, all y, all z.

    We have all x of all heads, then y, then z; in each head the points of one array after the other.
    """

    def load(arrays: Arrays) -> Arrays:
        by_axis = [array.unflatten(-1, (3, n)) for array, n in zip(arrays, n_points, strict=True)]
        return [_side_by_side(by_axis).transpose(-2, -3).flatten(-3)]

    def save(arrays: Arrays) -> Arrays:
        (array,) = arrays
        by_head = array.unflatten(-1, (3, n_heads, sum(n_points))).transpose(-2, -3)
        return [part.flatten(-2) for part in by_head.split(list(n_points), dim=-1)]

    return Transform(load, save)


def point_weights(n_heads: int, *n_points: int) -> Transform:
    """Weights [in, heads, 3 points], as `point_biases`."""
    biases = point_biases(n_heads, *n_points)
    return Transform(lambda arrays: _transposed(biases.load(arrays)), lambda arrays: biases.save(_transposed(arrays)))
