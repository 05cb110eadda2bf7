"""From a query's alignments and template hits to its features.npz."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from af2cpu.features import TemplateSource, hit_templates, make_features, own_templates
from af2cpu.features.template import mmcif_path
from af2cpu.formats.features import read_features, write_features
from af2cpu.formats.obsolete import read_obsolete
from af2cpu.pipeline.report import InputReport, InputSettings
from af2cpu.pipeline.search import hits_path
from af2cpu.query import read_given
from af2cpu.records import TemplateHit, Templates
from af2cpu.search import templates
from af2cpu.workspace import content_hash, key_of

_VERSION = 2  # of this stage: a change makes all features made before stale


def make_features_of(report: InputReport, settings: InputSettings) -> None:
    """Makes features.npz unless it is current. Raises InputError for what is wrong with a file, OSError."""
    target, start = report.target, time.perf_counter()
    hits = _template_hits(report, settings)
    key = _key(report, settings, hits)
    if not target.is_current(target.features, key):
        found = _templates(report, settings, hits)
        alignments = [read_given(path, report.query) for path in report.alignments]
        write_features(target.features, make_features(report.query, alignments, found))
        notes = [note for alignment in alignments for note in alignment.notes]
        notes += found.notes if found else ()
        target.made(target.features, key, seconds=time.perf_counter() - start, notes=notes)
        report.fresh.add("features")
    facts = target.facts(target.features)
    report.seconds = facts["seconds"]
    report.notes += facts["notes"]
    features = read_features(target.features)
    report.n_seq, report.n_templ = features.n_seq, features.n_templ


def _template_hits(report: InputReport, settings: InputSettings) -> list[TemplateHit]:
    """The hits to look for in the folder of structures; fetches those that are missing if that was asked for."""
    path = report.given_hits or hits_path(report)
    if settings.own_templates or not path.is_file():
        return []
    hits = templates.read_template_hits(path, report.query)
    if hits and settings.databases.mmcif is None:
        report.notes.append("no templates: there is no folder pdb_mmcif/mmcif_files with structures")
        return []
    if hits and settings.databases.mmcif and settings.fetch_structures:
        settings.fetch_structures([hit.name.partition("_")[0] for hit in hits], settings.databases.mmcif)
    return hits


def _key(report: InputReport, settings: InputSettings, hits: Sequence[TemplateHit]) -> str:
    folder, obsolete = settings.databases.mmcif, settings.databases.obsolete
    structures = [_stamp(mmcif_path(folder, hit.name.partition("_")[0])) for hit in hits] if folder else []
    return key_of(
        "features",
        version=_VERSION,
        sequence=report.query.sequence,
        description=report.query.description,
        alignments=[content_hash(path) for path in report.alignments],
        own_templates=[content_hash(path) for path in settings.own_templates],
        hits=content_hash(report.given_hits or hits_path(report)) if hits else None,
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
