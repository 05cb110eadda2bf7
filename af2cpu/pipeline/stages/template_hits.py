# SPDX-License-Identifier: Apache-2.0
"""Template hits: PDB sequences found with the profile of a UniRef90 alignment."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from af2cpu.formats.template_hits import best_first, read_template_hits
from af2cpu.pipeline.stages.database import index_of
from af2cpu.pipeline.stages.msa import searched, tell
from af2cpu.records import Query, TemplateHit
from af2cpu.runs.records import DatabaseSearched
from af2cpu.search.databases import Database
from af2cpu.search.thresholds import HMMSEARCH
from af2cpu.workspace import Receipt, Stage, Work


@dataclass(frozen=True)
class HitsTask:
    """A sequence and the database of PDB sequences."""

    query: Query
    database: Database


def _depends_on(work: Work[HitsTask]) -> Mapping[str, Any]:
    return {
        "profile": work.one("profile").content,
        "database": work.one("database").content,
        "thresholds": asdict(HMMSEARCH),
    }


def _make(works: Sequence[Work[HitsTask]], cores: int) -> Iterator[tuple[Work[HitsTask], DatabaseSearched]]:
    from af2cpu.search.templates import search_templates

    database = works[0].task.database
    index = index_of(database, cores)
    began = time.perf_counter()
    profiles = [work.one("profile").file for work in works]
    results = search_templates(profiles, [work.folder for work in works], database, index, cores)
    seconds = (time.perf_counter() - began) / len(works)
    for work, result in zip(works, results, strict=True):
        hits = read_template_hits(result.path, work.task.query)
        found = {"hits": len(hits), "rows": None, "seconds": seconds, "way": result.way, "passed": result.passed}
        done = searched(work.one("database").done, entries=entries_in(hits), **found)
        tell(work, done)
        yield work, done


def entries_of(hits: Receipt[Any], query: Query) -> tuple[str, ...]:
    """PDB entries of template hits: known from the search, or read from a file of the user's. Raises InputError."""
    if hits.done is not None:
        return tuple(hits.done.entries)
    return entries_in(read_template_hits(hits.file, query))


def entries_in(hits: Sequence[TemplateHit]) -> tuple[str, ...]:
    """PDB entries of template hits, best first."""
    return tuple(dict.fromkeys(hit.name.partition("_")[0].lower() for hit in best_first(hits)))


TEMPLATE_HITS = Stage(name="template hits", version=3, done=DatabaseSearched, depends_on=_depends_on, make=_make)
