"""Structures of template hits that the folder of mmCIF files lacks, fetched on demand."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from af2cpu.run_records import StructuresFetched
from af2cpu.workspace import Stage, Work, each


@dataclass(frozen=True)
class StructuresTask:
    """The folder that entries are fetched into."""

    folder: Path


def _depends_on(work: Work[StructuresTask]) -> Mapping[str, Any]:
    return {"hits": [hits.content for hits in work.all("hits")]}


def _kept(work: Work[StructuresTask]) -> StructuresFetched | None:
    from af2cpu.search.structures import lacking_entries

    hits = work.one("hits").done
    return None if lacking_entries(hits.entries, work.task.folder) else StructuresFetched((), 0.0)


def _make(work: Work[StructuresTask], cores: int) -> StructuresFetched:
    from af2cpu.search.structures import fetch_missing

    start = time.perf_counter()
    failures = fetch_missing(work.one("hits").done.entries, work.task.folder)
    return StructuresFetched(tuple(failures), time.perf_counter() - start)


STRUCTURES = Stage(
    name="structures", version=1, done=StructuresFetched, depends_on=_depends_on, make=each(_make), kept=_kept
)
