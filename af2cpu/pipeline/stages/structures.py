# SPDX-License-Identifier: Apache-2.0
"""Structures of template hits that the folder of mmCIF files lacks, fetched on demand."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from af2cpu.pipeline.stages.template_hits import entries_of
from af2cpu.records import Query
from af2cpu.runs.records import StructuresFetched
from af2cpu.workspace import Stage, Work, each


@dataclass(frozen=True)
class StructuresTask:
    """A protein, and the folder that entries are fetched into."""

    query: Query
    folder: Path


def _depends_on(work: Work[StructuresTask]) -> Mapping[str, Any]:
    return {"hits": [hits.content for hits in work.all("hits")]}


def _kept(work: Work[StructuresTask]) -> StructuresFetched | None:
    from af2cpu.search.structures import best_entries, lacking_entries

    entries = best_entries(entries_of(work.one("hits"), work.task.query))
    return None if lacking_entries(entries, work.task.folder) else StructuresFetched((), 0.0)


def _make(work: Work[StructuresTask], cores: int) -> StructuresFetched:
    from af2cpu.search.structures import best_entries, fetch_entries

    start = time.perf_counter()
    failures = fetch_entries(best_entries(entries_of(work.one("hits"), work.task.query)), work.task.folder)
    return StructuresFetched(tuple(failures), time.perf_counter() - start)


STRUCTURES = Stage(
    name="structures", version=1, done=StructuresFetched, depends_on=_depends_on, make=each(_make), kept=_kept
)
