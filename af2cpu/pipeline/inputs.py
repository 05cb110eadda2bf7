"""From inputs to features: search, templates, features, for one or many queries. What is there already is reused."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from af2cpu.errors import InputError
from af2cpu.features import TemplateSource, hit_templates, make_features, own_templates
from af2cpu.features.template import mmcif_path
from af2cpu.formats.features import read_features, write_features
from af2cpu.formats.obsolete import read_obsolete
from af2cpu.query import QueryInput, given_alignments, read_given
from af2cpu.records import Query, TemplateHit, Templates
from af2cpu.search import msa, templates
from af2cpu.search.databases import Database, DatabaseSet
from af2cpu.search.index import Index
from af2cpu.search.indexing import current_index
from af2cpu.workspace import Target, content_hash, key_of

PASS_QUERIES = 16  # share one pass over the databases; their hits are in memory together
RECORD = "search.json"
_VERSION = 1  # of the stages here: a change makes all that was made before stale
_PROFILE = "uniref90_hits.sto"  # the alignment that templates are searched with

Progress = Callable[[str, int, int], None]  # what, done, in all


@dataclass(frozen=True)
class InputSettings:
    """What the search and the features of a run depend on."""

    databases: DatabaseSet
    alignments: tuple[Path, ...] = ()  # --msa: replace the search
    own_templates: tuple[Path, ...] = ()  # --template: replace the template search
    max_template_date: date | None = None
    threads: int = 1
    fetch_structures: Callable[[Sequence[str], Path], None] | None = None  # --mmcif on-demand


@dataclass
class InputReport:
    """What was done for one query; written to search.json."""

    query: Query
    target: Target
    alignments: list[Path]
    notes: list[str]
    given_hits: Path | None = None  # pdb_hits.sto that came with given alignments
    previous: dict[str, Any] = field(default_factory=dict)  # the folder's search.json of an earlier run
    databases: list[dict[str, Any]] = field(default_factory=list)
    n_seq: int = 0
    n_templ: int = 0
    error: str | None = None


def prepare(
    inputs: Sequence[QueryInput], out: Path, settings: InputSettings, progress: Progress | None = None
) -> list[InputReport]:
    """Alignments, template hits and features.npz of every query, under out/<name>.

    Raises InputError before any work if an input or a database can't be used. Afterwards a query that fails is
    reported (`error`) and the others go on.
    """
    reports = [_report(item, out, settings) for item in inputs]
    for report in reports:
        for path in report.alignments:
            read_given(path, report.query)  # all of it: what is wrong shows before the search
    for path in settings.own_templates:
        if not path.is_file():
            raise InputError(f"{path}: there is no such structure; check --template")
    searched = [report for report in reports if not report.alignments]
    indices = {
        database.name: current_index(database.path, settings.threads, _indexing(database, progress))
        for database in _needed(settings, bool(searched))
    }
    _note_odd_databases(reports, indices)
    for report in reports:
        report.target.msas.mkdir(parents=True, exist_ok=True)
    _search(searched, settings, indices, progress)
    _search_templates(reports, settings, indices, progress)
    for report in reports:
        _finish(report, settings)
    return reports


def _report(item: QueryInput, out: Path, settings: InputSettings) -> InputReport:
    given = [item.alignment] if item.alignment else given_alignments(settings.alignments)
    hits = [path / templates.FILE_NAME for path in settings.alignments if (path / templates.FILE_NAME).is_file()]
    report = InputReport(item.query, Target(out / item.query.name), given, list(item.notes))
    report.previous = report.target.read_json(RECORD)
    report.given_hits = hits[0] if hits and not item.alignment else None
    return report


def _needed(settings: InputSettings, search: bool) -> list[Database]:
    databases = list(settings.databases.msa) if search else []
    if settings.databases.templates and not settings.own_templates:
        databases.append(settings.databases.templates)
    return databases


def _note_odd_databases(reports: Sequence[InputReport], indices: dict[str, Index]) -> None:
    for name, index in indices.items():
        notes = [f"{name}: {len(index.skipped)} sequences over 100,000 residues are not searched"] * bool(index.skipped)
        if not index.ends_with_newline:
            notes.append(f"{name}: the file does not end with a line end; it may have been cut off")
        for report in reports:
            report.notes += notes


def _indexing(database: Database, progress: Progress | None) -> Callable[[int, int], None] | None:
    return (lambda done, total: progress(f"index {database.name}", done, total)) if progress else None


def _search(
    reports: Sequence[InputReport], settings: InputSettings, indices: dict[str, Index], progress: Progress | None
) -> None:
    """MSA search of what is not there yet: queries that lack the same databases share a pass."""
    lacking: dict[tuple[Database, ...], list[InputReport]] = {}
    for report in reports:
        report.alignments = [report.target.msas / msa.file_name(database) for database in settings.databases.msa]
        stale = tuple(
            database
            for database, path in zip(settings.databases.msa, report.alignments, strict=True)
            if not _reuse(report, path, _msa_key(report.query, database, indices), database)
        )
        if stale:
            lacking.setdefault(stale, []).append(report)
    for databases, waiting in lacking.items():
        for start in range(0, len(waiting), PASS_QUERIES):
            _search_pass(waiting[start : start + PASS_QUERIES], databases, indices, settings.threads, progress)


def _reuse(report: InputReport, path: Path, key: str, database: Database) -> bool:
    """Whether a search need not be done again; then what was known of it goes into the report."""
    if not report.target.is_current(path, key):
        return False
    known = [entry for entry in report.previous.get("databases", []) if entry["name"] == database.name]
    report.databases.append((known[0] if known else {"name": database.name}) | {"reused": True})
    return True


def _search_pass(
    reports: Sequence[InputReport],
    databases: Sequence[Database],
    indices: dict[str, Index],
    threads: int,
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
        report, index = by_name[result.query.name], indices[result.database.name]
        report.target.made(result.path, _msa_key(report.query, result.database, indices))
        report.databases.append(
            _describe(result.database, index) | {"hits": result.hits, "rows": result.rows, "seconds": result.seconds}
        )


def _describe(database: Database, index: Index) -> dict[str, Any]:
    return {
        "name": database.name,
        "path": str(database.path),
        "hash": index.hash,
        "sequences": index.n_seq,
        "residues": index.n_res,
        "too_long_skipped": len(index.skipped),
    }


def _msa_key(query: Query, database: Database, indices: dict[str, Index]) -> str:
    return key_of(
        "msa",
        version=_VERSION,
        sequence=query.sequence,
        database=indices[database.name].hash,
        max_rows=database.max_rows,
        thresholds=asdict(msa.JACKHMMER),
    )


def _search_templates(
    reports: Sequence[InputReport], settings: InputSettings, indices: dict[str, Index], progress: Progress | None
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
        elif not _reuse(report, _hits_path(report), _hits_key(profile, database, indices), database):
            waiting.append((report, profile))
    for start in range(0, len(waiting), PASS_QUERIES):
        part = waiting[start : start + PASS_QUERIES]
        profiles = [profile for _, profile in part]
        folders = [report.target.msas for report, _ in part]
        began = time.perf_counter()
        templates.search_templates(profiles, folders, database, indices[database.name], settings.threads, progress)
        seconds = (time.perf_counter() - began) / len(part)
        for report, profile in part:
            report.target.made(_hits_path(report), _hits_key(profile, database, indices))
            hits = len(templates.read_template_hits(_hits_path(report), report.query))
            report.databases.append(_describe(database, indices[database.name]) | {"hits": hits, "seconds": seconds})


def _profile(report: InputReport) -> Path | None:
    return next((path for path in report.alignments if path.name.removesuffix(".gz") == _PROFILE), None)


def _hits_path(report: InputReport) -> Path:
    return report.target.msas / templates.FILE_NAME


def _hits_key(profile: Path, database: Database, indices: dict[str, Index]) -> str:
    return key_of(
        "template hits",
        version=_VERSION,
        profile=content_hash(profile),
        database=indices[database.name].hash,
        thresholds=asdict(templates.HMMSEARCH),
    )


def _finish(report: InputReport, settings: InputSettings) -> None:
    """Features and search.json of one query; a failure is the query's own."""
    try:
        hits = _template_hits(report, settings)
        key = _features_key(report, settings, hits)
        if report.target.is_current(report.target.features, key):
            report.notes += [note for note in report.previous.get("notes", []) if note not in report.notes]
        else:
            found = _templates(report, settings, hits)
            report.notes += found.notes if found else ()
            alignments = [read_given(path, report.query) for path in report.alignments]
            write_features(report.target.features, make_features(report.query, alignments, found))
            report.target.made(report.target.features, key)
        features = read_features(report.target.features)
        report.n_seq, report.n_templ = features.n_seq, features.n_templ
    except (InputError, OSError) as error:
        report.error = str(error)
    report.target.write_json(RECORD, _record(report, settings))


