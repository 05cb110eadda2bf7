"""af2cpu estimate: how long and how much memory, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from af2cpu.commands import options as o
from af2cpu.commands.console import print_json
from af2cpu.errors import InputError
from af2cpu.settings import RunSettings

if TYPE_CHECKING:
    from af2cpu.pipeline.graph import Node
    from af2cpu.plan.run import Plan

_SETTINGS = (
    "complex",
    "models",
    "params",
    "recycles",
    "ensembles",
    "max_msa",
    "num_seeds",
    "precision",
    "engine",
    "memory",
)


def _length(text: str) -> int:
    if int(text) < 1:
        raise InputError(f"length {text}: must be 1 residue or more")
    return int(text)


@o.with_settings(*_SETTINGS)
def estimate(
    inputs: Annotated[
        list[str],
        typer.Argument(help="Sequence files as for af2cpu predict, or lengths in residues, for example 150 3000."),
    ],
    settings: RunSettings,
    as_json: o.AsJson = False,
) -> None:
    """Estimate how long each target takes on this machine and how much memory it needs, before anything runs.

    The estimate is for a full MSA, so it is an upper limit. The search is not included.

    Example: af2cpu estimate ubiquitin.fasta 3000
    """
    from af2cpu.commands.plan_text import target_line
    from af2cpu.pipeline.graph import build_graph
    from af2cpu.plan.run import plan_estimate

    lengths = list(dict.fromkeys(_length(text) for text in inputs if text.isdecimal()))
    files = [Path(text) for text in inputs if not text.isdecimal()]
    plan = plan_estimate(lengths, files, settings)
    nodes = build_graph(plan).by_target()
    if as_json:
        print_json(_as_json(plan, nodes))
        return
    machine = plan.machine
    available = machine.memory / 1e9
    typer.echo(f"{machine.rate / 1e9:.0f} GFLOP/s in {machine.choice.precision}, {available:.1f} GB of memory")
    for job in plan.jobs:
        fits = "" if _fits(plan, nodes[job.name]) else "; DOES NOT FIT: lower --max-msa, or cut it into domains"
        typer.echo(f"{target_line(plan, job, nodes[job.name])}{fits}")


def _fits(plan: Plan, nodes: Sequence[Node]) -> bool:
    return max(node.cost.memory for node in nodes) <= plan.machine.memory


def _as_json(plan: Plan, nodes: Mapping[str, Sequence[Node]]) -> dict[str, Any]:
    """The machine and each target; times in seconds, memory in bytes."""
    from af2cpu.pipeline.graph import total_cost
    from af2cpu.plan.models import count_passes

    machine = plan.machine
    costs = {job.name: total_cost(nodes[job.name]) for job in plan.jobs}
    return {
        "machine": {
            "cores": machine.cores,
            "memory_bytes": machine.memory,
            "engine": machine.choice.engine,
            "isa": machine.choice.isa,
            "precision": machine.choice.precision,
            "gflops": machine.rate / 1e9,
        },
        "targets": [
            {
                "name": job.name,
                "residues": job.query.n_res,
                "passes": count_passes(plan.models_of(job.query), plan.settings),
                "seconds": costs[job.name].seconds,
                "memory_bytes": costs[job.name].memory,
                "fits": _fits(plan, nodes[job.name]),
            }
            for job in plan.jobs
        ],
    }
