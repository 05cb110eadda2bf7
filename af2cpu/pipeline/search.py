"""The searches of a run: alignments, then template hits. Queries share passes; what is there already is reused."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from af2cpu.formats.streams import name_of
from af2cpu.pipeline.report import InputReport, InputSettings, Progress, Tell
from af2cpu.records import Query
from af2cpu.search import msa, templates
from af2cpu.search.databases import Database
from af2cpu.search.index import Index
from af2cpu.workspace import content_hash, key_of

PASS_QUERIES = 16  # share one pass over the databases; their hits are in memory together
_VERSION = 2  # of the stages here: a change makes all that was made before stale
_PROFILE = "uniref90_hits.sto"  # the alignment that templates are searched with


def search_alignments(
    reports: Sequence[InputReport],
    settings: InputSettings,
    indices: dict[str, Index],
    tell: Tell,
    progress: Progress | None,
) -> None:
    """MSA search of what is not there yet: queries that lack the same databases share a pass."""
    lacking: dict[tuple[Database, ...], list[InputReport]] = {}
    for report in reports:
        report.alignments = [report.target.msas / msa.file_name(database) for database in settings.databases.msa]
        stale = tuple(
            database
            for database, path in zip(settings.databases.msa, report.alignments, strict=True)
            if not _reuse(report, path, _msa_key(report.query, database, indices), database, tell)
        )
        if stale:
            lacking.setdefault(stale, []).append(report)
    for databases, waiting in lacking.items():
        for start in range(0, len(waiting), PASS_QUERIES):
            _pass(waiting[start : start + PASS_QUERIES], databases, indices, settings.threads, tell, progress)


def search_templates(
    reports: Sequence[InputReport],
    settings: InputSettings,
    indices: dict[str, Index],
    tell: Tell,
    progress: Progress | None,
) -> None:
    """hmmsearch with the UniRef90 alignments, all in one pass."""
    database = settings.databases.templates
    if database is None or settings.own_templates:
        return
    waiting = []
    for report in reports:
        profile = _profile(report)
        if report.given_hits:
            continue
        if profile is None:
            report.notes.append(f"no template search: it needs the alignment {_PROFILE}")
        elif not _reuse(report, hits_path(report), _hits_key(profile, database, indices), database, tell):
            waiting.append((report, profile))
    for start in range(0, len(waiting), PASS_QUERIES):
        part = waiting[start : start + PASS_QUERIES]
        profiles = [profile for _, profile in part]
        folders = [report.target.msas for report, _ in part]
        began = time.perf_counter()
        templates.search_templates(profiles, folders, database, indices[database.name], settings.threads, progress)
        seconds = (time.perf_counter() - began) / len(part)
        for report, profile in part:
            hits = len(templates.read_template_hits(hits_path(report), report.query))
            facts = _described(database, indices) | {"hits": hits, "seconds": seconds}
            report.target.made(hits_path(report), _hits_key(profile, database, indices), **facts)
            _searched(report, facts, tell)


def hits_path(report: InputReport) -> Path:
    """The template hits of the query's own search."""
    return report.target.msas / templates.FILE_NAME


def _reuse(report: InputReport, path: Path, key: str, database: Database, tell: Tell) -> bool:
    """Whether a search need not be done again; then what was known of it goes into the report."""
    if not report.target.is_current(path, key):
        return False
    report.databases.append(report.target.facts(path))
    tell(report.query.name, f"{database.name}: there already")
    return True


def _pass(
    reports: Sequence[InputReport],
    databases: Sequence[Database],
    indices: dict[str, Index],
    threads: int,
    tell: Tell,
    progress: Progress | None,
) -> None:
    results = msa.search_msas(
        [report.query for report in reports],
        [report.target.msas for report in reports],
        [(database, indices[database.name]) for database in databases],
        threads,
        progress,
    )
    by_name = {report.query.name: report for report in reports}
    for result in results:
        report = by_name[result.query.name]
        found = {"hits": result.hits, "rows": result.rows, "seconds": result.seconds}
        facts = _described(result.database, indices) | found
        report.target.made(result.path, _msa_key(report.query, result.database, indices), **facts)
        _searched(report, facts, tell)


def _described(database: Database, indices: dict[str, Index]) -> dict[str, Any]:
    index = indices[database.name]
    return {
        "name": database.name,
        "path": name_of(database.path),
        "hash": index.hash,
        "sequences": index.n_seq,
        "residues": index.n_res,
        "too_long_skipped": len(index.skipped),
    }


def _searched(report: InputReport, facts: dict[str, Any], tell: Tell) -> None:
    report.databases.append(facts)
    report.fresh.add(facts["name"])
    sizes = f"{facts['sequences']:,} sequences, {facts['hits']:,} hits"
    tell(report.query.name, f"{facts['name']}: {sizes}, {facts['seconds']:.1f} s")


def _msa_key(query: Query, database: Database, indices: dict[str, Index]) -> str:
    return key_of(
        "msa",
        version=_VERSION,
        sequence=query.sequence,
        database=indices[database.name].hash,
        max_rows=database.max_rows,
        thresholds=asdict(msa.JACKHMMER),
    )


def _profile(report: InputReport) -> Path | None:
    return next((path for path in report.alignments if path.name.removesuffix(".gz") == _PROFILE), None)


def _hits_key(profile: Path, database: Database, indices: dict[str, Index]) -> str:
    return key_of(
        "template hits",
        version=_VERSION,
        profile=content_hash(profile),
        database=indices[database.name].hash,
        thresholds=asdict(templates.HMMSEARCH),
    )
