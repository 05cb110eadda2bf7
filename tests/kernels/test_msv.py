# SPDX-License-Identifier: Apache-2.0
"""The filter of sequences: HMMER's scores to the bit on every instruction set, and no target lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msv_cases import (
    KINDS,
    Codes,
    blocks,
    fuzz,
    hmmer_passes,
    hmmer_scores,
    random_codes,
    random_profile,
    random_target,
)
from numpy.typing import NDArray
from pyhmmer.plan7 import OptimizedProfile

from af2cpu.ops import isa
from af2cpu.search.msv import LANES, MsvFilter, is_fast
from af2cpu.search.scan import MAX_TARGET
from af2cpu.search.thresholds import HMMSEARCH, JACKHMMER

QUERIES = (1, 2, 17, 101, 255, 258, 520)
LEVELS = isa.kernels().levels()
LENGTHS = (1, 2, 5, 6, 7, 8, 9, 63, 64, 65, 150, 400)


@pytest.fixture(params=[*LEVELS, *(f"{name} without VBMI" for name in LEVELS if name == "avx512")])
def variant(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every level, and AVX-512 without the byte permute of VBMI."""
    level, _, without = request.param.partition(" without ")
    monkeypatch.setattr(MsvFilter, "vbmi", not without)
    before = isa.level()
    isa.kernels().use_level(level)
    yield
    isa.kernels().use_level(before)


@cache
def cases() -> tuple[list[OptimizedProfile], list[Codes], list[tuple[NDArray[Any], NDArray[Any]]]]:
    """Profiles, targets of all kinds and lengths with relation to one of them, and HMMER's scores."""
    rng = np.random.default_rng(16)
    queries, profiles = zip(*(random_profile(rng, length) for length in QUERIES), strict=True)
    targets = [
        random_target(rng, kind, queries[int(rng.integers(len(queries)))], length)
        for length in LENGTHS
        for kind in KINDS
        for _ in range(2)
    ]
    targets = [target for target in targets if len(target)]
    for query in queries[-2:]:  # the same short piece of the query from sixteen places on
        for place in range(16):
            target = random_codes(rng, 60)
            target[place : place + 12] = query[250:262] if len(query) > 262 else query[-12:]
            targets.append(target)
    return list(profiles), targets, [hmmer_scores(profile, targets) for profile in profiles]


def assert_scores(ours: Sequence[NDArray[Any]], hmmers: Sequence[NDArray[Any]], n_targets: int) -> None:
    for mine, his in zip(ours, hmmers, strict=True):
        np.testing.assert_array_equal(mine[:n_targets], his)
        assert np.isnan(mine[n_targets:]).all()


def test_scores_are_hmmers(variant: None) -> None:
    profiles, targets, expected = cases()
    ssv, msv = MsvFilter(profiles, JACKHMMER.F1).scores(*blocks(targets))
    for q, scores in enumerate(expected):
        assert_scores((ssv[q], msv[q]), scores, len(targets))
    assert np.isnan(ssv).sum() > 10  # scores without a result, overflows and plain ones are among them
    assert np.isinf(msv).sum() > 10
    assert np.isfinite(ssv).sum() > 100


@cache
def stripe_cases() -> list[tuple[OptimizedProfile, list[Codes], NDArray[Any]]]:
    """Profiles of 1 to 36 stripes of 64 lanes, targets with pieces of each, and HMMER's SSV scores.

    So a band has each number of registers on every level, alone and beside others.
    """
    rng, found = np.random.default_rng(64), []
    for stripes in range(1, 37):
        query, profile = random_profile(rng, 64 * stripes - int(rng.integers(64)))
        targets = [random_target(rng, "motif", query, int(length)) for length in rng.integers(1, 90, 40)]
        targets += [random_codes(rng, place) for place in range(1, 25)]
        for target in targets[-24:]:  # a piece at the very end, and one that ends beyond the query's end
            place = int(rng.integers(len(query)))
            piece = query[place : place + 6]
            target[max(0, len(target) - 6) :][: len(piece)] = piece[-len(target) :]
        found.append((profile, targets, hmmer_scores(profile, targets)[0]))
    return found


