"""af2cpu estimate: how long and how much memory, before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from af2cpu.commands import options as o
from af2cpu.errors import InputError
from af2cpu.settings import RunSettings

_SETTINGS = ("models", "params", "recycles", "ensembles", "max_msa", "num_seeds", "precision", "engine", "memory")


def _length(text: str) -> int:
    if int(text) < 1:
        raise InputError(f"length {text}: must be 1 residue or more")
    return int(text)


@o.with_settings(*_SETTINGS)
def estimate(
    inputs: Annotated[
        list[str], typer.Argument(help="Sequence files as for predict, or lengths in residues, such as 150 3000.")
    ],
    settings: RunSettings,
) -> None:
    """Time and peak memory of the network for each target on this machine, at the models' full MSA.

    Example: af2cpu estimate ubiquitin.fasta 3000
    """
    from af2cpu.commands.plan_text import target_line
    from af2cpu.pipeline.graph import build_graph
    from af2cpu.plan.run import plan_estimate

    lengths = list(dict.fromkeys(_length(text) for text in inputs if text.isdecimal()))
    files = [Path(text) for text in inputs if not text.isdecimal()]
    plan = plan_estimate(lengths, files, settings)
    graph, machine = build_graph(plan), plan.machine
    available = machine.memory / 1e9
    typer.echo(f"{machine.rate / 1e9:.0f} GFLOP/s in {machine.choice.precision}, {available:.1f} GB of memory")
    nodes = graph.by_target()
    for job in plan.jobs:
        needed = max(node.cost.memory for node in nodes[job.name])
        fits = "" if needed <= machine.memory else "; DOES NOT FIT: lower --max-msa, or cut it into domains"
        typer.echo(f"{target_line(plan, job, nodes[job.name])}{fits}")
