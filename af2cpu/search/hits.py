# SPDX-License-Identifier: Apache-2.0
"""The hits of a profile in the parts of a database, merged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pyhmmer.plan7 import OptimizedProfile, TopHits

_MERGE = 64  # parts that are merged at a time


class PartialHits:
    """Collects the parts of one profile's hits; few and empty parts cost nothing, each hit is copied rarely."""

    def __init__(self, profile: OptimizedProfile) -> None:
        self._profile = profile
        self._levels: list[list[TopHits]] = [[]]

    def add(self, part: TopHits) -> None:
        """Adds a part. Parts are merged in a tree of _MERGE branches, so that each hit is copied once per level."""
        if len(part) == 0:
            return
        level = 0
        self._levels[0].append(part)
        while len(self._levels[level]) == _MERGE:
            merged = TopHits(self._profile).merge(*self._levels[level])
            self._levels[level] = []
            level += 1
            if level == len(self._levels):
                self._levels.append([])
            self._levels[level].append(merged)

    def parts(self) -> Iterator[TopHits]:
        """The merged parts."""
        for level in self._levels:
            yield from level


def merge(profile: OptimizedProfile, collected: Sequence[PartialHits]) -> TopHits:
    """All hits of a profile, sorted and thresholded as by one serial pass."""
    parts = [part for hits in collected for part in hits.parts()]
    return TopHits(profile).merge(*parts) if parts else TopHits(profile)
