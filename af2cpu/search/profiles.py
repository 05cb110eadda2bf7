# SPDX-License-Identifier: Apache-2.0
"""Profiles of sequences and alignments, as jackhmmer and hmmbuild make them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from pyhmmer.easel import DigitalMSA, DigitalSequence
from pyhmmer.plan7 import HMM, Background, Builder, OptimizedProfile

from af2cpu.search.reading import ALPHABET


def sequence_profile(sequence: DigitalSequence[Any]) -> OptimizedProfile:
    """jackhmmer's profile of a single sequence."""
    (profile,) = sequence_profiles([sequence], 1)
    return profile


def sequence_profiles(sequences: Sequence[DigitalSequence[Any]], threads: int) -> list[OptimizedProfile]:
    """The same of several, on several threads: each takes 20 ms, for the calibration of its E-values."""
    with _fixed_command_line(), ThreadPoolExecutor(threads) as pool:
        return list(pool.map(_sequence_profile, sequences))


def _sequence_profile(sequence: DigitalSequence[Any]) -> OptimizedProfile:
    _, _, profile = Builder(ALPHABET, seed=42).build(sequence, Background(ALPHABET))
    return profile


def alignment_profile(msa: DigitalMSA[Any]) -> HMM:
    """hmmbuild's profile of an alignment in the columns of its RF line (--hand)."""
    with _fixed_command_line():
        hmm, _, _ = Builder(ALPHABET, architecture="hand", seed=42).build_msa(msa, Background(ALPHABET))
    return hmm


@contextmanager
def _fixed_command_line() -> Iterator[None]:
    """pyhmmer notes sys.argv in each profile, and fails where a path among the arguments is not UTF-8."""
    given, sys.argv = sys.argv, ["af2cpu"]
    try:
        yield
    finally:
        sys.argv = given
