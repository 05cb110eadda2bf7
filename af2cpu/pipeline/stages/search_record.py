# SPDX-License-Identifier: Apache-2.0
"""search.json: what was searched for one target, and what it gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

import orjson

from af2cpu.formats.streams import name_of
from af2cpu.outputs.layout import write_bytes
from af2cpu.pipeline.stages.entities import inputs_of, inputs_of_all
from af2cpu.plan.jobs import Job
from af2cpu.runs.records import DatabaseUsed, FilesWritten, SearchRecord, read_record
from af2cpu.workspace import Receipt, Stage, Work, each


@dataclass(frozen=True)
class SearchRecordTask:
    """A job whose features are made, and what is to be said of its search."""

    job: Job
    max_template_date: date | None
    notes: tuple[str, ...]  # beyond those of the stages


def searches(work: Work[Any], job: Job) -> tuple[DatabaseUsed, ...]:
    """What was searched for a target, as in search.json and run.json."""
    found = [
        (entity.chains, receipt.done)
        for entity in job.entities
        for name in ("alignments", "pairing", "hits")
        for receipt in inputs_of(work, entity.chains[0], name)
        if receipt.done
    ]
    given = {chain for entity in job.entities if entity.alignments for chain in entity.chains}
    sent = tuple(chain.id for chain in job.query.chains if chain.id not in given)
    found += [(sent, receipt.done) for receipt in work.all("paired") if receipt.done]
    known = [item.name for item in fields(DatabaseUsed) if item.name != "chains"]
    of_complex = job.query.n_chains > 1
    return tuple(
        DatabaseUsed(**{name: getattr(one, name) for name in known}, chains=chains if of_complex else ())
        for chains, one in found
    )


def search_notes(work: Work[Any]) -> tuple[str, ...]:
    """What the stages up to the features have said."""
    receipts = [*work.all("databases"), *work.all("structures"), *work.all("paired")]
    receipts += [receipt for name in ("alignments", "pairing", "hits") for _, receipt in inputs_of_all(work, name)]
    return tuple(note for receipt in (*receipts, *work.all("features")) if receipt.done for note in receipt.done.notes)


def _record(work: Work[SearchRecordTask]) -> SearchRecord:
    job, features = work.task.job, work.one("features").done
    date_limit = work.task.max_template_date
    return SearchRecord(
        name=job.name,
        source=job.query.source,
        sequence=job.query.sequence,
        databases=searches(work, job),
        alignments=_alignments(work),
        own_templates=tuple(map(name_of, job.templates)),
        max_template_date=date_limit.isoformat() if date_limit else None,
        msa_rows=features.n_seq,
        templates=features.n_templ,
        notes=(*job.notes, *work.task.notes, *search_notes(work)),
        template_choice=features.templates,
    )


def _alignments(work: Work[SearchRecordTask]) -> tuple[str, ...]:
    """The files that the MSA is made of, once each: one may serve all sequences of a complex."""
    files = [receipt.file for _, receipt in inputs_of_all(work, "alignments")]
    files += [receipt.file for receipt in work.all("paired")]
    return tuple(dict.fromkeys(_place(file, work.task.job.folder) for file in files))


def _place(path: Path, folder: Path) -> str:
    """Below the target's folder, or, of a file that the user gave, as it was given."""
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else name_of(path)


def _depends_on(work: Work[SearchRecordTask]) -> Mapping[str, Any]:
    return {"record": _record(work).as_json()}


def _make(work: Work[SearchRecordTask], cores: int) -> FilesWritten:
    write_bytes(work.file, orjson.dumps(_record(work).as_json(), option=orjson.OPT_INDENT_2))
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