def test_all_numbers_of_stripes(variant: None) -> None:
    for profile, targets, expected in stripe_cases():
        ssv, _ = MsvFilter([profile], JACKHMMER.F1).scores(*blocks(targets))
        np.testing.assert_array_equal(ssv[0], expected, str(profile.M))


def test_a_model_of_another_instruction_set_is_refused(level: str) -> None:
    other = "avx2" if level in ("scalar", "amx_model") else "scalar"
    if other not in LEVELS:
        pytest.skip("vectors of one width only")
    profiles, targets, _ = cases()
    isa.kernels().use_level(other)
    filtered = MsvFilter(profiles[:1], JACKHMMER.F1)
    isa.kernels().use_level(level)
    with pytest.raises(ValueError, match="another instruction set"):
        filtered.survivors(*blocks(targets))


@pytest.mark.parametrize("F1", [JACKHMMER.F1, HMMSEARCH.F1])
def test_survivors_are_what_the_pipeline_lets_pass(variant: None, F1: float) -> None:
    profiles, targets, _ = cases()
    survive = MsvFilter(profiles, F1).survivors(*blocks(targets))
    assert survive.dtype == bool
    assert not survive[:, len(targets) :].any()
    for profile, mine in zip(profiles, survive, strict=True):
        passed = hmmer_passes(profile, targets, F1)
        kept = [target for target, keep in zip(targets, mine[: len(targets)], strict=True) if keep]
        assert len(kept) == passed
        assert not kept or hmmer_passes(profile, kept, F1) == passed


def test_more_than_a_block_through_msv(level: str) -> None:
    """Pieces of eight residues of the query: they could use the J state. Full blocks of them, and a rest, take MSV."""
    rng = np.random.default_rng(3)
    query, profile = random_profile(rng, 100)
    targets = [random_codes(rng, int(rng.integers(150, 250))) for _ in range(7 * LANES)]
    for t, target in enumerate(targets):
        start = t % (len(query) - 8)
        target[t % 140 : t % 140 + 8] = query[start : start + 8]
    filtered = MsvFilter([profile, profile], JACKHMMER.F1)
    survive = filtered.survivors(*blocks(targets))
    of_each = filtered.through_msv // 2
    assert of_each > 2 * LANES
    assert of_each % LANES > 0
    np.testing.assert_array_equal(survive[0], survive[1])
    assert survive[0].sum() == hmmer_passes(profile, targets, JACKHMMER.F1) > 0


def test_scores_that_only_j_makes_overflow() -> None:
    """Repeats of weak pieces: scores around the overflow, which SSV alone does not reach."""
    rng = np.random.default_rng(7)
    query, profile = random_profile(rng, 25)
    targets = [random_target(rng, "repeats", query, int(rng.integers(60, 150))) for _ in range(2000)]
    ssv, msv = MsvFilter([profile], JACKHMMER.F1).scores(*blocks(targets))
    assert_scores((ssv[0], msv[0]), hmmer_scores(profile, targets), len(targets))
    without_ssv = np.isnan(ssv[0, : len(targets)])
    assert 100 < np.isinf(msv[0, : len(targets)][without_ssv]).sum() < without_ssv.sum() - 100


def test_the_longest_targets(variant: None) -> None:
    rng = np.random.default_rng(4)
    query, profile = random_profile(rng, 40)
    targets = [random_target(rng, kind, query, length) for kind, length in zip(KINDS, [40_000] * 6, strict=True)]
    targets += [random_codes(rng, 3), query]
    filtered = MsvFilter([profile], JACKHMMER.F1)
    ssv, msv = filtered.scores(*blocks(targets))
    assert_scores((ssv[0], msv[0]), hmmer_scores(profile, targets), len(targets))
    assert filtered.survivors(*blocks(targets)).sum() == hmmer_passes(profile, targets, JACKHMMER.F1)


