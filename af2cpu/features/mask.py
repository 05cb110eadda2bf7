# SPDX-License-Identifier: Apache-2.0
"""Masking of MSA cells as in training, which AlphaFold 2 keeps at inference (supplement 1.2.7)."""

from __future__ import annotations

import numpy as np

from af2cpu.features.config import SamplingConfig

MASK = 22  # code of a masked cell; 0..20 aatype, 21 gap
_N_CODES = 22  # codes that a profile covers: 0..21


def msa_profile(msa: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Frequency of each code in each column of the whole MSA: float32 [n_res, 22] (AlphaFold 2: hhblits_profile).

    msa: unsigned [n_seq, n_res]; codes: what to count each of its values as, [22].
    """
    n_seq, n_res = msa.shape
    counts = np.zeros(n_res * _N_CODES, np.int64)
    for start in range(0, n_seq, 1024):
        block = codes[msa[start : start + 1024]] + _N_CODES * np.arange(n_res)
        counts += np.bincount(block.ravel(), minlength=counts.size)
    return (counts.reshape(n_res, _N_CODES) / n_seq).astype(np.float32)


def mask_msa(
    rng: np.random.Generator, msa: np.ndarray, profile: np.ndarray, config: SamplingConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Replace a share of the cells, gaps and the query's row included.

    A chosen cell becomes a uniformly drawn residue (10 %), a draw from its column's profile (10 %), stays (10 %), or
    becomes MASK (70 %): AlphaFold 2 draws from the mixture of the four, we draw the part first, then from the part.
    msa: uint8 [n_seq, n_res], 0..21; profile: float32 [n_res, 22]. Returns the new MSA and bool [n_seq, n_res], which
    cells were chosen.
    """
    chosen = rng.random(msa.shape, np.float32) < config.replace_fraction
    rows, columns = np.nonzero(chosen)
    part = rng.random(rows.size)
    value = np.full(rows.size, MASK, np.uint8)

    uniform = part < config.uniform_prob
    value[uniform] = rng.integers(0, 20, int(uniform.sum()), np.uint8)
    from_profile = ~uniform & (part < config.uniform_prob + config.profile_prob)
    value[from_profile] = _draw(rng, profile, columns[from_profile])
    same = ~uniform & ~from_profile & (part < config.uniform_prob + config.profile_prob + config.same_prob)
    value[same] = msa[rows[same], columns[same]]

    masked = msa.copy()
    masked[rows, columns] = value
    return masked, chosen


def _draw(rng: np.random.Generator, profile: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """One code from the profile of each column, by inversion: uint8 [len(columns)]."""
    cumulative = np.cumsum(profile, axis=1, dtype=np.float64)
    cumulative /= cumulative[:, -1:]
    below = rng.random(columns.size)[:, None] >= cumulative[columns]
    return below.sum(axis=1).astype(np.uint8)
