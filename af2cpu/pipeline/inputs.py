"""From inputs to features: search, templates, features, for one or many queries. What is there already is reused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from af2cpu.cores import available_cores
from af2cpu.errors import InputError
from af2cpu.features import check_own_templates
from af2cpu.formats.features import read_features
from af2cpu.pipeline.features import make_features_of
from af2cpu.pipeline.report import RECORD, InputReport, InputSettings, Progress, Tell, with_log
from af2cpu.pipeline.search import PASS_QUERIES, search_alignments, search_templates
from af2cpu.query import QueryInput, check_unique, given_alignments, query_of_features, read_given
from af2cpu.search import templates
from af2cpu.search.databases import Database, DatabaseSet, select
from af2cpu.search.index import Index
from af2cpu.search.indexing import current_index
from af2cpu.search.structures import fetch_missing
from af2cpu.settings import RunSettings
from af2cpu.workspace import Target

_TOGETHER = 16 * PASS_QUERIES  # targets that are locked at one time: each lock is an open file, and these are few


def input_settings_of(
    inputs: Sequence[QueryInput], settings: RunSettings, *, features_only: bool = False
) -> InputSettings:
    """What is searched. Raises InputError for settings that don't go together, databases that are not there, and
    alignments and structures that can't be used."""
    if settings.msa and len(inputs) != 1:
        raise InputError(f"--msa: fits one sequence, and the input has {len(inputs)}; run one at a time")
    if settings.msa and inputs[0].alignment:
        raise InputError(f"--msa: {inputs[0].alignment} is an alignment itself; give one of the two")
    for path in given_alignments(settings.msa):
        read_given(path, inputs[0].query)  # all of it: what is wrong shows before the search
    check_own_templates([item.query for item in inputs], settings.template)
    searched = not settings.msa and any(item.alignment is None for item in inputs)
    if features_only and searched:
        raise InputError("--features-only: needs alignments; give --msa, or a3m or Stockholm files as input")
    databases = DatabaseSet((), None, None, None)
    if searched or settings.data_dir or settings.db:
        databases = select(settings.data_dir, settings.preset, settings.db)
    if features_only:
        databases = DatabaseSet((), None, databases.mmcif, databases.obsolete)
    return InputSettings(
        databases=databases,
        alignments=settings.msa,
        own_templates=settings.template,
        max_template_date=settings.max_template_date,
        threads=settings.threads or available_cores(),
        fetch_structures=fetch_missing if settings.mmcif == "on-demand" else None,
    )


def prepare(
    inputs: Sequence[QueryInput], out: Path, settings: InputSettings, tell: Tell, progress: Progress | None = None
) -> list[InputReport]:
    """Alignments, template hits and features.npz of every query, under out/<name>.

    `tell` gets a line for each thing that happens, which is also in the target's log.txt. Raises InputError before any
    work if a database can't be used. Afterwards a query that fails is reported (`error`) and the others go on.
    """
    reports = [_report(item, out, settings) for item in inputs]
    tell = with_log(tell, {report.query.name: report.target for report in reports})
    indices = {
        database.name: current_index(database.path, settings.threads, _indexing(database, progress))
        for database in _needed(settings, not all(report.alignments for report in reports))
    }
    _note_odd_databases(reports, indices)
    for start in range(0, len(reports), _TOGETHER):
        _prepare(reports[start : start + _TOGETHER], settings, indices, tell, progress)
    return reports


def _prepare(
    reports: Sequence[InputReport],
    settings: InputSettings,
    indices: dict[str, Index],
    tell: Tell,
    progress: Progress | None,
) -> None:
    """As many targets as can be locked together."""
    searched = [report for report in reports if not report.alignments]
    with ExitStack() as locks:
        ours = [report for report in reports if _lock(report, locks)]
        waiting = [report for report in searched if report.error is None]
        search_alignments(waiting, settings, indices, tell, progress)
        search_templates(ours, settings, indices, tell, progress)
        for report in ours:
            _finish(report, settings, tell)


def prepared(folders: Sequence[Path]) -> list[InputReport]:
    """The targets whose features are there: each folder is a target's, or holds folders of targets.

    Raises InputError for a folder without any, for features that can't be read, for two targets of one name.
    """
    reports = [_report_of(target) for folder in folders for target in _targets_in(folder)]
    check_unique(report.query for report in reports)
    return reports


def _targets_in(folder: Path) -> list[Target]:
    found = [path.parent for path in (folder / "features.npz", *sorted(folder.glob("*/features.npz"))) if path.exists()]
    if not found:
        raise InputError(f"{folder}: has no features.npz, nor has a folder in it; make them with af2cpu search")
    return [Target(path) for path in found]


def _report_of(target: Target) -> InputReport:
    features = read_features(target.features)
    report = InputReport(query_of_features(features, target.features), target)
    known = target.read_json(RECORD)
    report.notes, report.databases = list(known.get("notes", [])), list(known.get("databases", []))
    report.seconds = target.facts(target.features).get("seconds")
    report.n_seq, report.n_templ = features.n_seq, features.n_templ
    return report


def _report(item: QueryInput, out: Path, settings: InputSettings) -> InputReport:
    given = [item.alignment] if item.alignment else given_alignments(settings.alignments)
    hits = [path / templates.FILE_NAME for path in settings.alignments if (path / templates.FILE_NAME).is_file()]
    report = InputReport(item.query, Target(out / item.query.name), given, list(item.notes))
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


def _lock(report: InputReport, locks: ExitStack) -> bool:
    """Keeps other runs off the folder until the features are there; a target that another run has is left to it."""
    try:
        locks.enter_context(report.target.lock())
        report.target.msas.mkdir(parents=True, exist_ok=True)
    except (InputError, OSError) as error:
        report.error = str(error)
    return report.error is None


def _finish(report: InputReport, settings: InputSettings, tell: Tell) -> None:
    """Features and search.json of one query; a failure is the query's own."""
    try:
        make_features_of(report, settings)
        there = f"{report.seconds:.1f} s" if "features" in report.fresh else "there already"
        tell(report.query.name, f"features: {report.n_seq:,} rows, {report.n_templ} templates, {there}")
    except (InputError, OSError) as error:
        report.error = str(error)
    try:
        report.write(settings)
    except OSError as error:
        report.error = report.error or str(error)
    if report.error:
        tell(report.query.name, f"failed: {report.error}")
