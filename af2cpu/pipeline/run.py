"""A whole run: inputs -> alignments and features -> predictions -> ranking, relaxation, files."""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from af2cpu.cores import available_cores
from af2cpu.errors import InputError
from af2cpu.formats.features import read_features
from af2cpu.ops import dispatch, slicing
from af2cpu.outputs.arrays import read_result
from af2cpu.outputs.layout import LAYOUTS, Layout
from af2cpu.outputs.report import write_index, write_report
from af2cpu.outputs.write import write_done, write_run, write_timings
from af2cpu.pipeline.facts import provenance_of, run_facts, timings_of
from af2cpu.pipeline.finish import Finished, finish
from af2cpu.pipeline.fold import Folder
from af2cpu.pipeline.inputs import prepare
from af2cpu.pipeline.plan import FoldPlan, RunPlan
from af2cpu.pipeline.report import InputReport, Progress, Tell, with_log
from af2cpu.records import Prediction
from af2cpu.workspace import Target, content_hash, key_of

_REPORT_VERSION = 1  # a change makes all reports made before stale


@dataclass
class Outcome:
    """What became of one target."""

    name: str
    n_res: int
    layout: Layout  # where its files are
    error: str | None = None
    finished: Finished | None = None
    seconds: float = 0.0
    reused: bool = False  # nothing had to be done
    notes: list[str] = field(default_factory=list)

    def prediction(self, rank: int = 0) -> Prediction:
        """The prediction of a rank, 0 the best, unrelaxed, read from its file. Raises ValueError if there is none."""
        entries = self.finished.ranking.entries if self.finished else ()
        if not 0 <= rank < len(entries):
            raise ValueError(f"{self.name} has {len(entries)} predictions, and none of rank {rank}")
        who = entries[rank].who
        return read_result(self.layout.of("result", who, ".npz"), who.model)


def predict(plan: RunPlan, tell: Tell, progress: Progress | None = None) -> list[Outcome]:
    """Predict all targets. A target's failure is its own, the others go on. Raises InputError for a broken database.

    `tell` gets a line for each thing that happens; those of a target are also in its log.txt.
    """
    outcomes = _fold(prepare(plan.inputs, plan.out, plan.input_settings, tell, progress), plan.fold, tell)
    _write_index([plan.out], tell)
    return outcomes


def fold(reports: Sequence[InputReport], plan: FoldPlan, folders: Sequence[Path], tell: Tell) -> list[Outcome]:
    """The part of a run that follows the features, of the targets in `folders`."""
    outcomes = _fold(reports, plan, tell)
    _write_index(folders, tell)
    return outcomes


def _write_index(folders: Sequence[Path], tell: Tell) -> None:
    """The page of all targets. It shows those of earlier runs too, whose damage is theirs and not this run's."""
    for folder in folders:
        try:
            write_index(folder)
        except InputError as error:
            tell("", f"{folder}: no index page: {error}")


def _fold(reports: Sequence[InputReport], plan: FoldPlan, tell: Tell) -> list[Outcome]:
    settings = plan.settings
    tell = with_log(tell, {report.query.name: report.target for report in reports})
    dispatch.use_engine(settings.engine)
    torch.set_num_threads(settings.threads or min(torch.get_num_threads(), available_cores()))
    folder = Folder(plan.models, settings)
    with slicing.memory_budget(slicing.budget_within(settings.memory)):
        return [_target(report, folder, plan, tell) for report in reports]


def _target(report: InputReport, folder: Folder, plan: FoldPlan, tell: Tell) -> Outcome:
    """One target from its features on. Whatever goes wrong with it is recorded and told, and stays with it."""
    start, query = time.perf_counter(), report.query
    outcome = Outcome(
        query.name, query.n_res, layout_of(report, plan.settings.layout), report.error, notes=list(report.notes)
    )
    if outcome.error is None:
        try:
            with report.target.lock():
                _fold_and_finish(report, outcome, folder, plan, tell)
        except Exception as error:
            outcome.error = f"{type(error).__name__}: {error}".splitlines()[0]
            tell(outcome.name, traceback.format_exc())
            tell(outcome.name, f"failed: {outcome.error}")
    outcome.seconds = time.perf_counter() - start
    return outcome


def _fold_and_finish(report: InputReport, outcome: Outcome, folder: Folder, plan: FoldPlan, tell: Tell) -> None:
    def say(line: str) -> None:
        tell(outcome.name, line)

    target, layout, features = report.target, outcome.layout, read_features(report.target.features)
    provenances = {model.name: provenance_of(report, plan, model) for model in plan.models}
    folded = folder.fold(target, layout, features, provenances, say)
    finished = finish(target, layout, features, folded, plan.settings, say)
    outcome.finished = finished
    outcome.notes += [note for one in folded for note in one.notes] + finished.notes
    outcome.reused = not report.fresh and finished.reused and all(one.reused for one in folded)
    timings = timings_of(report, folded, finished)
    write_timings(layout, timings)
    write_run(layout, run_facts(report, folder, plan, finished, timings, outcome.notes))
    _report(target, layout, [one.content for one in folded])
    write_done(layout)


def _report(target: Target, layout: Layout, predictions: Sequence[str]) -> None:
    """The page of the target, unless the one that is there shows this very run."""
    run = content_hash(layout.facts("run"))
    key = key_of("report", version=_REPORT_VERSION, run=run, predictions=predictions)
    if not target.is_current(layout.page(), key):
        target.made(write_report(layout, target.folder), key)


def layout_of(report: InputReport, kind: str) -> Layout:
    """AlphaFold 2's layout has a folder for each target, ColabFold's one for all."""
    folder = report.target.folder if kind == "af2" else report.target.folder.parent
    return LAYOUTS[kind](folder, report.query.name)
