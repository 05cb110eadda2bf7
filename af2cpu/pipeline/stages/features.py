"""features.npz: alignments and templates of one protein put together."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from af2cpu import events
from af2cpu.formats.entries import mmcif_path
from af2cpu.formats.features import read_features, write_features
from af2cpu.formats.obsolete import current_entry, read_obsolete
from af2cpu.formats.streams import name_of
from af2cpu.formats.template_hits import is_hhr, read_template_hits
from af2cpu.pipeline.stages.template_hits import entries_of
from af2cpu.records import Alignment, Features, Query, TemplateHit, Templates
from af2cpu.run_records import FeaturesMade, TemplateChoice
from af2cpu.search.stockholm_text import row_header
from af2cpu.words import counted
from af2cpu.workspace import Receipt, Stage, Work, each


@dataclass(frozen=True)
class FeaturesTask:
    """A protein, and where structures of its template hits are."""

    query: Query
    mmcif: Path | None  # folder with the entries' mmCIF files
    obsolete: Path | None  # the PDB's list of entries and their successors
    max_template_date: date | None


def _depends_on(work: Work[FeaturesTask]) -> Mapping[str, Any]:
    task = work.task
    return {
        "sequence": task.query.sequence,
        "description": task.query.description,
        # The names tell the database, and with it the order of the rows, and how templates are called.
        "alignments": [[name_of(Path(one.file.name)), one.content] for one in work.all("alignments")],
        "own_templates": [[name_of(Path(one.file.name)), one.content] for one in work.all("own_templates")],
        "hits": [hits.content for hits in work.all("hits")],
        "structures": _structures(work),
        "max_template_date": task.max_template_date,
    }


def _structures(work: Work[FeaturesTask]) -> list[tuple[str, int, int] | None]:
    """Stamps of the entries of the hits, or of their successors."""
    task = work.task
    if task.mmcif is None:
        return []
    obsolete = read_obsolete(task.obsolete) if task.obsolete else {}
    named = (entry for hits in work.all("hits") for entry in entries_of(hits, task.query))
    entries = (current_entry(entry, obsolete) for entry in named)
    return [_stamp(mmcif_path(task.mmcif, entry)) if entry else None for entry in entries]


def _hits(work: Work[FeaturesTask], hits: Receipt[Any]) -> list[TemplateHit]:
    return read_template_hits(hits.file, work.task.query)


def _stamp(path: Path) -> tuple[str, int, int] | None:
    """What tells a file from an earlier one without reading it."""
    if not path.is_file():
        return None
    status = path.stat()
    return name_of(path), status.st_size, status.st_mtime_ns


def _make(work: Work[FeaturesTask], cores: int) -> FeaturesMade:
    from af2cpu.features.raw import make_features

    start, query = time.perf_counter(), work.task.query
    templates, notes = _templates(work)
    choice = TemplateChoice(templates.used, templates.skipped) if templates else TemplateChoice()
    alignments = [_alignment(alignment, query) for alignment in work.all("alignments")]
    features = make_features(query, alignments, templates)
    write_features(work.file, features)
    seconds = time.perf_counter() - start
    made = f"{counted(features.n_seq, 'row')}, {counted(features.n_templ, 'template')}"
    events.emit("line", f"features: {made}, {seconds:.1f} s")
    notes = (*(note for alignment in alignments for note in alignment.notes), *notes)
    return FeaturesMade(features.n_seq, features.n_templ, seconds, notes, choice)


def _alignment(receipt: Receipt[Any], query: Query) -> Alignment:
    """An alignment of the search bears the name of the first protein with the sequence: here it gets this one's."""
    from af2cpu.query import read_given

    alignment = read_given(receipt.file, query)
    if receipt.done is None:
        return alignment
    return replace(alignment, names=(row_header(query)[0].decode(), *alignment.names[1:]))


def _templates(work: Work[FeaturesTask]) -> tuple[Templates | None, tuple[str, ...]]:
    """Templates and what is to be said of them."""
    from af2cpu.features.own_template import own_templates
    from af2cpu.features.template import TemplateSource, hit_templates

    task = work.task
    own = [template.file for template in work.all("own_templates")]
    if own:
        templates = own_templates(task.query, own)
        return templates, templates.notes
    hits = [hit for receipt in work.all("hits") for hit in _hits(work, receipt)]
    if not hits:
        return None, ()
    if task.mmcif is None:
        return None, ("no templates: there is no folder pdb_mmcif/mmcif_files with structures",)
    obsolete = read_obsolete(task.obsolete) if task.obsolete else {}
    distinct = not any(is_hhr(receipt.file) for receipt in work.all("hits"))
    source = TemplateSource(task.mmcif, obsolete, task.max_template_date, distinct=distinct)
    templates = hit_templates(task.query, hits, source)
    return templates, templates.notes


def _read(receipt: Receipt[FeaturesMade]) -> Features:
    return read_features(receipt.file)


FEATURES = Stage(name="features", version=5, done=FeaturesMade, depends_on=_depends_on, make=each(_make), read=_read)
