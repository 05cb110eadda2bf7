# SPDX-License-Identifier: Apache-2.0
"""The filter's thresholds by target length, against HMMER's arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest
from msv_cases import digital, random_profile
from pyhmmer.plan7 import Background, OptimizedProfile

from af2cpu.search.msv import lowest_passing, null_scores, transition_costs
from af2cpu.search.profiles import sequence_profile
from af2cpu.search.reading import ALPHABET
from af2cpu.search.scan import MAX_TARGET
from af2cpu.search.thresholds import HMMSEARCH, JACKHMMER


def profile(length: int) -> OptimizedProfile:
    return random_profile(np.random.default_rng(length), length)[1]


def test_transition_costs_of_all_lengths() -> None:
    one = profile(50)
    costs = transition_costs(one)
    for length in range(1, MAX_TARGET + 1):
        one.L = length
        assert costs[length] == one.tjb, length


def test_null_scores() -> None:
    ours, background = null_scores(), Background(ALPHABET)
    for length in [*range(1, 300), *range(301, MAX_TARGET, 997), MAX_TARGET]:
        background.L = length
        assert ours[length] == np.float32(background.null1(digital(np.zeros(length, np.uint8)))), length


def p_values(one: OptimizedProfile, xj: np.ndarray, tjb: np.ndarray) -> np.ndarray:
    """P-values of xJ by target length, from 1 on, operation by operation as in p7_MSVFilter and p7_Pipeline."""
    score = ((xj - tjb).astype(np.float32) - np.float32(one.base_b)) / np.float32(one.scale_b)
    score = (score.astype(np.float64) - 3.0).astype(np.float32)
    bits = ((score - null_scores()[1:]).astype(np.float64) / math.log(2)).astype(np.float32)
    mu, rate = list(one.evalue_parameters.as_vector())[:2]
    y = -np.exp(-rate * (bits.astype(np.float64) - mu))
    return np.where(np.abs(y) < 5e-9, -y, 1 - np.exp(y))


@pytest.mark.parametrize("F1", [1e-9, JACKHMMER.F1, HMMSEARCH.F1, 0.99])
@pytest.mark.parametrize("length", [1, 30, 300, 2500])
def test_thresholds_of_all_lengths(length: int, F1: float) -> None:
    """The lowest score that passes, which no rounding loses; the score below it does not pass."""
    one = profile(length)
    tjb = transition_costs(one)
    lowest = lowest_passing(one, tjb, F1)[1:].astype(np.int64)
    costs = tjb[1:].astype(np.int64)
    reached = (lowest > 0) & (lowest < 255)
    assert reached.mean() > 0.9
    below = p_values(one, lowest - 1, costs)[reached]
    assert (below > F1).all()  # the filter drops them, as HMMER does
    at = p_values(one, lowest, costs)[reached]
    assert (at <= F1 * (1 + 1e-4)).all()
    assert (at <= F1).mean() > 0.999
    assert (p_values(one, np.full(MAX_TARGET, 254), costs)[lowest == 255] > F1).all()


@pytest.mark.parametrize("F1", [0.0, JACKHMMER.F1])
def test_a_query_whose_p_values_are_all_zero(F1: float) -> None:
    """The single letter X: HMMER calibrates mu to minus infinity, and lets every target pass."""
    unknown = sequence_profile(digital(np.array([ALPHABET.symbols.index("X")], np.uint8)))
    assert next(iter(unknown.evalue_parameters.as_vector())) == -math.inf
    assert (lowest_passing(unknown, transition_costs(unknown), F1) == 0).all()


def test_a_threshold_of_one_lets_all_pass() -> None:
    one = profile(30)
    assert (lowest_passing(one, transition_costs(one), 1.0) == 0).all()
