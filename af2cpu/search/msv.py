# SPDX-License-Identifier: Apache-2.0
"""HMMER's first filter on many targets at once: which targets of a packed database may be hits of which query.

Layout: a block holds 64 targets, residues interleaved: byte `64 i + t` is residue i of target t in HMMER's digital
code, PAD after its end. A block is as long as its longest target.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pyhmmer.plan7 import OptimizedProfile

from af2cpu.ops import isa
from af2cpu.search.blocks import LANES
from af2cpu.search.scan import MAX_TARGET

if TYPE_CHECKING:
    from af2cpu._kernels import MsvModel, MsvTargets

PAD = 31
_CODES = 32
_NEVER = 255  # no score reaches it: HMMER's filter overflows before
_SLACK = 1e-5  # bits by which the threshold is lowered: ten units in the last place of HMMER's own score


def is_fast() -> bool:
    """Whether the filter gains time here: without AVX2, HMMER's own is the faster one."""
    return isa.built() and isa.level() not in ("scalar", "amx_model")


class MsvFilter:
    """The filter of several queries. Thread-safe; the scores are HMMER's own, bit for bit."""

    vbmi = True  # AVX512-VBMI where the machine has it; tests go without, too

    def __init__(self, profiles: Sequence[OptimizedProfile], F1: float) -> None:
        """Copies what it needs of the profiles, for the instruction set that is in use from now on.

        F1 is the P-value above which HMMER's pipeline drops a target.
        """
        self._profiles = [_Numbers(profile) for profile in profiles]
        self._tjb = transition_costs(profiles[0])
        self._models = [_model(profile, lowest_passing(profile, self._tjb, F1)) for profile in profiles]
        self._lock = threading.Lock()
        self.through_msv = 0  # pairs so far whose SSV score was not enough to decide

    def survivors(
        self,
        residues: NDArray[np.uint8],
        block_offsets: NDArray[np.int64],
        lengths: NDArray[np.int32],
        threads: int = 1,
    ) -> NDArray[np.bool_]:
        """Whether HMMER's filter lets each target pass: [n_queries, n_blocks * 64], in the order of the blocks.

        residues [bytes] holds block b from block_offsets[b] on, and may be a memory map; lengths [n_blocks, 64] has 0
        where there is no target. A call should bring hundreds of blocks: some 0.1 % of the targets take a second step,
        in a block of their own per thread. The GIL is released.
        Raises ValueError for a block beyond the residues or a target longer than MAX_TARGET.
        """
        out = np.empty((len(self._models), len(block_offsets), LANES), np.uint8)
        targets = self._targets(residues, block_offsets, lengths)
        through_msv = isa.kernels().msv_survivors(targets, self._models, out, threads, self.vbmi)
        with self._lock:
            self.through_msv += through_msv
        return out.reshape(len(self._models), -1).view(np.bool_)

    def scores(
        self,
        residues: NDArray[np.uint8],
        block_offsets: NDArray[np.int64],
        lengths: NDArray[np.int32],
        threads: int = 1,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What `OptimizedProfile.ssv_filter` and `msv_filter` return for each pair.

        Two arrays [n_queries, n_blocks * 64]. Infinite on overflow; SSV is NaN where it has no result; both are NaN
        where there is no target.
        """
        shape = (len(self._models), len(block_offsets), LANES)
        peaks, xj = np.empty(shape, np.uint8), np.empty(shape, np.int16)
        isa.kernels().msv_scores(
            self._targets(residues, block_offsets, lengths), self._models, peaks, xj, threads, self.vbmi
        )
        ssv, msv = np.empty(shape, np.float32), np.empty(shape, np.float32)
        for q, numbers in enumerate(self._profiles):
            ssv[q], msv[q] = numbers.scores(peaks[q], xj[q], self._tjb[lengths])
        ssv[:, lengths == 0] = msv[:, lengths == 0] = np.nan
        return ssv.reshape(shape[0], -1), msv.reshape(shape[0], -1)

    def _targets(
        self, residues: NDArray[np.uint8], block_offsets: NDArray[np.int64], lengths: NDArray[np.int32]
    ) -> MsvTargets:
        return isa.kernels().MsvTargets(residues, block_offsets, lengths, self._tjb)


class _Numbers:
    """The integers of a profile, and HMMER's float arithmetic on them."""

    def __init__(self, profile: OptimizedProfile) -> None:
        self.base, self.bias, self.tec, self.tbm = profile.base_b, profile.bias_b, profile.tec, profile.tbm
        self._scale = np.float32(profile.scale_b)

    def score(self, over_tjb: NDArray[np.int64]) -> NDArray[np.float32]:
        """Nats of a final xJ, given as xJ - tjb: float and double operations as in HMMER's p7_MSVFilter."""
        score = (over_tjb.astype(np.float32) - np.float32(self.base)) / self._scale
        return (score.astype(np.float64) - 3.0).astype(np.float32)

    def scores(
        self, peaks: NDArray[np.uint8], xj: NDArray[np.int16], tjb: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """SSV's and MSV's scores from the kernel's integers, with the cases of HMMER's p7_SSVFilter in their order."""
        cost = tjb.astype(np.int64)
        floor = self.base - cost - self.tbm  # score of a new start
        end = peaks + floor
        ceiling = 255 - self.bias
        ssv = self.score(end - self.tec - cost)
        ssv[end - self.tec > self.base] = np.nan
        ssv[end >= ceiling] = np.inf
        overflow = peaks.astype(np.int64) + 128 >= ceiling  # of SSV's shifted scale, which starts at 128
        ssv[overflow] = np.where(floor[overflow] >= 128, np.inf, np.nan)
        ssv[cost + self.tbm + self.tec + self.bias >= 127] = np.nan
        msv = np.where(xj < 0, np.float32(np.inf), self.score(xj - cost))
        return ssv, np.where(np.isnan(ssv), msv, ssv)


def transition_costs(profile: OptimizedProfile) -> NDArray[np.uint8]:
    """HMMER's tjb by target length, 0 to MAX_TARGET; equal for all profiles.

    It grows with length, in about 50 steps that are found by bisection.
    """
    copy = profile.copy()

    def cost(length: int) -> int:
        copy.L = length
        return copy.tjb

    costs = np.zeros(MAX_TARGET + 1, np.uint8)
    start, last = 1, cost(MAX_TARGET)
    while start <= MAX_TARGET:
        value, below, above = cost(start), start, MAX_TARGET + 1
        while value < last and above - below > 1:
            middle = (below + above) // 2
            below, above = (middle, above) if cost(middle) == value else (below, middle)
        costs[start:above] = value
        start = above
    return costs


def lowest_passing(profile: OptimizedProfile, tjb: NDArray[np.uint8], F1: float) -> NDArray[np.uint8]:
    """The lowest xJ with a P-value of F1 or less, by target length; _NEVER if only an overflow passes.

    HMMER's p7_Pipeline compares P((score - null) / log 2) with F1. xJ - tjb takes few values, and the score grows with
    it: each length looks up the first one that is enough.
    """
    gaps = np.arange(-int(tjb.max()), _NEVER + 1)  # xJ - tjb
    scores = _Numbers(profile).score(gaps)
    null, bits = null_scores(), lowest_bits(profile, F1)
    guess = np.searchsorted(scores, null + np.float32(bits * math.log(2)))
    lowest = np.full(len(tjb), len(gaps))
    for step in (2, 1, 0, -1, -2):  # from above to below: the last that passes is kept
        gap = np.clip(guess + step, 0, len(gaps) - 1)
        seq_score = ((scores[gap] - null).astype(np.float64) / math.log(2)).astype(np.float32)
        lowest = np.where(seq_score >= bits - _SLACK, gap, lowest)
    xj = np.where(lowest < len(gaps), lowest + gaps[0] + tjb, _NEVER)
    return np.clip(xj, 0, _NEVER).astype(np.uint8)


@cache
def null_scores() -> NDArray[np.float32]:
    """The null model's score by target length, 0 to MAX_TARGET: HMMER's p7_bg_SetLength and p7_bg_NullOne."""
    length = np.arange(MAX_TARGET + 1, dtype=np.float32)
    stay = (length / (length + np.float32(1))).astype(np.float64)
    stay[0] = 0.5  # no such target
    # The C library's logarithms, as HMMER's; numpy's differ in the last place.
    log_stay, log_end = (np.array(list(map(math.log, values.tolist()))) for values in (stay, 1.0 - stay))
    return (length.astype(np.float64) * log_stay + log_end).astype(np.float32)


def lowest_bits(profile: OptimizedProfile, F1: float) -> float:
    """The bit score at which HMMER's esl_gumbel_surv is F1; the function's own rounding (2e-8) is allowed for."""
    P = max(F1 * (1 + 1e-6), math.ulp(0.0))  # HMMER's P-values below this are zero
    if P >= 1:
        return -math.inf
    mu, rate = list(profile.evalue_parameters.as_vector())[:2]  # the attributes by name raise in pyhmmer 0.12.3
    return mu - math.log(-math.log1p(-P)) / rate


def _model(profile: OptimizedProfile, pass_at: NDArray[np.uint8]) -> MsvModel:
    numbers = [profile.base_b, profile.bias_b, profile.tec, profile.tbm]
    ssv, msv = _table(np.asarray(profile.sbv), profile.M, 127), _table(np.asarray(profile.rbv), profile.M, 255)
    return isa.kernels().MsvModel(ssv, msv, numbers, pass_at)


def _table(striped: NDArray[np.uint8], length: int, missing: int) -> NDArray[np.uint8]:
    """HMMER's striped costs [codes, vectors of 16] by model position: [length, 32].

    `missing`: the cost of codes that do not exist. Lane z of vector q has position q + z * n_vectors.
    """
    n_vectors = max(2, -(-length // 16))
    lanes = striped[:, : n_vectors * 16].reshape(len(striped), n_vectors, 16)
    table = np.full((length, _CODES), missing, np.uint8)
    table[:, : len(striped)] = lanes.transpose(2, 1, 0).reshape(-1, len(striped))[:length]
    return table
