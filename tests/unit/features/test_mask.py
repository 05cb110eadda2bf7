# SPDX-License-Identifier: Apache-2.0
"""Masking has the rates of supplement 1.2.7."""

import numpy as np
import pytest

from af2cpu.features.config import SamplingConfig
from af2cpu.features.mask import MASK, mask_msa, msa_profile

N_SEQ, N_RES = 400, 500
CELLS = N_SEQ * N_RES


@pytest.fixture(scope="module")
def masked():
    """All cells hold code 7; the profile knows 3 (a quarter), 7 (half) and the gap (a quarter)."""
    profile = np.zeros((N_RES, 22), np.float32)
    profile[:, [3, 7, 21]] = [0.25, 0.5, 0.25]
    msa = np.full((N_SEQ, N_RES), 7, np.uint8)
    return mask_msa(np.random.default_rng(1), msa, profile, SamplingConfig())


def share(condition: np.ndarray, of: int) -> tuple[float, float]:
    """A share and five standard deviations of it for a share near this one."""
    p = condition.sum() / of
    return p, 5 * np.sqrt(max(p * (1 - p), 1 / of) / of)


def test_fifteen_percent_of_the_cells_are_chosen(masked) -> None:
    rate, spread = share(masked[1], CELLS)
    assert abs(rate - 0.15) < spread < 0.005


def test_cells_that_are_not_chosen_stay(masked) -> None:
    msa, chosen = masked
    assert (msa[~chosen] == 7).all()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (MASK, 0.7),
        (0, 0.1 / 20),
        (19, 0.1 / 20),
        (3, 0.1 / 20 + 0.1 * 0.25),
        (21, 0.1 * 0.25),
        (20, 0.0),
        (7, 0.1 / 20 + 0.1 * 0.5 + 0.1),
    ],
)
def test_replacements(masked, code: int, expected: float) -> None:
    msa, chosen = masked
    rate, spread = share(msa[chosen] == code, int(chosen.sum()))
    assert abs(rate - expected) <= spread < 0.02


def test_profile_draws_follow_their_own_column() -> None:
    profile = np.eye(22, dtype=np.float32)[np.arange(50) % 22]
    config = SamplingConfig(replace_fraction=1.0, uniform_prob=0.0, profile_prob=1.0, same_prob=0.0)
    msa, chosen = mask_msa(np.random.default_rng(0), np.full((30, 50), 5, np.uint8), profile, config)
    assert chosen.all()
    assert (msa == np.arange(50) % 22).all()


def test_chosen_cells_do_not_depend_on_row_or_column(masked) -> None:
    chosen = masked[1]
    for axis, n in ((0, N_SEQ), (1, N_RES)):
        rates = chosen.mean(axis=axis)
        assert abs(rates - 0.15).max() < 5.5 * np.sqrt(0.15 * 0.85 / n)


def test_profile_counts_all_rows() -> None:
    msa = np.random.default_rng(0).integers(0, 22, (2500, 3)).astype(np.uint8)
    codes = np.arange(22)[::-1].copy()
    expected = np.eye(22)[codes[msa]].mean(axis=0)
    np.testing.assert_allclose(msa_profile(msa, codes), expected, rtol=1e-6)
