"""search.json: what was searched for one protein, and what it gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

from af2cpu.formats.streams import name_of
from af2cpu.outputs.layout import write_bytes
from af2cpu.plan.jobs import Job
from af2cpu.run_records import DatabaseUsed, FilesWritten, SearchRecord, read_record, record_bytes, to_json
from af2cpu.workspace import Receipt, Stage, Work, each


@dataclass(frozen=True)
class SearchRecordTask:
    """A job whose features are made, and what is to be said of its search."""

    job: Job
    max_template_date: date | None
    notes: tuple[str, ...]  # beyond those of the stages


def searches(work: Work[Any]) -> tuple[DatabaseUsed, ...]:
    """What was searched for a protein, as in search.json and run.json."""
    done = (receipt.done for receipt in (*work.all("alignments"), *work.all("hits")) if receipt.done)
    return tuple(DatabaseUsed(**{item.name: getattr(one, item.name) for item in fields(DatabaseUsed)}) for one in done)


def search_notes(work: Work[Any]) -> tuple[str, ...]:
    """What the stages up to the features have said."""
    names = ("databases", "structures", "alignments", "hits", "features")
    return tuple(note for name in names for receipt in work.all(name) if receipt.done for note in receipt.done.notes)


def _record(work: Work[SearchRecordTask]) -> SearchRecord:
    job, features = work.task.job, work.one("features").done
    date_limit = work.task.max_template_date
    return SearchRecord(
        name=job.name,
        source=job.query.source,
        sequence=job.query.sequence,
        databases=searches(work),
        alignments=tuple(_place(receipt.file, job.folder) for receipt in work.all("alignments")),
        own_templates=tuple(map(name_of, job.templates)),
        max_template_date=date_limit.isoformat() if date_limit else None,
        msa_rows=features.n_seq,
        templates=features.n_templ,
        notes=(*job.notes, *work.task.notes, *search_notes(work)),
        template_choice=features.templates,
    )


def _place(path: Path, folder: Path) -> str:
    """Below the target's folder, or, of a file that the user gave, as it was given."""
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else name_of(path)


def _depends_on(work: Work[SearchRecordTask]) -> Mapping[str, Any]:
    return {"record": to_json(_record(work))}


def _make(work: Work[SearchRecordTask], cores: int) -> FilesWritten:
    write_bytes(work.file, record_bytes(_record(work)))
    return FilesWritten({})


def _read(receipt: Receipt[FilesWritten]) -> SearchRecord:
    return read_record(SearchRecord, receipt.file)


SEARCH_RECORD = Stage(
    name="search record",
    version=2,
    done=FilesWritten,
    depends_on=_depends_on,
    make=each(_make),
    read=_read,
)
