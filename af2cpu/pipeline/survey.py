"""What a run would do: the graph against what is on the disk, without making anything."""

from __future__ import annotations

from dataclasses import dataclass

from af2cpu.pipeline.graph import Graph, Node
from af2cpu.pipeline.resolve import Receipts, holds, works_of
from af2cpu.pipeline.stages import STAGES
from af2cpu.workspace import look


@dataclass(frozen=True)
class Step:
    """A node of which something has to be made."""

    node: Node
    stale: int  # artefacts to make
    seconds: float  # estimated for these alone; of a conditional step by its chance


def survey(graph: Graph) -> list[Step]:
    """The steps that a run of the graph would take now, in order; none where everything is up to date.

    What depends on something that has to be made has to be made too, as far as can be told before.
    """
    receipts: Receipts = {}
    steps: dict[str, Step] = {}
    for node in graph.nodes:
        if any(name in steps for name in node.needs()):
            steps[node.id] = _step(node, len(node.items))
        elif holds(node.condition, receipts):
            found = tuple(look(STAGES[node.stage], work) for work in works_of(node.items, receipts))
            receipts[node.id] = found
            if None in found:
                steps[node.id] = _step(node, found.count(None))
    return list(steps.values())


def _step(node: Node, stale: int) -> Step:
    chance = node.condition.chance if node.condition else 1.0
    return Step(node, stale, chance * node.cost.seconds * stale / len(node.items))
