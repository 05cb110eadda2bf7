"""From the plan of a run to its graph: one pure function, `build_graph`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from af2cpu.pipeline.graph.folding import folding_nodes
from af2cpu.pipeline.graph.nodes import Graph, Node
from af2cpu.pipeline.graph.search import SearchNodes
from af2cpu.pipeline.stages.msa import PASS_QUERIES
from af2cpu.plan.jobs import Job
from af2cpu.plan.run import Plan


def build_graph(plan: Plan) -> Graph:
    """Everything that the jobs of a plan need, sequences that share a pass over the databases together.

    The nodes of such a group of jobs are complete before those of the next, so that results come early.
    """
    return Graph(tuple(_nodes(plan)))


def _nodes(plan: Plan) -> Iterator[Node]:
    searches = SearchNodes(plan)
    yield from searches.databases()
    for group in _groups(plan.jobs):
        yield from searches.of_group(group)
        for job in group:
            inputs = searches.inputs_of(job)
            yield from inputs.nodes
            if plan.models:
                yield from folding_nodes(plan, job, inputs)


def _groups(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    """Jobs in order, in groups of at most PASS_QUERIES distinct sequences; equal sequences stay together."""
    by_sequence: dict[str, list[Job]] = {}
    for job in jobs:
        by_sequence.setdefault(job.query.sequence, []).append(job)
    distinct = list(by_sequence.values())
    for start in range(0, len(distinct), PASS_QUERIES):
        chosen = {job.name for same in distinct[start : start + PASS_QUERIES] for job in same}
        yield [job for job in jobs if job.name in chosen]
