# SPDX-License-Identifier: Apache-2.0
"""Slices that keep intermediates under a memory budget.

Only axes that are not reduced are cut, so that the slices change nothing but the order in which rows are computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from af2cpu.ops.sizes import DEFAULT_BUDGET

_budget = DEFAULT_BUDGET


@contextmanager
def memory_budget(n_bytes: int) -> Iterator[None]:
    """Within this block the intermediates of one operation take about `n_bytes` at most (one row at the least)."""
    global _budget
    before, _budget = _budget, n_bytes
    try:
        yield
    finally:
        _budget = before


def budget() -> int:
    """Bytes, as in force: part of what a result depends on, to the last bit."""
    return _budget


def slices(n: int, bytes_per_row: int) -> Iterator[slice]:
    """Cuts of range(n), each of as many rows as the budget holds."""
    step = max(1, _budget // max(1, bytes_per_row))
    return (slice(start, min(start + step, n)) for start in range(0, n, step))


def update_rows(
    x: Tensor, bytes_per_row: int, update: Callable[[slice], Tensor], factors: Tensor | None = None
) -> Tensor:
    """x + factors * update(rows) for all rows of axis 0; in place when gradients are off.

    factors: the same for all rows, float32; none: 1.
    """
    if torch.is_grad_enabled():
        whole = build_rows(x.shape[0], bytes_per_row, update)
        return x + (whole if factors is None else (whole * factors).to(x.dtype))
    for rows in slices(x.shape[0], bytes_per_row):
        x[rows] += update(rows) if factors is None else update(rows) * factors
    return x


def replace_rows(x: Tensor, bytes_per_row: int, make: Callable[[slice], Tensor]) -> Tensor:
    """make(rows), which may read x[rows], in the place of all rows of axis 0; in place when gradients are off."""
    if torch.is_grad_enabled():
        return build_rows(x.shape[0], bytes_per_row, make)
    for rows in slices(x.shape[0], bytes_per_row):
        x[rows] = make(rows)
    return x


def build_rows(n: int, bytes_per_row: int, make: Callable[[slice], Tensor]) -> Tensor:
    """make(rows) for all n rows, joined along axis 0."""
    if n == 0:
        return make(slice(0, 0))
    if torch.is_grad_enabled():
        return torch.cat([make(rows) for rows in slices(n, bytes_per_row)])
    first, *rest = slices(n, bytes_per_row)
    piece = make(first)
    out = piece.new_empty(n, *piece.shape[1:])
    out[first] = piece
    del piece
    for rows in rest:
        out[rows] = make(rows)
    return out
