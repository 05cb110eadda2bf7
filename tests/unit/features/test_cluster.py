# SPDX-License-Identifier: Apache-2.0
"""Clustering against a reference that is written as the supplement says it, for a given mask."""

import numpy as np
import pytest

import af2cpu.features.cluster as module
from af2cpu.features.cluster import Clusters, cluster


def by_definition(centres, centre_deletions, rows, deletions) -> Clusters:
    weights = np.ones(23)
    weights[21:] = 0  # gaps and masks
    one_hot = np.eye(23)
    agreement = np.einsum("mrc,nrc,c->mn", one_hot[rows], one_hot[centres], weights)
    assignment = agreement.argmax(axis=1)
    profile, mean = one_hot[centres], centre_deletions.astype(float)
    size = np.full(len(centres), 1 + 1e-6)
    for row, row_deletions, own in zip(rows, deletions, assignment, strict=True):
        profile[own] += one_hot[row]
        mean[own] += row_deletions
        size[own] += 1
    return Clusters(assignment, profile / size[:, None, None], mean / size[:, None])


@pytest.mark.parametrize(
    ("n_clusters", "n_rows", "n_res"), [(1, 5, 3), (7, 40, 13), (12, 101, 129), (5, 60, 64), (4, 0, 5)]
)
@pytest.mark.parametrize("block_cells", [1, 200, 2**21])
def test_equals_the_definition(monkeypatch, n_clusters: int, n_rows: int, n_res: int, block_cells: int) -> None:
    monkeypatch.setattr(module, "_BLOCK_CELLS", block_cells)
    rng = np.random.default_rng(n_rows)
    centres = rng.integers(0, 23, (n_clusters, n_res)).astype(np.uint8)
    rows = rng.integers(0, 22, (n_rows, n_res)).astype(np.uint8)
    centre_deletions, deletions = (
        np.where(rng.random((n, n_res)) < 0.3, rng.integers(0, 50, (n, n_res)), 0).astype(np.float32)
        for n in (n_clusters, n_rows)
    )
    found = cluster(centres, centre_deletions, lambda part: (rows[part], deletions[part]), n_rows)
    expected = by_definition(centres, centre_deletions, rows, deletions)
    assert found.assignment.tolist() == expected.assignment.tolist()
    np.testing.assert_allclose(found.profile, expected.profile, rtol=1e-6)
    np.testing.assert_allclose(found.deletion_mean, expected.deletion_mean, rtol=1e-6)


def nearest(centres: list[list[int]], row: list[int]) -> int:
    shape = (len(centres), len(row))
    found = cluster(
        np.array(centres, np.uint8),
        np.zeros(shape, np.float32),
        lambda _: (np.array([row], np.uint8), np.zeros((1, len(row)), np.float32)),
        1,
    )
    return int(found.assignment[0])


def test_gaps_and_masks_that_agree_do_not_count() -> None:
    assert nearest([[21, 21, 21, 5], [0, 0, 5, 6]], [21, 21, 21, 6]) == 1
    assert nearest([[22, 22, 22, 5], [0, 0, 5, 6]], [22, 22, 22, 6]) == 1


def test_x_counts_as_a_residue() -> None:
    assert nearest([[0, 0], [20, 20]], [20, 20]) == 1


def test_the_first_of_equal_centres_wins() -> None:
    assert nearest([[1, 2], [3, 4], [3, 4]], [3, 4]) == 1
    assert nearest([[1, 2], [3, 4]], [9, 9]) == 0
