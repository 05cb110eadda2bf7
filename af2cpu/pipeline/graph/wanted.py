# SPDX-License-Identifier: Apache-2.0
"""Sequences whose features are to be made, and whom a search of them belongs to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from af2cpu.plan.jobs import Entity, Job


class Wanted(NamedTuple):
    """An entity whose features are to be made, and its target."""

    job: Job
    entity: Entity

    @property
    def owner(self) -> str:
        """Whom its search belongs to: a sequence, or one target whose alignments the user gave."""
        return f"{self.job.name}:{self.entity.chains[0]}" if self.entity.alignments else self.entity.query.sequence


def by_owner(wanted: Iterable[Wanted]) -> dict[str, list[Wanted]]:
    grouped: dict[str, list[Wanted]] = {}
    for one in wanted:
        grouped.setdefault(one.owner, []).append(one)
    return grouped


def cached_folder(folder: Path, sequence: str) -> Path:
    """The folder of a sequence's alignments in the cache."""
    name = hashlib.blake2b(sequence.encode(), digest_size=16).hexdigest()
    return folder / name[:2] / name
