# SPDX-License-Identifier: Apache-2.0
"""af2cpu estimate: how long and how much memory, before anything runs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from af2cpu.commands import options as o
from af2cpu.commands.console import print_json, print_line
from af2cpu.errors import InputError
from af2cpu.records import CHAIN_BREAK
from af2cpu.settings import RunSettings

if TYPE_CHECKING:
    from af2cpu.pipeline.graph import Node
    from af2cpu.plan.jobs import Job
    from af2cpu.plan.plan import Plan

_SETTINGS = (
    "complex",
    "models",
    "params",
    "recycles",
    "recycle_tolerance",
    "ensembles",
    "max_msa",
    "num_seeds",
    "stop_at_score",
    "precision",
    "engine",
    "memory",
)
_LENGTHS = re.compile(r"\d+(:\d+)*")


def _lengths(text: str) -> tuple[int, ...]:
    """Of the chains of a target."""
    lengths = tuple(int(part) for part in text.split(CHAIN_BREAK))
    if min(lengths) < 1:
        raise InputError(f"length {text}: must be 1 residue or more")
    return lengths


@o.with_settings(*_SETTINGS)
def estimate(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUTS",
            help="Sequence files as for af2cpu predict, or lengths in residues, for example 150 3000; those of a "
            "complex's chains as 128:128.",
        ),
    ],
    settings: RunSettings,
    pairs: o.Pairs = False,
    as_json: o.AsJson = False,
) -> None:
    """Estimate how long each target takes on this machine and how much memory it needs, before anything runs.

    The estimate is for a full MSA, so it is an upper limit. The search is not included.

    Recycling of the multimer models ends once the structure changes little: the time lies between two limits.

    Of many targets one line has the sum, disk space included; --json has each of them.

    Example: af2cpu estimate ubiquitin.fasta 3000 128:128
    """
    from af2cpu.commands.plan_text import plan_lines
    from af2cpu.pipeline.graph import build_graph
    from af2cpu.plan.plan import plan_estimate

    lengths = list(dict.fromkeys(_lengths(text) for text in inputs if _LENGTHS.fullmatch(text)))
    files = [Path(text) for text in inputs if not _LENGTHS.fullmatch(text)]
    plan = plan_estimate(lengths, files, settings, pairs=pairs)
    nodes = build_graph(plan).by_target()
    if as_json:
        print_json(_as_json(plan, nodes))
        return
    machine = plan.machine
    available = machine.memory / 1e9
    print_line(f"{machine.rate / 1e9:.0f} GFLOP/s in {machine.choice.precision}, {available:.1f} GB of memory")
    for line in plan_lines(plan, nodes, misfits=True):
        print_line(line)


def _as_json(plan: Plan, nodes: Mapping[str, Sequence[Node]]) -> dict[str, Any]:
    """The machine and each target; times in seconds, memory in bytes."""
    machine = plan.machine
    return {
        "machine": {
            "cores": machine.cores,
            "memory_bytes": machine.memory,
            "engine": machine.choice.engine,
            "isa": machine.choice.isa,
            "precision": machine.choice.precision,
            "gflops": machine.rate / 1e9,
        },
        "targets": [_target(plan, job, nodes[job.name]) for job in plan.jobs],
    }


def _target(plan: Plan, job: Job, nodes: Sequence[Node]) -> dict[str, Any]:
    """Keys without `min_` are upper limits."""
    from af2cpu.commands.plan_text import fits
    from af2cpu.pipeline.graph import total_cost
    from af2cpu.plan.models import count_passes
    from af2cpu.plan.plan import disk_bytes

    cost, passes = total_cost(nodes), count_passes(plan.models_of(job.query), plan.settings)
    return {
        "name": job.name,
        "residues": job.query.n_res,
        "chains": [len(chain.sequence) for chain in job.query.chains],
        "min_passes": passes.least,
        "passes": passes.most,
        "min_seconds": cost.seconds - cost.saved,
        "seconds": cost.seconds,
        "memory_bytes": cost.memory,
        "disk_bytes": disk_bytes([job.query], plan.models, plan.settings, plan.machine),
        "fits": fits(plan, nodes),
    }
