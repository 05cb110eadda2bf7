"""The plan of a run as text: what each target costs, and the steps that would be taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from af2cpu.pipeline.graph import Node, total_cost
from af2cpu.pipeline.survey import Step, Survey
from af2cpu.plan.jobs import Job
from af2cpu.plan.models import count_passes
from af2cpu.plan.run import Plan
from af2cpu.words import counted, duration


def target_line(plan: Plan, job: Job, nodes: Sequence[Node]) -> str:
    """What one protein takes at the most: full MSA and templates. Shared searches are not counted."""
    own = [node for node in nodes if node.is_only_of(job.name)]
    cost, passes = total_cost(own), count_passes(plan.models_of(job.query), plan.settings)
    longest = max(own, key=lambda node: node.cost.seconds).stage
    seconds = total_cost(node for node in own if node.stage == longest).seconds
    return (
        f"{job.name}: {counted(job.query.n_res, 'residue')}, {counted(passes, 'pass', 'passes')}: at most about "
        f"{duration(cost.seconds)} ({longest} {duration(seconds)}) and {cost.memory / 1e9:.1f} GB"
    )


_FEW = 20  # targets that get a line each


def plan_lines(plan: Plan, nodes: Mapping[str, Sequence[Node]]) -> Iterator[str]:
    """What the targets take: a line for each, or for many targets their sum and the longest one."""
    if len(plan.jobs) > _FEW:
        yield _sum_line(plan, nodes)
    longest = max(plan.jobs, key=lambda job: job.query.n_res)
    for job in plan.jobs if len(plan.jobs) <= _FEW else [longest]:
        yield target_line(plan, job, nodes[job.name])


def _sum_line(plan: Plan, nodes: Mapping[str, Sequence[Node]]) -> str:
    lengths = [job.query.n_res for job in plan.jobs]
    own = (node for job in plan.jobs for node in nodes[job.name] if node.is_only_of(job.name))
    return (
        f"{counted(len(lengths), 'target')} of {min(lengths):,} to {max(lengths):,} residues: at most about "
        f"{duration(total_cost(own).seconds)} one after the other, searches not counted; the longest:"
    )


def about_targets(names: Sequence[str], plan: Plan) -> str:
    """The beginning of a line about some targets; nothing if it is about all."""
    if len(names) == len(plan.jobs):
        return ""
    named = ", ".join(names[:_FEW])
    return f"{named} and {len(names) - _FEW:,} more: " if len(names) > _FEW else f"{named}: "


def steps_lines(found: Survey) -> Iterator[str]:
    """The steps of a dry run, one line each, and their sum; fits 80 columns but for long names."""
    if not found.steps:
        yield f"nothing to do: all {found.current} steps are up to date"
        return
    yield f"{'step':<50} {'time':>8} {'memory':>8} {'cores':>6}"
    for step in found.steps:
        cost = step.node.cost
        label = f"{step.node.id}{_remark(step)}"
        yield f"{label:<50} {duration(step.seconds):>8} {cost.memory / 1e9:>5.1f} GB {cost.cores:>6}"
    seconds = sum(step.seconds for step in found.steps)
    memory = max(step.node.cost.memory for step in found.steps)
    done = f"; {counted(found.current, 'step is', 'steps are')} up to date" if found.current else ""
    steps = counted(len(found.steps), "step")
    yield f"{steps}, about {duration(seconds)} one after the other, at most {memory / 1e9:.1f} GB{done}"


def _remark(step: Step) -> str:
    """How many of a shared step have to be made, or that it depends on the ranking."""
    if len(step.node.items) > 1:
        return f" ({counted(step.stale, 'sequence')})"
    condition = step.node.condition
    return f" (if among the best {condition.first})" if condition and condition.chance < 1 else ""
