"""The plan of a run as text: what each target costs, and the steps that would be taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from af2cpu.pipeline.graph import Graph
from af2cpu.pipeline.survey import Step
from af2cpu.plan.jobs import Job
from af2cpu.plan.models import prediction_cost, predictions_of
from af2cpu.plan.run import Plan

_UNITS = ((86_400, "days"), (3600, "h"), (60, "min"), (1, "s"))


def duration(seconds: float) -> str:
    """Such as 12 s, 3 min, 2 days; at least two of a unit."""
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= 2 * size), _UNITS[-1])
    return f"{seconds / size:.0f} {unit}"


def target_line(plan: Plan, job: Job, graph: Graph) -> str:
    """What the network and the relaxation of one target take at the most: full MSA and templates."""
    costs = [
        prediction_cost(model, job.query.n_res, plan.settings, plan.machine.choice)
        for model, _ in predictions_of(plan.models, plan.settings)
    ]
    network = sum(cost.flops for cost in costs) / plan.machine.pass_rate
    nodes = [node for node in graph.of_target(job.name) if node.condition]
    relaxation = sum(node.cost.seconds * (node.condition.chance if node.condition else 1.0) for node in nodes)
    relaxed = f", {duration(relaxation)} for the relaxation" if relaxation else ""
    return (
        f"{job.name}: {job.query.n_res} residues, {sum(cost.passes for cost in costs)} passes: about "
        f"{duration(network)} and {max(cost.peak_bytes for cost in costs) / 1e9:.1f} GB for the network at full MSA"
        f"{relaxed}; search not counted"
    )


def steps_lines(steps: Sequence[Step], graph: Graph) -> Iterator[str]:
    """The steps of a dry run, one line each, and their sum; fits 80 columns but for long names."""
    if not steps:
        yield f"nothing to do: all {len(graph.nodes)} steps are up to date"
        return
    yield f"{'step':<50} {'time':>8} {'memory':>8} {'cores':>6}"
    for step in steps:
        cost, name = step.node.cost, step.node.id
        sequences = f" ({step.stale} sequences)" if len(step.node.items) > 1 else ""
        maybe = " (if it ranks first)" if step.node.condition and step.node.condition.chance < 1 else ""
        label = f"{name}{sequences}{maybe}"
        yield f"{label:<50} {duration(step.seconds):>8} {cost.memory / 1e9:>5.1f} GB {cost.cores:>6}"
    seconds, memory = sum(step.seconds for step in steps), max(step.node.cost.memory for step in steps)
    rest = len(graph.nodes) - len(steps)
    done = f"; {rest} steps are up to date" if rest else ""
    yield f"{len(steps)} steps, about {duration(seconds)} one after the other, at most {memory / 1e9:.1f} GB{done}"
