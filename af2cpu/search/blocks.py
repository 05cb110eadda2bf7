# SPDX-License-Identifier: Apache-2.0
"""Targets in blocks of 64, one per lane, as the native filter reads them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LANES = 64


@dataclass(frozen=True)
class Lanes:
    """Which target is in which lane. Targets are sorted by length, so that little of a block is padding."""

    targets: np.ndarray  # int64 [n_blocks, 64]: number of the target; -1 for an empty lane
    lengths: np.ndarray  # int32 [n_blocks, 64]: residues; 0 for an empty lane

    @property
    def rows(self) -> np.ndarray:
        """int32 [n_blocks]: length of each block's longest target."""
        return self.lengths.max(axis=1)

    def starts(self, starts: np.ndarray) -> np.ndarray:
        """int64 [n_blocks, 64]: the entry of `starts` [n_targets] of each lane's target, 0 for an empty lane."""
        return np.where(self.targets < 0, 0, starts[self.targets])


def arrange(lengths: np.ndarray) -> Lanes:
    """Places targets of these lengths into lanes; those without residues are left out, as HMMER passes over them.

    Empty lanes are in the first block, which has the shortest targets.
    """
    order = np.argsort(lengths, kind="stable")
    order = order[np.count_nonzero(lengths == 0) :]
    empty = -len(order) % LANES
    targets = np.full(empty + len(order), -1, np.int64)
    targets[empty:] = order
    by_lane = np.zeros(len(targets), np.int32)
    by_lane[empty:] = lengths[order]
    return Lanes(targets.reshape(-1, LANES), by_lane.reshape(-1, LANES))


def offsets(sizes: np.ndarray) -> np.ndarray:
    """int64 [n]: where each of consecutive stretches of these sizes starts."""
    ends = np.cumsum(sizes, dtype=np.int64)
    return ends - sizes
