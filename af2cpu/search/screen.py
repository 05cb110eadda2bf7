"""The place for an exact filter of our own between reading and searching.

A screen sees a block of targets before pyhmmer does and hands on those that may be hits of the profile. It must keep
every target that HMMER's first filter (MSV at F1) would let pass: with Z set to the whole database, any superset of
these gives the same alignment to the byte.
"""

from __future__ import annotations

from typing import Protocol

from pyhmmer.easel import DigitalSequenceBlock
from pyhmmer.plan7 import OptimizedProfile


class Screen(Protocol):
    """Called from several threads at once."""

    def __call__(self, profile: OptimizedProfile, targets: DigitalSequenceBlock) -> DigitalSequenceBlock:
        """The targets, in order, that the profile's search must see."""
        ...
