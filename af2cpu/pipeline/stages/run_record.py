# SPDX-License-Identifier: Apache-2.0
"""run.json and timings.json: how a protein was predicted, and what that cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any

from af2cpu.outputs.layout import Layout
from af2cpu.outputs.write import write_run, write_timings
from af2cpu.pipeline.stages.files import hashes, unchanged
from af2cpu.pipeline.stages.ranked import relaxations
from af2cpu.pipeline.stages.search_record import search_notes, searches
from af2cpu.plan.jobs import Job
from af2cpu.runs.records import (
    DatabaseUsed,
    FilesWritten,
    ParametersUsed,
    PredictionScores,
    TargetRun,
    TemplateChoice,
    read_record,
)
from af2cpu.workspace import Receipt, Stage, Work, each

_PACKAGES = ("af2cpu", "torch", "numpy", "pyhmmer", "openmm", "pdbfixer")


@dataclass(frozen=True)
class RunTask:
    """A job with its settings."""

    job: Job
    layout: Layout
    settings: Mapping[str, Any]
    parameters: Mapping[str, ParametersUsed]  # by model
    warnings: tuple[str, ...]
    notes: tuple[str, ...]  # of the search, beyond those of the stages


def _timings(work: Work[RunTask]) -> dict[str, float]:
    """Seconds by AlphaFold 2's names, of this run and of earlier ones whose artefacts are used.

    `features` is search, structures that were fetched, and features together.
    """
    seconds: dict[str, float] = {}
    for database in _databases(work):  # once for each sequence of a complex
        name = f"search_{database.name}"
        seconds[name] = seconds.get(name, 0.0) + database.seconds
    made = work.one("features").done
    own = made.seconds if made else work.task.job.features_seconds
    if own is not None:
        fetched = sum(structures.done.seconds for structures in work.all("structures"))
        seconds = {"features": own + fetched + sum(seconds.values())} | seconds
    for prediction in work.all("predictions"):
        name = prediction.done.confidence.who.name
        seconds[f"process_features_{name}"] = prediction.done.draw_seconds
        seconds[f"predict_and_compile_{name}"] = prediction.done.seconds
    return seconds | {f"relax_{name}": done.seconds for name, done in relaxations(work).items()}


def _databases(work: Work[RunTask]) -> tuple[DatabaseUsed, ...]:
    known = work.task.job.searched
    return known.databases if known else searches(work, work.task.job)


def _template_choice(work: Work[RunTask]) -> TemplateChoice:
    made, known = work.one("features").done, work.task.job.searched
    if made:
        return made.templates
    return known.template_choice if known else TemplateChoice()


def _notes(work: Work[RunTask]) -> tuple[str, ...]:
    notes = [*work.task.job.notes, *work.task.notes, *search_notes(work)]
    notes += [note for prediction in work.all("predictions") for note in prediction.done.notes]
    for name, done in relaxations(work).items():
        notes += done.notes
        notes += [f"{name}: {done.record.reason}"] if done.record.relaxed and done.record.reason else []
    return tuple(dict.fromkeys([*notes, *_stopped(work)]))  # some hold for every prediction


def _stopped(work: Work[RunTask]) -> Iterator[str]:
    """That a prediction was good enough, and how many were made."""
    settings, made = work.task.settings, [one.done.confidence for one in work.all("predictions")]
    planned = len(settings["models"]) * settings["num_seeds"]
    if len(made) < planned:
        last = max(made, key=lambda one: one.out_of_100)
        yield (
            f"{len(made)} of {planned} predictions were made: {last.who.name} scores {last.out_of_100:.1f}, and "
            f"--stop-at-score is {settings['stop_at_score']:g}"
        )


@cache
def _versions() -> dict[str, str]:
    """Of the libraries that results depend on; looking them up takes 20 ms."""
    return {name: metadata.version(name) for name in _PACKAGES}


def _record(work: Work[RunTask]) -> TargetRun:
    task, ranking = work.task, work.one("ranking").done.ranking
    engine = work.all("predictions")[0].done.engine
    return TargetRun(
        name=task.job.name,
        sequence=task.job.query.sequence,
        source=task.job.query.source,
        settings=task.settings,
        engine=engine.engine,
        isa=engine.isa,
        in_pytorch=engine.in_pytorch,
        precision=engine.precision,
        threads=engine.threads,
        versions=_versions(),
        parameters=task.parameters,
        databases=_databases(work),
        template_choice=_template_choice(work),
        ranking=tuple(PredictionScores.of(entry) for entry in ranking.entries),
        remaining_violations={
            name: done.record.remaining for name, done in relaxations(work).items() if done.record.relaxed
        },
        not_relaxed={
            name: done.record.reason or "" for name, done in relaxations(work).items() if not done.record.relaxed
        },
        warnings=task.warnings,
        notes=_notes(work),
        timings=_timings(work),
        passes={one.done.confidence.who.name: one.done.passes for one in work.all("predictions")},
    )


def _depends_on(work: Work[RunTask]) -> Mapping[str, Any]:
    return {"record": _record(work).as_json()}


def _make(work: Work[RunTask], cores: int) -> FilesWritten:
    record, layout = _record(work), work.task.layout
    timings = write_timings(layout, record.timings).paths
    write_run(layout, record)
    return FilesWritten(hashes(work, timings))


def _read(receipt: Receipt[FilesWritten]) -> TargetRun:
    return read_record(TargetRun, receipt.file)


RUN_RECORD = Stage(
    name="run record",
    version=2,
    done=FilesWritten,
    depends_on=_depends_on,
    make=each(_make),
    read=_read,
    intact=unchanged,
)
