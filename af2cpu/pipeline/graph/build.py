# SPDX-License-Identifier: Apache-2.0
"""From the plan of a run to its graph: one pure function, `build_graph`."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence

from af2cpu.collector import collector_paused
from af2cpu.pipeline.graph.folding import FoldingNodes
from af2cpu.pipeline.graph.nodes import Graph, Node
from af2cpu.pipeline.graph.search import SearchNodes
from af2cpu.pipeline.stages.msa import PASS_QUERIES
from af2cpu.plan.jobs import Job
from af2cpu.plan.plan import Plan


def build_graph(plan: Plan) -> Graph:
    """Everything that the jobs of a plan need, sequences that share a pass over the databases together.

    The nodes of such a group of sequences and the jobs that it completes come before those of the next, so that results
    come early.
    """
    with collector_paused():
        graph = Graph(tuple(_nodes(plan)))
        # The graph of 10,000 proteins has millions of objects and no cycles; walking them took 11 of 15 s. They are
        # left alone afterwards, too.
        gc.freeze()
    return graph


def _nodes(plan: Plan) -> Iterator[Node]:
    searches, folding = SearchNodes(plan), FoldingNodes(plan)
    yield from searches.databases()
    for sequences, jobs in _groups(plan.jobs):
        yield from searches.of_group(sequences)
        for job in jobs:
            inputs = searches.inputs_of(job)
            yield from inputs.nodes
            if plan.models:
                yield from folding.of_job(job, inputs)


def _groups(jobs: Sequence[Job]) -> Iterator[tuple[list[str], list[Job]]]:
    """Distinct sequences in the order of the jobs, at most PASS_QUERIES at a time, each with the jobs in order whose
    last sequence is among them."""
    sequences = list(dict.fromkeys(entity.query.sequence for job in jobs for entity in job.entities))
    numbers = {sequence: number // PASS_QUERIES for number, sequence in enumerate(sequences)}
    complete: dict[int, list[Job]] = {}
    for job in jobs:
        complete.setdefault(max(numbers[entity.query.sequence] for entity in job.entities), []).append(job)
    for group, start in enumerate(range(0, len(sequences), PASS_QUERIES)):
        yield sequences[start : start + PASS_QUERIES], complete.get(group, [])
