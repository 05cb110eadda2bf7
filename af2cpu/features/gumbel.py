# SPDX-License-Identifier: Apache-2.0
"""Random choices as AlphaFold-Multimer makes them: the largest of log-probabilities with Gumbel noise.

Its network draws the MSA of each pass itself (sample_msa and make_masked_msa in its modules_multimer.py); here the draw
is made before the pass, from the same formulas. tests/parity/features/test_multimer_draw.py
"""

from __future__ import annotations

import numpy as np

from af2cpu.features.config import SamplingConfig
from af2cpu.features.mask import MASK

_EPSILON = np.float32(1e-6)
_BIAS = np.float32(1e6)
_N_CODES = 23
_N_AMINO_ACIDS = 20


def gumbel_noise(uniform: np.ndarray) -> np.ndarray:
    """Gumbel noise from float32 numbers in [0, 1)."""
    return -np.log(-np.log(uniform + _EPSILON) + _EPSILON)


def random_order(rng: np.random.Generator, rows_bias: np.ndarray) -> np.ndarray:
    """All rows of an MSA in random order; those whose bias [n_seq] is 1 (the query's) come first."""
    scores = rows_bias * _BIAS + gumbel_noise(rng.random(rows_bias.shape, np.float32))
    return np.argsort(scores, kind="stable")[::-1]


def mask_by_noise(
    rng: np.random.Generator, msa: np.ndarray, profile: np.ndarray, config: SamplingConfig
) -> tuple[np.ndarray, np.ndarray]:
    """As `mask.mask_msa`, from the mixture of the four parts at once: new MSA and bool [n_seq, n_res] of chosen cells.

    A uniformly drawn residue is one of the 20 amino acids.
    """
    chosen = rng.random(msa.shape, np.float32) < config.replace_fraction
    rows, columns = np.nonzero(chosen)
    odds = np.zeros((rows.size, _N_CODES), np.float32)
    odds[:, :_N_AMINO_ACIDS] = config.uniform_prob / _N_AMINO_ACIDS
    odds[:, :MASK] += np.float32(config.profile_prob) * profile[columns]
    odds[np.arange(rows.size), msa[rows, columns]] += np.float32(config.same_prob)
    odds[:, MASK] = 1 - config.profile_prob - config.same_prob - config.uniform_prob
    noise = gumbel_noise(rng.random(odds.shape, np.float32))
    masked = msa.copy()
    masked[rows, columns] = (np.log(odds + _EPSILON) + noise).argmax(axis=1)
    return masked, chosen
