# SPDX-License-Identifier: Apache-2.0
"""The aligner that stands in for kalign."""

from __future__ import annotations

import numpy as np
import pytest
from feature_cases import random_sequence

from af2cpu.features.pairwise import aligned_pairs


def test_part_of_a_chain() -> None:
    chain = random_sequence(np.random.default_rng(0), 80)
    assert aligned_pairs(chain[10:60], chain) == [(k, k + 10) for k in range(50)]


def test_deletion_and_insertion() -> None:
    chain = "MKVLAWCDERTHIPLQWNFY"
    assert aligned_pairs(chain, chain[:8] + chain[11:]) == [(k, k) for k in range(8)] + [
        (k, k - 3) for k in range(11, 20)
    ]


def test_letters_outside_blosum() -> None:
    assert aligned_pairs("ACDUEOFJGX", "ACDUEOFJGX") == [(k, k) for k in range(10)]


def test_agrees_with_kalign_on_mutated_parts() -> None:
    """Where AlphaFold 2 realigns: parts of a chain, few mutations, no indels."""
    kalign = pytest.importorskip("kalign", reason="kalign-python is not installed")
    rng = np.random.default_rng(2)
    for _ in range(20):
        chain = random_sequence(rng, int(rng.integers(60, 300)))
        part = "".join(random_sequence(rng, 1) if rng.random() < 0.05 else letter for letter in chain[7:-9])
        rows = kalign.align([part, chain], seq_type="protein", n_threads=1)
        i = j = -1
        expected = []
        for a, b in zip(*rows, strict=True):
            i, j = i + (a != "-"), j + (b != "-")
            if "-" not in (a, b):
                expected.append((i, j))
        assert aligned_pairs(part, chain) == expected
