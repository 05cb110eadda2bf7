"""Clusters of the MSA: each row that was not sampled lends its residues to the sampled row nearest to it.

Supplement 1.2.7. Rows are uint8 codes [rows, n_res]: 0..20 aatype, 21 gap, 22 masked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_N_CODES = 23
_N_RESIDUE_CODES = 21  # codes whose agreement counts; two gaps or two masks that agree tell nothing
_BLOCK_CELLS = 2**21  # cells of the MSA at a time: a block costs 25 bytes a cell


@dataclass(frozen=True)
class Clusters:
    """What summarises the rows of each cluster, its centre included."""

    assignment: np.ndarray  # intp [n_extra], cluster of each row outside the centres
    profile: np.ndarray  # float32 [n_clusters, n_res, 23], share of each code
    deletion_mean: np.ndarray  # float32 [n_clusters, n_res]


def cluster(
    centres: np.ndarray,
    centre_deletions: np.ndarray,
    rows: Callable[[slice], tuple[np.ndarray, np.ndarray]],
    n_rows: int,
) -> Clusters:
    """Assign rows to their nearest centre and average each cluster.

    centres: uint8 [n_clusters, n_res], after masking, so that the profiles leak nothing of what masking hides.
    rows: gives the codes and the deletions of a slice of the n_rows other rows; asked block by block, in order.
    """
    n_clusters, n_res = centres.shape
    nearest = _Nearest(centres)
    size = np.zeros(n_clusters, np.float32)
    codes = np.zeros((n_clusters, n_res, _N_CODES), np.float32)
    deletions = np.zeros((n_clusters, n_res), np.float32)
    assignment = np.empty(n_rows, np.intp)
    step = max(1, _BLOCK_CELLS // n_res)
    for start in range(0, n_rows, step):
        block, block_deletions = rows(slice(start, min(start + step, n_rows)))
        own = nearest(block)
        assignment[start : start + step] = own
        size += np.bincount(own, minlength=n_clusters)
        _count(codes, block, own)
        row, column = np.nonzero(block_deletions)  # few cells have deletions
        np.add.at(deletions, (own[row], column), block_deletions[row, column])
    _count(codes, centres, np.arange(n_clusters))
    deletions += centre_deletions
    weight = np.float32(1e-6) + np.float32(1.0) + size
    codes /= weight[:, None, None]
    deletions /= weight[:, None]
    return Clusters(assignment, codes, deletions)


def _count(codes: np.ndarray, rows: np.ndarray, own: np.ndarray) -> None:
    """Add each row's residues to codes [n_clusters, n_res, 23] of its cluster."""
    n_res = rows.shape[1]
    cell = (own[:, None] * n_res + np.arange(n_res)) * _N_CODES + rows
    np.add.at(codes.reshape(-1), cell.ravel(), np.float32(1.0))


class _Nearest:
    """The centre that agrees with a row in most residues; the first of several that agree in as many.

    The agreement is a product of one-hot vectors, computed code by code as matrix products: numbers of residues, so
    exact in float32.
    """

    def __init__(self, centres: np.ndarray) -> None:
        self._centres = [np.equal(centres, code).astype(np.float32).T for code in range(_N_RESIDUE_CODES)]

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Cluster of each row: intp [rows]."""
        agreement = np.zeros((rows.shape[0], self._centres[0].shape[1]), np.float32)
        product = np.empty_like(agreement)
        for code, centres in enumerate(self._centres):
            agreement += np.matmul(np.equal(rows, code).astype(np.float32), centres, out=product)
        return agreement.argmax(axis=1)
