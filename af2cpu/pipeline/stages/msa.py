# SPDX-License-Identifier: Apache-2.0
"""The alignment of one sequence from one database. Sequences of a node share one pass over the database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from af2cpu import events
from af2cpu.events import Kind
from af2cpu.pipeline.stages.database import index_of
from af2cpu.plan.jobs import MSAS
from af2cpu.records import Query
from af2cpu.runs.records import DatabaseIndexed, DatabaseSearched, DatabaseUsed
from af2cpu.search.databases import SCREENED, Database
from af2cpu.search.thresholds import JACKHMMER
from af2cpu.words import counted
from af2cpu.workspace import Stage, Work

PASS_QUERIES = 16  # sequences that share one pass over a database: their hits are in memory together


@dataclass(frozen=True)
class MsaTask:
    """A sequence and the database to search for its relatives."""

    query: Query  # of the first target with this sequence, whose name the first row bears
    database: Database


def _depends_on(work: Work[MsaTask]) -> Mapping[str, Any]:
    return {
        "sequence": work.task.query.sequence,
        "database": work.one("database").content,
        "max_rows": work.task.database.max_rows,
        "thresholds": asdict(JACKHMMER),
    }


def _make(works: Sequence[Work[MsaTask]], cores: int) -> Iterator[tuple[Work[MsaTask], DatabaseSearched]]:
    from af2cpu.search.msa import search_msas

    database = works[0].task.database
    index = index_of(database, cores)
    results = search_msas(
        [work.task.query for work in works], [work.folder for work in works], [(database, index)], cores
    )
    for work, result in zip(works, results, strict=True):
        found = {name: getattr(result, name) for name in ("hits", "rows", "seconds", "way", "passed")}
        done = searched(work.one("database").done, **found)
        tell(work, done)
        yield work, done


def searched(database: DatabaseIndexed, **found: Any) -> DatabaseSearched:
    """The record of a search of `database`; found: what DatabaseSearched has beyond the database."""
    known = {name: value for name, value in vars(database).items() if name not in {"notes", "seconds"}}
    return DatabaseSearched(**known, **found)


def tell(work: Work[Any], done: DatabaseSearched) -> None:
    """A line to each target that has the sequence; the console has that of the first one only."""
    for number, (target, place) in enumerate(work.places.items()):
        chain = place.parent.name if place and place.parent.parent.name == MSAS else ""  # msas/A/uniref90_hits.sto
        of = f"chain {chain}: " if chain else ""
        kind: Kind = "note" if number else "line"
        events.emit(kind, f"{of}{search_summary(done)}, {done.seconds:.1f} s", target=target)


def search_summary(done: DatabaseUsed) -> str:
    """A search in a few words: how large, by which way, what was found."""
    if done.server:
        of_ticket = f", ticket {done.server.ticket}" if done.server.ticket else ""
        return f"{done.name}: {counted(done.hits, 'hit')} from {done.server.url}{of_ticket}"
    way = f" ({done.way})" if done.way else ""
    passed = f"{done.passed:,} passed the filter, " if done.way in SCREENED else ""
    return f"{done.name}{way}: {done.sequences:,} {done.kind}, {passed}{counted(done.hits, 'hit')}"


MSA = Stage(name="msa", version=3, done=DatabaseSearched, depends_on=_depends_on, make=_make)
