# SPDX-License-Identifier: Apache-2.0
"""Clusters of the MSA: each row that was not sampled lends its residues to the sampled row nearest to it.

Supplement 1.2.7. Rows are uint8 codes [rows, n_res]: 0..20 aatype, 21 gap, 22 masked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

_N_CODES = 23
_N_RESIDUE_CODES = 21  # codes whose agreement counts; two gaps or two masks that agree tell nothing
_NEVER_IN_CENTRES, _NEVER_IN_ROWS = 30, 31  # codes of five bits that match nothing
_MOST = np.iinfo(np.uint32).max
_BLOCK_CELLS = 2**21  # cells of the MSA at a time: the planes of a block stay in the cache


@dataclass(frozen=True)
class Clusters:
    """Averages over the rows of each cluster, its centre included."""

    assignment: np.ndarray  # intp [n_extra], cluster of each row outside the centres
    profile: np.ndarray  # float32 [n_clusters, n_res, 23], share of each code
    deletion_mean: np.ndarray  # float32 [n_clusters, n_res]


_Rows = Callable[[slice], tuple[np.ndarray, np.ndarray]]


def cluster(centres: np.ndarray, centre_deletions: np.ndarray, rows: _Rows, n_rows: int) -> Clusters:
    """Assign rows to their nearest centre and average each cluster.

    centres: uint8 [n_clusters, n_res], after masking, so that the profiles leak nothing of what masking hides.
    rows: gives the codes and the deletions of a slice of the n_rows other rows; asked block by block, in order.
    """
    sums, nearest = _Sums(centres.shape), _Nearest(centres)
    assignment = np.empty(n_rows, np.intp)
    for where, block, deletions in _blocks(rows, n_rows, centres.shape[1]):
        own = assignment[where] = nearest(block)
        sums.size += np.bincount(own, minlength=len(centres))
        sums.add(block, deletions, own)
    return sums.clusters(centres, centre_deletions, assignment, np.float32(1e-6) + np.float32(1.0) + sums.size)


def soft_cluster(centres: np.ndarray, centre_deletions: np.ndarray, rows: _Rows, n_rows: int) -> Clusters:
    """As `cluster`, in AlphaFold-Multimer's way: centres that are equally near share a row.

    DEVIATION from a mean, as DeepMind's code: a row weighs as much as it has residues, the centre itself 1.
    tests/parity/features/test_multimer_draw.py pins it.
    """
    sums, nearest = _Sums(centres.shape), _Nearest(centres)
    n_clusters, n_res = centres.shape
    assignment = np.empty(n_rows, np.intp)
    for where, block, deletions in _blocks(rows, n_rows, n_res):
        differences = nearest.differences(block)
        assignment[where] = differences.argmin(axis=0)
        of_row, of_centre = np.nonzero((differences == differences.min(axis=0)).T)
        weight = (n_res / np.bincount(of_row)[of_row]).astype(np.float32)
        sums.size += np.bincount(of_centre, weight, minlength=n_clusters).astype(np.float32)
        step = _block_rows(n_res)
        for first in range(0, len(of_row), step):  # there are more pairs than rows where centres share
            row, own, share = (x[first : first + step] for x in (of_row, of_centre, weight))
            sums.add(block[row], deletions[row], own, share)
    return sums.clusters(centres, centre_deletions, assignment, 1 + sums.size)


def _block_rows(n_res: int) -> int:
    return max(1, _BLOCK_CELLS // n_res)


def _blocks(rows: _Rows, n_rows: int, n_res: int) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """The rows in blocks: where they are, their codes, their deletions."""
    step = _block_rows(n_res)
    for start in range(0, n_rows, step):
        where = slice(start, min(start + step, n_rows))
        yield where, *rows(where)


class _Sums:
    """What the rows of each cluster add up to."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        """shape: n_clusters, n_res."""
        self.size = np.zeros(shape[0], np.float32)
        self._codes = np.zeros((*shape, _N_CODES), np.float32)
        self._deletions = np.zeros(shape, np.float32)

    def add(self, codes: np.ndarray, deletions: np.ndarray, own: np.ndarray, weight: np.ndarray | None = None) -> None:
        """Adds rows to their clusters `own`, each by its weight or 1."""
        _count(self._codes, codes, own, None if weight is None else weight[:, None])
        row, column = np.nonzero(deletions)  # few cells have deletions
        values = deletions[row, column]
        np.add.at(self._deletions, (own[row], column), values if weight is None else weight[row] * values)

    def clusters(
        self, centres: np.ndarray, centre_deletions: np.ndarray, assignment: np.ndarray, weight: np.ndarray
    ) -> Clusters:
        """The means, after the centres have been added to their own clusters."""
        _count(self._codes, centres, np.arange(len(centres)))
        self._deletions += centre_deletions
        self._codes /= weight[:, None, None]
        self._deletions /= weight[:, None]
        return Clusters(assignment, self._codes, self._deletions)


def _count(codes: np.ndarray, rows: np.ndarray, own: np.ndarray, weight: np.ndarray | None = None) -> None:
    """Add each row's residues, by its weight [rows, 1] or 1, to codes [n_clusters, n_res, 23] of its cluster."""
    n_res = rows.shape[1]
    cell = (own[:, None] * n_res + np.arange(n_res)) * _N_CODES + rows
    amount = np.float32(1.0) if weight is None else np.broadcast_to(weight, cell.shape).ravel()
    np.add.at(codes.reshape(-1), cell.ravel(), amount)


class _Nearest:
    """The centre that differs from a row in the fewest residues; the first of several that differ in as few.

    A row's codes are held as five planes of bits, 64 residues to a word: two rows differ where any plane does. That is
    exact and takes a quarter of the time of one-hot vectors in a matrix product.
    """

    def __init__(self, centres: np.ndarray) -> None:
        self._centres = _bit_planes(centres, _NEVER_IN_ROWS)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Cluster of each row: intp [rows]."""
        best = np.full(len(rows), _MOST, np.uint32)
        found = np.zeros(len(rows), np.intp)
        for k, count in enumerate(self._by_centre(rows)):
            nearer = count < best
            np.copyto(best, count, where=nearer)
            np.copyto(found, k, where=nearer)
        return found

    def differences(self, rows: np.ndarray) -> np.ndarray:
        """uint32 [centres, rows]: number of places where a centre differs from a row, plus a constant."""
        return np.stack(list(self._by_centre(rows)))

    def _by_centre(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        planes = _bit_planes(rows, _NEVER_IN_CENTRES)
        _, n_words, n_rows = planes.shape
        differ = np.empty((n_words, n_rows), np.uint64)
        plane_differs = np.empty_like(differ)
        for centre in np.moveaxis(self._centres, -1, 0):
            differ[:] = 0
            for bit, plane in enumerate(planes):
                np.bitwise_xor(plane, centre[bit, :, None], out=plane_differs)
                np.bitwise_or(differ, plane_differs, out=differ)
            yield np.bitwise_count(differ).sum(axis=0, dtype=np.uint32)


def _bit_planes(rows: np.ndarray, unmatched: int) -> np.ndarray:
    """uint64 [5, words, rows]; gaps, masked cells and what fills the last word become the code `unmatched`."""
    n_rows, n_res = rows.shape
    codes = np.full((n_rows, -(-n_res // 64) * 64), unmatched, np.uint8)
    np.copyto(codes[:, :n_res], rows, where=rows < _N_RESIDUE_CODES)
    bits = [np.packbits(codes >> bit & 1, axis=1).view(np.uint64) for bit in range(5)]
    return np.stack([np.ascontiguousarray(plane.T) for plane in bits])