def _template_hits(report: InputReport, settings: InputSettings) -> list[TemplateHit]:
    """The hits to look for in the folder of structures; fetches those that are missing if that was asked for."""
    path = report.given_hits or _hits_path(report)
    if settings.own_templates or not path.is_file():
        return []
    hits = templates.read_template_hits(path, report.query)
    if hits and settings.databases.mmcif is None:
        report.notes.append("no templates: there is no folder pdb_mmcif/mmcif_files with structures")
        return []
    if hits and settings.databases.mmcif and settings.fetch_structures:
        settings.fetch_structures([hit.name.partition("_")[0] for hit in hits], settings.databases.mmcif)
    return hits


def _features_key(report: InputReport, settings: InputSettings, hits: Sequence[TemplateHit]) -> str:
    folder, obsolete = settings.databases.mmcif, settings.databases.obsolete
    structures = [_stamp(mmcif_path(folder, hit.name.partition("_")[0])) for hit in hits] if folder else []
    return key_of(
        "features",
        version=_VERSION,
        sequence=report.query.sequence,
        description=report.query.description,
        alignments=[content_hash(path) for path in report.alignments],
        own_templates=[content_hash(path) for path in settings.own_templates],
        hits=content_hash(report.given_hits or _hits_path(report)) if hits else None,
        structures=structures,
        obsolete=content_hash(obsolete) if obsolete else None,
        max_template_date=settings.max_template_date,
    )


def _stamp(path: Path) -> tuple[str, int, int] | None:
    """What tells a file from an earlier one without reading it."""
    if not path.is_file():
        return None
    status = path.stat()
    return str(path), status.st_size, status.st_mtime_ns


def _templates(report: InputReport, settings: InputSettings, hits: Sequence[TemplateHit]) -> Templates | None:
    if settings.own_templates:
        return own_templates(report.query, settings.own_templates)
    if settings.databases.mmcif is None or not hits:
        return None
    obsolete = read_obsolete(settings.databases.obsolete) if settings.databases.obsolete else {}
    source = TemplateSource(settings.databases.mmcif, obsolete, settings.max_template_date)
    return hit_templates(report.query, hits, source)


def _record(report: InputReport, settings: InputSettings) -> dict[str, Any]:
    return {
        "name": report.query.name,
        "source": report.query.source,
        "sequence": report.query.sequence,
        "databases": report.databases,
        "alignments": [str(path) for path in report.alignments],
        "own_templates": [str(path) for path in settings.own_templates],
        "max_template_date": settings.max_template_date,
        "msa_rows": report.n_seq,
        "templates": report.n_templ,
        "notes": report.notes,
        "error": report.error,
    }