def test_a_model_for_which_hmmers_ssv_never_has_a_result() -> None:
    rng = np.random.default_rng(5)
    _, profile = random_profile(rng, 6000)
    targets = [random_codes(rng, 30_000), random_codes(rng, 200)]
    ssv, msv = MsvFilter([profile], JACKHMMER.F1).scores(*blocks(targets))
    assert_scores((ssv[0], msv[0]), hmmer_scores(profile, targets), 2)
    assert np.isnan(ssv[0, 0])
    assert np.isfinite(msv[0, 0])


@pytest.mark.parametrize("seed", range(12))
def test_fuzz(seed: int) -> None:
    assert fuzz(seed).pairs > 0


def test_threads_and_memory_map(tmp_path: Path) -> None:
    profiles, targets, _ = cases()
    packed = blocks(targets * 3)
    path = tmp_path / "residues"
    packed.residues.tofile(path)
    mapped = packed._replace(residues=np.memmap(path, np.uint8, "r"))
    filtered = MsvFilter(profiles, HMMSEARCH.F1)
    expected = filtered.survivors(*packed)
    assert expected.any()
    assert not expected.all()
    np.testing.assert_array_equal(filtered.survivors(*mapped, threads=2), expected)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: filtered.survivors(*mapped), range(8)):
            np.testing.assert_array_equal(found, expected)
    through_msv = filtered.through_msv
    filtered.survivors(*packed)
    assert filtered.through_msv * 10 == through_msv * 11  # each of ten calls counted the same


def test_any_byte_is_a_code(variant: None) -> None:
    """A damaged file gives some scores, and reads nothing outside the tables."""
    profiles, targets, _ = cases()
    packed = blocks(targets[:LANES])
    bytes_ = np.random.default_rng(6).integers(0, 256, len(packed.residues)).astype(np.uint8)
    filtered = MsvFilter(profiles[:4], HMMSEARCH.F1)
    damaged = filtered.scores(bytes_, packed.offsets, packed.lengths)
    modulo = filtered.scores(bytes_ % 32, packed.offsets, packed.lengths)
    np.testing.assert_array_equal(damaged[0], modulo[0])
    np.testing.assert_array_equal(damaged[1], modulo[1])


def test_is_fast_where_there_is_simd(level: str) -> None:
    assert is_fast() == (level not in ("scalar", "amx_model"))


def test_nothing_to_do() -> None:
    profiles, _, _ = cases()
    filtered = MsvFilter(profiles[:2], JACKHMMER.F1)
    none = filtered.survivors(np.zeros(0, np.uint8), np.zeros(0, np.int64), np.zeros((0, LANES), np.int32))
    assert none.shape == (2, 0)
    empty = filtered.survivors(np.zeros(0, np.uint8), np.zeros(1, np.int64), np.zeros((1, LANES), np.int32))
    assert empty.shape == (2, LANES)
    assert not empty.any()


def test_what_does_not_fit_is_refused() -> None:
    profiles, targets, _ = cases()
    filtered = MsvFilter(profiles[:1], JACKHMMER.F1)
    residues, offsets, lengths = blocks(targets)
    for bad_offsets in (offsets + LANES, offsets - 1, np.full_like(offsets, 2**62)):
        with pytest.raises(ValueError, match="beyond the residues"):
            filtered.survivors(residues, bad_offsets, lengths)
    with pytest.raises(ValueError, match=r"lengths \[blocks, 64\]"):
        filtered.survivors(residues, offsets[1:], lengths)
    with pytest.raises(ValueError, match="negative length"):
        filtered.survivors(residues, offsets, -lengths)
    with pytest.raises(ValueError, match="at least one thread"):
        filtered.survivors(residues, offsets, lengths, threads=0)
    too_long = np.full((1, LANES), MAX_TARGET + 1, np.int32)
    with pytest.raises(ValueError, match="longer than the tables"):
        filtered.survivors(np.zeros(LANES * (MAX_TARGET + 1), np.uint8), np.zeros(1, np.int64), too_long)
    for wrong in (residues.astype(np.int16), residues[::2]):  # a copy of a database would be a silent mistake
        with pytest.raises(TypeError):
            filtered.survivors(wrong, offsets, lengths)
