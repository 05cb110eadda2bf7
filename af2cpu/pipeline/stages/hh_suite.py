# SPDX-License-Identifier: Apache-2.0
"""Searches by hh-suite's programs for one sequence: its alignment by HHblits, its template hits by HHsearch."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from af2cpu import events
from af2cpu.events import Kind
from af2cpu.formats.template_hits import read_template_hits
from af2cpu.pipeline.stages.msa import tell
from af2cpu.pipeline.stages.template_hits import entries_in
from af2cpu.records import Query
from af2cpu.runs.records import DatabaseSearched
from af2cpu.search.hh_suite import HHBLITS_OPTIONS, HHSEARCH_OPTIONS, search_pdb70, search_profiles
from af2cpu.search.profile_databases import ProfileDatabase
from af2cpu.search.programs import version_of
from af2cpu.workspace import Stage, Work, each


@dataclass(frozen=True)
class ProfileTask:
    """A sequence and the profiles to search."""

    query: Query  # of the first target with this sequence
    database: ProfileDatabase


def _depends_on_profiles(work: Work[ProfileTask]) -> Mapping[str, Any]:
    return _depends_on(work, HHBLITS_OPTIONS) | {"sequence": work.task.query.sequence}


def _depends_on_alignment(work: Work[ProfileTask]) -> Mapping[str, Any]:
    return _depends_on(work, HHSEARCH_OPTIONS) | {"profile": work.one("profile").content}


def _depends_on(work: Work[ProfileTask], options: tuple[str, ...]) -> dict[str, Any]:
    """The number of cores is left out, which may change the order of equal rows: the record has it."""
    database = work.task.database
    return {"database": database.identity(), "program": version_of(database.program), "options": list(options)}


def _make_alignment(work: Work[ProfileTask], cores: int) -> DatabaseSearched:
    start, task = time.perf_counter(), work.task
    _tell_start(work, cores)
    found = search_profiles(task.query, task.database, work.folder, cores)
    name = found.path.name
    notes = [f"{name}: {found.dropped:,} rows that were not in the query's columns are left out"] * (found.dropped > 0)
    rows = {"hits": found.rows - 1, "rows": found.rows, "command": found.command, "notes": tuple(notes)}
    return _searched(work, start, rows)


def _make_hits(work: Work[ProfileTask], cores: int) -> DatabaseSearched:
    start, task = time.perf_counter(), work.task
    _tell_start(work, cores)
    path, command = search_pdb70(work.one("profile").file, task.database, work.folder, cores)
    hits = read_template_hits(path, task.query)
    return _searched(work, start, {"hits": len(hits), "command": command, "entries": entries_in(hits)})


def _tell_start(work: Work[ProfileTask], cores: int) -> None:
    """The programs tell nothing while they run, which takes hours on the full databases."""
    database = work.task.database
    for number, target in enumerate(work.targets):
        kind: Kind = "note" if number else "line"
        events.emit(kind, f"{database.name}: {database.program} runs on {cores} cores", target=target)


def _searched(work: Work[ProfileTask], start: float, found: Mapping[str, Any]) -> DatabaseSearched:
    database = work.task.database
    profiles, columns = database.size()
    done = DatabaseSearched(
        name=database.name,
        path=database.path,
        hash=database.identity(),
        sequences=profiles,
        residues=columns,
        too_long_skipped=0,
        seconds=time.perf_counter() - start,
        program=version_of(database.program),
        **found,
    )
    tell(work, done)
    return done


HHBLITS = Stage(
    name="hhblits",
    version=1,
    done=DatabaseSearched,
    depends_on=_depends_on_profiles,
    make=each(_make_alignment),
)
HHSEARCH = Stage(
    name="hhsearch",
    version=1,
    done=DatabaseSearched,
    depends_on=_depends_on_alignment,
    make=each(_make_hits),
)
