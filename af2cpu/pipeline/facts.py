"""What a run tells of itself: provenance in the structure files, run.json, timings.json."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from af2cpu.ops import dispatch
from af2cpu.pipeline.finish import Finished
from af2cpu.pipeline.fold import Folded, Folder, ModelPlan
from af2cpu.pipeline.plan import FoldPlan
from af2cpu.pipeline.report import InputReport
from af2cpu.records import Provenance

_PACKAGES = ("af2cpu", "torch", "numpy", "pyhmmer", "openmm", "pdbfixer")


def provenance_of(report: InputReport, plan: FoldPlan, model: ModelPlan) -> Provenance:
    """What the structure files of a model's predictions say of where they come from."""
    return Provenance(
        description=report.query.description,
        entry=report.query.name,
        version=metadata.version("af2cpu"),
        parameters=Path(model.source).name,
        date=plan.settings.model_date,
        templates=model.config.template_embedder.enabled,
        warning="; ".join(plan.cautions[report.query.name]) or None,
    )


def timings_of(report: InputReport, folded: Sequence[Folded], finished: Finished) -> dict[str, float]:
    """Seconds by AlphaFold 2's names, of this run and of those before whose work stands.

    `features` is search and features together.
    """
    seconds = {f"search_{entry['name']}": entry["seconds"] for entry in report.databases}
    if report.seconds is not None:
        seconds = {"features": report.seconds + sum(seconds.values())} | seconds
    for one in folded:
        seconds[f"process_features_{one.confidence.who.name}"] = one.draw_seconds
        seconds[f"predict_and_compile_{one.confidence.who.name}"] = one.seconds
    return seconds | {f"relax_{name}": value for name, value in finished.seconds.items()}


def run_facts(
    report: InputReport,
    folder: Folder,
    plan: FoldPlan,
    finished: Finished,
    timings: dict[str, float],
    notes: Sequence[str],
) -> dict[str, Any]:
    """run.json: enough to do the same again and to know what it cost."""
    return {
        "name": report.query.name,
        "sequence": report.query.sequence,
        "source": report.query.source,
        "settings": plan.settings.model_dump(mode="json"),
        **dispatch.record(),
        "precision": folder.precision,
        "threads": torch.get_num_threads(),
        "versions": {name: metadata.version(name) for name in _PACKAGES},
        "parameters": {model.name: {"source": model.source, "fingerprint": model.fingerprint} for model in plan.models},
        "databases": report.databases,
        "ranking": [{"name": c.who.name, "plddt": c.mean_plddt, "ptm": c.ptm} for c in finished.ranking.entries],
        "not_relaxed": finished.not_relaxed,
        "warnings": list(plan.cautions[report.query.name]),
        "notes": list(notes),
        "timings": timings,
    }
