"""Sizes of the operations that results and peak memory depend on. Planning reads them without loading PyTorch."""

from __future__ import annotations

DEFAULT_BUDGET = 64 * 2**20  # bytes, for the intermediates of one operation

# Channels of a triangle multiplication that are worked on together. A constant, and no multiple of the budget: the
# result must not depend on how it is cut.
CHANNEL_GROUP = 32


def budget_within(memory: int | None) -> int:
    """The budget of a run that may take `memory` bytes: a share of it, and no more than what keeps the cores busy.

    It follows from the setting alone and never from what is free just now: the same run cuts the same slices.
    """
    return DEFAULT_BUDGET if memory is None else min(DEFAULT_BUDGET, max(2**20, memory // 256))
