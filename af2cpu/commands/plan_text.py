# SPDX-License-Identifier: Apache-2.0
"""The plan of a run as text: what each target costs, and the steps that would be taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from af2cpu.pipeline.graph import AmongBest, Cost, Node, total_cost
from af2cpu.pipeline.survey import Step, Survey
from af2cpu.plan.jobs import Job
from af2cpu.plan.models import count_passes
from af2cpu.plan.plan import Plan, disk_bytes
from af2cpu.words import counted, duration


def target_line(plan: Plan, job: Job, nodes: Sequence[Node]) -> str:
    """What one target takes at the most: full MSA and templates. Shared searches are not counted, nor is waiting."""
    own = [node for node in nodes if node.is_only_of(job.name) and not node.here]
    cost, passes = total_cost(own), count_passes(plan.models_of(job.query), plan.settings)
    longest = max(own, key=lambda node: node.cost.seconds).stage
    seconds = total_cost(node for node in own if node.stage == longest).seconds
    waits = ", and the wait for the MSA server" if any(node.here for node in nodes) else ""
    chains = f" in {job.query.n_chains} chains" if job.query.n_chains > 1 else ""
    return (
        f"{job.name}: {counted(job.query.n_res, 'residue')}{chains}, {passes} pass{'es' if passes.most > 1 else ''}: "
        f"{_span(cost)} ({longest} {duration(seconds)}) and {cost.memory / 1e9:.1f} GB{waits}"
    )


def _span(cost: Cost) -> str:
    """The time, from the least to the most where they differ."""
    least, most = duration(cost.seconds - cost.saved), duration(cost.seconds)
    return f"about {least} to {most}" if least != most else f"at most about {most}"


_FEW = 20  # targets that get a line each


def fits(plan: Plan, nodes: Sequence[Node]) -> bool:
    """Whether the memory suffices for one target."""
    return max(node.cost.memory for node in nodes) <= plan.machine.memory


def plan_lines(plan: Plan, nodes: Mapping[str, Sequence[Node]], *, misfits: bool = False) -> Iterator[str]:
    """What the targets take: a line for each, or for many targets their sum and the longest one.

    misfits: of many also those that need more memory than there is.
    """
    too_large = [job for job in plan.jobs if not fits(plan, nodes[job.name])] if misfits else []
    shown = plan.jobs
    if len(plan.jobs) > _FEW:
        yield _sum_line(plan, nodes)
        longest = max(plan.jobs, key=lambda job: job.query.n_res)
        shown = tuple(dict.fromkeys([longest, *too_large]))
    for job in shown:
        remark = "; DOES NOT FIT: lower --max-msa, or cut it into domains" if job in too_large else ""
        yield f"{target_line(plan, job, nodes[job.name])}{remark}"


def _sum_line(plan: Plan, nodes: Mapping[str, Sequence[Node]]) -> str:
    queries = [job.query for job in plan.jobs]
    lengths = [query.n_res for query in queries]
    disk = disk_bytes(queries, plan.models, plan.settings, plan.machine)
    own = (node for job in plan.jobs for node in nodes[job.name] if node.is_only_of(job.name) and not node.here)
    return (
        f"{counted(len(lengths), 'target')} of {min(lengths):,} to {max(lengths):,} residues: {_span(total_cost(own))} "
        f"one after the other, searches not counted, and {disk / 1e9:,.1f} GB of results; the longest:"
    )


def about_targets(names: Sequence[str], plan: Plan) -> str:
    """The beginning of a line about some targets; nothing if it is about all."""
    if len(names) == len(plan.jobs):
        return ""
    named = ", ".join(names[:_FEW])
    return f"{named} and {len(names) - _FEW:,} more: " if len(names) > _FEW else f"{named}: "


def steps_lines(found: Survey) -> Iterator[str]:
    """The steps of a dry run and their sum: a line for each, of many targets one for each kind of step. Fits 80 columns
    but for long names."""
    if not found.steps:
        yield f"nothing to do: all {found.current} steps are up to date"
        return
    yield f"{'step':<50} {'time':>8} {'memory':>8} {'cores':>6}"
    for label, steps in _shown(found).items():
        seconds = duration(sum(step.seconds for step in steps))
        memory, cores = (max(getattr(step.node.cost, name) for step in steps) for name in ("memory", "cores"))
        yield f"{label:<50} {seconds:>8} {memory / 1e9:>5.1f} GB {cores:>6}"
    cost = Cost(sum(step.seconds for step in found.steps), saved=sum(step.saved for step in found.steps))
    memory = max(step.node.cost.memory for step in found.steps)
    done = f"; {counted(found.current, 'step is', 'steps are')} up to date" if found.current else ""
    span = _span(cost).removeprefix("at most ")
    yield f"{counted(len(found.steps), 'step')}, {span} one after the other, at most {memory / 1e9:.1f} GB{done}"


def _shown(found: Survey) -> dict[str, list[Step]]:
    """The steps behind each line, by its label."""
    targets = {target for step in found.steps for target in step.node.targets}
    if len(targets) <= _FEW:
        return {f"{step.node.id}{_remark(step)}": [step] for step in found.steps}
    by_stage: dict[str, list[Step]] = {}
    for step in found.steps:
        by_stage.setdefault(step.node.stage, []).append(step)
    return {f"{stage} ({counted(len(steps), 'step')})": steps for stage, steps in by_stage.items()}


def _remark(step: Step) -> str:
    """How many of a shared step have to be made, or what it depends on."""
    if len(step.node.items) > 1:
        return f" ({counted(step.stale, 'sequence')})"
    condition = step.node.condition
    if condition is None or (isinstance(condition, AmongBest) and condition.chance == 1):
        return ""
    return f" (if among the best {condition.first})" if isinstance(condition, AmongBest) else " (if still needed)"
