# SPDX-License-Identifier: Apache-2.0
"""Sizes of the operations that results and peak memory depend on. Planning reads them without loading PyTorch."""

from __future__ import annotations

DEFAULT_BUDGET = 64 * 2**20  # bytes, for the intermediates of one operation
_LEAST_BUDGET = 2**20

# Channels of a triangle multiplication that are worked on together. A constant, and no multiple of the budget: the
# result must not depend on how it is cut.
CHANNEL_GROUP = 32


def budget_within(memory: int | None) -> int:
    """The budget of a run that may take `memory` bytes: a share of it, and no more than what keeps the cores busy.

    It follows from the setting alone and never from what is free just now: the same run cuts the same slices.
    """
    return DEFAULT_BUDGET if memory is None else min(DEFAULT_BUDGET, max(_LEAST_BUDGET, memory // 256))


def budget_after(budget: int, kills: int) -> int:
    """The budget of a prediction that lack of memory has ended so many times."""
    return max(_LEAST_BUDGET, budget >> (3 * kills)) if kills else budget
