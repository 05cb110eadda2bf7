# SPDX-License-Identifier: Apache-2.0
"""The generator behind jax.random: known answers, the shapes of keys, and the order in which a draw takes its numbers.

tests/parity/features/test_multimer_draw.py compares a draw with JAX's.
"""

from __future__ import annotations

import numpy as np
import pytest

from af2cpu.validate.threefry import PassNumbers, fold_in, seed_key, threefry, uniform

MASKED = 0.15


@pytest.mark.parametrize(
    ("key", "counter", "expected"),
    [  # of Random123, the authors' own implementation: threefry2x32, 20 rounds
        ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_known_answers(key: tuple[int, int], counter: tuple[int, int], expected: tuple[int, int]) -> None:
    found = threefry(np.array(key, np.uint32), np.array(counter, np.uint32))
    assert tuple(found.tolist()) == expected


def test_jax_documents_this_number() -> None:
    """jax.random.uniform(jax.random.PRNGKey(0)) with jax_threefry_partitionable."""
    assert uniform(seed_key(0)) == pytest.approx(0.947667, abs=1e-6)


def test_a_grid_of_keys_does_not_depend_on_its_size() -> None:
    small, large = (fold_in(fold_in(seed_key(3), n), n + 1) for n in (4, 9))
    assert small.shape == (4, 5, 2)
    assert (large[:4, :5] == small).all()
    assert len(np.unique(large.reshape(-1, 2), axis=0)) == 90


def test_numbers_of_a_pass() -> None:
    """Those of the cells that are not masked are skipped; each pass and each seed has others."""
    numbers = PassNumbers(0, 0, MASKED)
    rows, cells = numbers.random((50,), np.float32), numbers.random((20, 30), np.float32)
    n_masked = int((cells < MASKED).sum())
    codes = numbers.random((n_masked, 23), np.float32)
    everything = np.concatenate([rows, cells.ravel(), codes.ravel()])
    assert ((everything >= 0) & (everything < 1)).all()
    assert abs(everything.mean() - 0.5) < 0.03
    assert 0.1 < n_masked / 600 < 0.2
    for other in (PassNumbers(0, 1, MASKED), PassNumbers(1, 0, MASKED)):
        assert not np.isin(other.random((50,), np.float32), rows).any()


def test_another_order_is_found_out() -> None:
    numbers = PassNumbers(0, 0, MASKED)
    numbers.random((5,), np.float32)
    with pytest.raises(AssertionError, match="in another order"):
        numbers.random((5, 4), np.float64)
