# SPDX-License-Identifier: Apache-2.0
"""All draws of one prediction: a sequence that samples an entry when it is asked for."""

from __future__ import annotations

import operator
import time
from collections.abc import Sequence
from typing import SupportsIndex, overload

import numpy as np

from af2cpu.features.config import SamplingConfig
from af2cpu.features.sample import Sampler
from af2cpu.records import Features, ProcessedFeatures


class Draws(Sequence[ProcessedFeatures]):
    """Draw k of a seed is always the same, however many there are and in whatever order they are asked for.

    Nothing is kept: a draw with the full MSA of a long protein is hundreds of megabytes. The network asks for
    (recycles + 1) x ensembles of them, one at a time.
    """

    def __init__(self, features: Features, config: SamplingConfig, seed: int, count: int = 4) -> None:
        """count: length of the sequence; by default that of 3 recycles without ensembling."""
        if seed < 0 or count < 0:
            raise ValueError(f"seed {seed} and number of draws {count} must not be negative")
        self._sampler = Sampler(features, config)
        self._seed = seed
        self._count = count
        self.seconds = 0.0  # that drawing has taken so far

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, k: SupportsIndex) -> ProcessedFeatures: ...
    @overload
    def __getitem__(self, k: slice) -> list[ProcessedFeatures]: ...
    def __getitem__(self, k: SupportsIndex | slice) -> ProcessedFeatures | list[ProcessedFeatures]:
        if isinstance(k, slice):
            return [self[i] for i in range(*k.indices(self._count))]
        index = operator.index(k)
        if not -self._count <= index < self._count:
            raise IndexError(f"draw {index} of {self._count}")
        # The stream of child k of the seed, as SeedSequence(seed).spawn gives it.
        stream = np.random.SeedSequence(self._seed, spawn_key=(index % self._count,))
        start = time.perf_counter()
        draw = self._sampler.draw(np.random.default_rng(stream))
        self.seconds += time.perf_counter() - start
        return draw
