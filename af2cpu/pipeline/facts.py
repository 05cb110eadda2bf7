"""What a run tells of itself: provenance in the structure files, run.json, timings.json."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from af2cpu.ops import dispatch
from af2cpu.pipeline.finish import Finished
from af2cpu.pipeline.fold import Folded, Folder
from af2cpu.pipeline.plan import FoldPlan
from af2cpu.pipeline.report import InputReport
from af2cpu.records import Provenance

_PACKAGES = ("af2cpu", "torch", "numpy", "pyhmmer", "openmm", "pdbfixer")


def provenance_of(report: InputReport, plan: FoldPlan) -> Provenance:
    """What the structure files say of where they come from."""
    sources = sorted({Path(model.source).name for model in plan.models})
    return Provenance(
        description=report.query.description,
        entry=report.query.name,
        version=metadata.version("af2cpu"),
        parameters=", ".join(sources),
        date=plan.settings.model_date,
        templates=any(model.config.template_embedder.enabled for model in plan.models),
        warning="; ".join(plan.cautions[report.query.name]) or None,
    )


def timings_of(report: InputReport, folded: Sequence[Folded], finished: Finished) -> dict[str, float]:
    """Seconds of what was done now, by AlphaFold 2's names; `features` is search and features together."""
    seconds: dict[str, float] = {}
    if report.seconds is not None:
        searches = {f"search_{e['name']}": e["seconds"] for e in report.databases if not e.get("reused")}
        seconds = {"features": report.seconds + sum(searches.values())} | searches
    for one in folded:
        if one.seconds is not None and one.draw_seconds is not None:
            seconds[f"process_features_{one.confidence.who.name}"] = one.draw_seconds
            seconds[f"predict_and_compile_{one.confidence.who.name}"] = one.seconds
    return seconds | {f"relax_{name}": value for name, value in finished.seconds.items()}


def run_facts(
    report: InputReport, folder: Folder, plan: FoldPlan, finished: Finished, timings: dict[str, float]
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
        "databases": [{k: v for k, v in entry.items() if k != "reused"} for entry in report.databases],
        "ranking": [{"name": c.who.name, "plddt": c.mean_plddt, "ptm": c.ptm} for c in finished.ranking.entries],
        "not_relaxed": finished.not_relaxed,
        "warnings": list(plan.cautions[report.query.name]),
        "notes": report.notes,
        "timings": timings,
    }
