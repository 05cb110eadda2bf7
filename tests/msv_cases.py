# SPDX-License-Identifier: Apache-2.0
"""Targets in blocks, what HMMER's filters say of them, and a fuzz test of ours: `make test` runs a little of it,
`benchmarks/fuzz_search.py` a lot."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyhmmer.easel import DigitalSequence, DigitalSequenceBlock
from pyhmmer.plan7 import Background, OptimizedProfile, Pipeline

from af2cpu.search.msv import LANES, PAD, MsvFilter
from af2cpu.search.profiles import sequence_profile
from af2cpu.search.reading import ALPHABET
from af2cpu.search.thresholds import HMMSEARCH, JACKHMMER

Codes = NDArray[np.uint8]
KINDS = ("random", "homolog", "repeats", "low complexity", "degenerate", "motif")
DEGENERATE = np.arange(21, 28)  # B J Z O U X *


class Blocks(NamedTuple):
    """The arguments of MsvFilter's calls."""

    residues: Codes
    offsets: NDArray[np.int64]
    lengths: NDArray[np.int32]


def digital(codes: Codes, name: str = "x") -> DigitalSequence[Any]:
    """A sequence of pyhmmer."""
    return DigitalSequence(ALPHABET, name=name, sequence=codes.astype(np.uint8).tobytes())


@cache
def _background() -> NDArray[np.float64]:
    shares = np.asarray(Background(ALPHABET).residue_frequencies).astype(np.float64)
    return shares / shares.sum()  # type: ignore[no-any-return]


def random_codes(rng: np.random.Generator, length: int) -> Codes:
    """Unrelated residues."""
    return rng.choice(20, length, p=_background()).astype(np.uint8)


def random_profile(rng: np.random.Generator, length: int) -> tuple[Codes, OptimizedProfile]:
    """A query and jackhmmer's profile of it; some queries have degenerate letters, or are of few letters."""
    query = random_codes(rng, length)
    if rng.random() < 0.2:
        query[rng.random(length) < 0.1] = rng.choice(DEGENERATE[:-1])
    elif rng.random() < 0.1:
        query = rng.choice(rng.choice(20, 3), length).astype(np.uint8)
    return query, sequence_profile(digital(query, "q"))


