"""A whole run: inputs -> alignments and features -> predictions -> ranking, relaxation, files."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from af2cpu.formats.features import read_features
from af2cpu.ops import dispatch
from af2cpu.outputs.layout import LAYOUTS, Layout
from af2cpu.outputs.write import write_done, write_run, write_timings
from af2cpu.pipeline.finish import Finished, finish
from af2cpu.pipeline.fold import Folded, Folder, ModelPlan
from af2cpu.pipeline.inputs import InputReport, Progress, prepare
from af2cpu.pipeline.plan import SYNTHETIC, RunPlan
from af2cpu.records import Provenance
from af2cpu.settings import RunSettings
from af2cpu.weights import is_synthetic

Tell = Callable[[str, str], None]  # (target, line)


@dataclass
class Outcome:
    """What became of one target."""

    name: str
    n_res: int
    folder: Path
    error: str | None = None
    finished: Finished | None = None
    seconds: float = 0.0
    reused: bool = False  # nothing had to be done
    notes: list[str] = field(default_factory=list)


def predict(plan: RunPlan, tell: Tell, progress: Progress | None = None) -> list[Outcome]:
    """Predict all targets. A target's failure is its own, the others go on. Raises InputError for a broken database."""
    settings = plan.settings
    dispatch.use_engine(settings.engine)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    folder = Folder(plan.models, settings)
    reports = prepare(plan.inputs, plan.out, plan.input_settings, progress)
    return [_target(report, folder, settings, tell) for report in reports]


def _target(report: InputReport, folder: Folder, settings: RunSettings, tell: Tell) -> Outcome:
    """One target from its features on. Whatever goes wrong with it is recorded and told, and stays with it."""
    start = time.perf_counter()
    outcome = Outcome(report.query.name, report.query.n_res, report.target.folder, report.error, notes=report.notes)
    if outcome.error is None:
        try:
            with report.target.lock():
                _fold_and_finish(report, outcome, folder, settings, tell)
        except Exception as error:
            outcome.error = f"{type(error).__name__}: {error}".splitlines()[0]
            tell(outcome.name, traceback.format_exc())
    outcome.seconds = time.perf_counter() - start
    return outcome


def _fold_and_finish(report: InputReport, outcome: Outcome, folder: Folder, settings: RunSettings, tell: Tell) -> None:
    def say(line: str) -> None:
        tell(outcome.name, line)

    target, features = report.target, read_features(report.target.features)
    layout = layout_of(report, settings)
    provenance = provenance_of(report, folder.plans, settings)
    folded = folder.fold(target, layout, features, provenance, say)
    finished = finish(target, layout, features, folded, settings, provenance, say)
    outcome.finished = finished
    outcome.reused = not finished.seconds and all(one.seconds is None for one in folded)
    outcome.notes += [note for one in folded for note in one.notes] + finished.notes
    timings = _timings(target.read_json("timings.json"), folded, finished)
    write_timings(layout, timings)
    target.write_json("timings.json", timings)
    write_run(layout, _facts(report, folder, folded, finished, settings, timings))
    write_done(layout)


def layout_of(report: InputReport, settings: RunSettings) -> Layout:
    """AlphaFold 2's layout has a folder for each target, ColabFold's one for all."""
    folder = report.target.folder if settings.layout == "af2" else report.target.folder.parent
    return LAYOUTS[settings.layout](folder, report.query.name)


def provenance_of(report: InputReport, plans: Sequence[ModelPlan], settings: RunSettings) -> Provenance:
    """What the structure files say of where they come from."""
    sources = sorted({Path(plan.source).name for plan in plans})
    return Provenance(
        description=report.query.description,
        entry=report.query.name,
        version=metadata.version("af2cpu"),
        parameters=", ".join(sources),
        date=settings.model_date,
        templates=any(plan.config.template_embedder.enabled for plan in plans),
        warning=SYNTHETIC if any(is_synthetic(plan.source) for plan in plans) else None,
    )


def _timings(before: dict[str, Any], folded: Sequence[Folded], finished: Finished) -> dict[str, float]:
    """Seconds by AlphaFold 2's names; of what was reused, those of the run that did it."""
    now = {f"predict_and_compile_{one.confidence.who.name}": one.seconds for one in folded if one.seconds is not None}
    now |= {f"relax_{name}": seconds for name, seconds in finished.seconds.items()}
    return before | now


def _facts(
    report: InputReport,
    folder: Folder,
    folded: Sequence[Folded],
    finished: Finished,
    settings: RunSettings,
    timings: dict[str, float],
) -> dict[str, Any]:
    """run.json: enough to do the same again and to know what it cost."""
    packages = ("af2cpu", "torch", "numpy", "pyhmmer", "openmm", "pdbfixer")
    return {
        "name": report.query.name,
        "sequence": report.query.sequence,
        "source": report.query.source,
        "settings": settings.model_dump(mode="json"),
        **dispatch.record(),
        "precision": folder.precision,
        "threads": torch.get_num_threads(),
        "versions": {name: metadata.version(name) for name in packages},
        "parameters": {plan.name: {"source": plan.source, "fingerprint": plan.fingerprint} for plan in folder.plans},
        "databases": [{k: v for k, v in entry.items() if k != "reused"} for entry in report.databases],
        "ranking": [{"name": c.who.name, "plddt": c.mean_plddt, "ptm": c.ptm} for c in finished.ranking.entries],
        "not_relaxed": finished.not_relaxed,
        "warnings": [SYNTHETIC] if any(is_synthetic(one.parameters) for one in folded) else [],
        "notes": report.notes,
        "timings": timings,
    }
