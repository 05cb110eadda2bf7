# SPDX-License-Identifier: Apache-2.0
"""A sequence database, counted and ready to be searched. Its index is kept beside the database, not in the results."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from af2cpu import events
from af2cpu.formats.streams import name_of
from af2cpu.runs.records import DatabaseIndexed
from af2cpu.search.databases import Database
from af2cpu.search.index import Index, stored_file
from af2cpu.workspace import Stage, Work, each


def index_of(database: Database, cores: int) -> Index:
    """The index of a database that is still what was counted; made now if there is none. Raises DatabaseError."""
    status = stored_file(database.path).stat()
    return _index(database.path, status.st_size, status.st_mtime_ns, cores)


@lru_cache(maxsize=8)
def _index(fasta: Path, size: int, mtime_ns: int, cores: int) -> Index:
    from af2cpu.search.indexing import current_index

    return current_index(fasta, cores)


def _kept(work: Work[Database]) -> DatabaseIndexed | None:
    from af2cpu.search.indexing import kept_index

    index = kept_index(work.task.path)
    return None if index is None else _record(work.task, index, 0.0)


def _make(work: Work[Database], cores: int) -> DatabaseIndexed:
    start = time.perf_counter()
    index = index_of(work.task, cores)
    seconds = time.perf_counter() - start
    events.emit("line", f"{work.task.name}: indexed, {index.n_seq:,} sequences, {seconds:.1f} s")
    return _record(work.task, index, seconds)


def _record(database: Database, index: Index, seconds: float) -> DatabaseIndexed:
    return DatabaseIndexed(
        name=database.name,
        path=name_of(database.path),
        hash=index.hash,
        sequences=index.n_seq,
        residues=index.n_res,
        too_long_skipped=len(index.skipped),
        notes=tuple(index.notes(database.name)),
        seconds=seconds,
    )


def _depends_on(work: Work[Database]) -> Mapping[str, Any]:
    return {"path": name_of(work.task.path)}


DATABASE = Stage(
    name="database",
    version=1,
    done=DatabaseIndexed,
    depends_on=_depends_on,
    make=each(_make),
    kept=_kept,
)