def random_target(rng: np.random.Generator, kind: str, query: Codes, length: int) -> Codes:
    """About `length` residues; homologs, repeats and motifs have scores around the threshold or far above."""
    target = random_codes(rng, length)
    if kind == "homolog":
        copy = np.where(rng.random(len(query)) < rng.uniform(0, 0.9), random_codes(rng, len(query)), query)
        place = int(rng.integers(length + 1))
        return np.concatenate([target[:place], copy.astype(np.uint8), target[place:]])
    if kind == "repeats":  # many short pieces of the query: the J state
        size = int(rng.integers(6, 30))
        pieces = []
        for _ in range(max(1, length // (2 * size))):
            start = int(rng.integers(len(query)))
            pieces += [query[start : start + size], random_codes(rng, int(rng.integers(size + 1)))]
        return np.concatenate(pieces)
    if kind == "low complexity":
        return rng.choice(rng.choice(20, int(rng.integers(1, 4))), length).astype(np.uint8)
    if kind == "degenerate":
        some = rng.random(length) < rng.uniform(0, 1)
        return np.where(some, rng.choice(DEGENERATE, length), target).astype(np.uint8)
    if kind == "motif" and length:  # one exact piece of the query: scores near the threshold
        start, place = int(rng.integers(len(query))), int(rng.integers(length))
        piece = query[start : start + int(rng.integers(4, 16))][: length - place]
        target[place : place + len(piece)] = piece
    return target


def blocks(targets: Sequence[Codes]) -> Blocks:
    """64 targets to a block, in their order; the last lanes of the last block are empty."""
    parts, lengths = [], np.zeros((-(-len(targets) // LANES), LANES), np.int32)
    for b in range(len(lengths)):
        of_block = targets[b * LANES : (b + 1) * LANES]
        block = np.full((max(map(len, of_block)), LANES), PAD, np.uint8)
        for t, target in enumerate(of_block):
            block[: len(target), t] = target
            lengths[b, t] = len(target)
        parts.append(block.ravel())
    offsets = np.cumsum([0, *map(len, parts[:-1])]).astype(np.int64)
    return Blocks(np.concatenate(parts), offsets, lengths)


def hmmer_scores(profile: OptimizedProfile, targets: Sequence[Codes]) -> tuple[NDArray[Any], NDArray[Any]]:
    """pyhmmer's ssv_filter and msv_filter."""
    profile, scores = profile.copy(), []
    for target in targets:
        sequence = digital(target)
        profile.L = len(target)
        scores.append((profile.ssv_filter(sequence), profile.msv_filter(sequence)))
    ssv, msv = np.array(scores, np.float32).T
    return ssv, msv


def hmmer_passes(profile: OptimizedProfile, targets: Sequence[Codes], F1: float) -> int:
    """The number of targets that pass the first filter, as HMMER's pipeline counts them."""
    pipeline = Pipeline(ALPHABET, Z=1, F1=F1, F2=-1.0)  # nothing goes on to Forward, which fails on some odd targets
    block = DigitalSequenceBlock(ALPHABET, [digital(target) for target in targets])
    hits = pipeline.search_hmm(profile.copy(), block)
    return int(hits.__getstate__()["pipeline"]["n_past_msv"])


@dataclass
class Fuzzed:
    """Counts of a fuzz test."""

    pairs: int = 0
    overflows: int = 0
    without_ssv: int = 0  # SSV has no result
    through_msv: int = 0  # our filter took its second step
    passed: int = 0  # HMMER's first filter, at the thresholds of jackhmmer and hmmsearch
    survivors: int = 0  # ours

    def add(self, other: Fuzzed) -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


def fuzz(seed: int, longest_query: int = 600, longest_target: int = 1200) -> Fuzzed:
    """One query, some 200 targets: every score equals HMMER's, and no target is lost. Raises AssertionError."""
    rng = np.random.default_rng(seed)
    query, profile = random_profile(rng, int(np.exp(rng.uniform(0, math.log(longest_query)))))
    targets = list(_fuzz_targets(rng, query, longest_target))
    packed = blocks(targets)
    ssv, msv = hmmer_scores(profile, targets)
    exact = MsvFilter([profile], 0.02)
    ours = [scores[0, : len(targets)] for scores in exact.scores(*packed)]
    for name, mine, hmmers in zip(("ssv", "msv"), ours, (ssv, msv), strict=True):
        differ = ~((mine == hmmers) | (np.isnan(mine) & np.isnan(hmmers)))
        assert not differ.any(), f"seed {seed}, target {np.flatnonzero(differ)[0]}: {name} differs from HMMER's"
    found = Fuzzed(len(targets), int(np.isinf(msv).sum()), int(np.isnan(ssv).sum()))
    for thresholds in (JACKHMMER, HMMSEARCH):
        found.add(_fuzz_threshold(profile, targets, packed, thresholds.F1, seed))
    for F1 in _close_thresholds(rng, profile, targets, msv):
        _fuzz_threshold(profile, targets, packed, F1, seed)
    return found


def _fuzz_targets(rng: np.random.Generator, query: Codes, longest: int) -> Iterator[Codes]:
    for _ in range(int(rng.integers(100, 300))):
        length = int(rng.choice([1, 2, 63, 64, 65, rng.integers(1, 100), rng.integers(1, longest + 1)]))
        target = random_target(rng, str(rng.choice(KINDS)), query, length)
        yield target if len(target) else query


def _close_thresholds(
    rng: np.random.Generator, profile: OptimizedProfile, targets: Sequence[Codes], msv: NDArray[Any]
) -> Iterator[float]:
    """P-values of two of the targets, to the last bit: they pass, and must not be lost to rounding."""
    mu, rate = list(profile.evalue_parameters.as_vector())[:2]
    for t in rng.choice(np.flatnonzero(np.isfinite(msv)), 2):
        background = Background(ALPHABET)
        background.L = len(targets[t])
        null = np.float32(background.null1(digital(targets[t])))
        bits = np.float32(np.float64(np.float32(msv[t]) - null) / math.log(2))
        y = -math.exp(-rate * (float(bits) - mu))
        yield -y if abs(y) < 5e-9 else 1 - math.exp(y)


def _fuzz_threshold(
    profile: OptimizedProfile, targets: Sequence[Codes], packed: Blocks, F1: float, seed: int
) -> Fuzzed:
    ours = MsvFilter([profile], F1)
    survive = ours.survivors(*packed)[0]
    assert not survive[len(targets) :].any(), f"seed {seed}: an empty lane survives"
    kept = [target for target, kept in zip(targets, survive[: len(targets)], strict=True) if kept]
    passed = hmmer_passes(profile, targets, F1)
    assert (hmmer_passes(profile, kept, F1) if kept else 0) == passed, f"seed {seed}, F1 {F1!r}: a target is lost"
    return Fuzzed(through_msv=ours.through_msv, passed=passed, survivors=len(kept))
