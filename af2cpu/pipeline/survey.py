# SPDX-License-Identifier: Apache-2.0
"""What a run would do: the graph against what is on the disk, without making anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from af2cpu.pipeline.graph import Graph, Item, Node, Output, total_cost
from af2cpu.pipeline.resolve import Receipts, holds, work_of
from af2cpu.pipeline.stages import STAGES
from af2cpu.workspace import Receipt, look


@dataclass(frozen=True)
class Step:
    """A node of which something has to be made."""

    node: Node
    stale: int  # artefacts to make
    seconds: float  # estimated for these alone, at the most; of a conditional step by its chance
    saved: float  # of these, at the most


@dataclass(frozen=True)
class Survey:
    """What a run would do."""

    steps: tuple[Step, ...]  # in order
    current: int  # nodes of which nothing has to be made


def survey(graph: Graph) -> Survey:
    """The steps that a run of the graph would take now; none where everything is up to date.

    An artefact that is made from one that has to be made has to be made too, as far as can be told before.
    """
    receipts: Receipts = {}
    steps: list[Step] = []
    for node in graph.nodes:
        if not _may_run(node, receipts):
            continue
        found = tuple(_look(node, item, receipts) for item in node.items)
        receipts[node.id] = found
        stale = found.count({})
        if stale:
            cost, share = total_cost([node]), stale / len(node.items)
            steps.append(Step(node, stale, cost.seconds * share, cost.saved * share))
    return Survey(tuple(steps), len(receipts) - len(steps))


def _may_run(node: Node, receipts: Receipts) -> bool:
    """Whether the condition of a node holds, or can't be told yet."""
    after = node.condition and node.condition.after
    if after and after.node in receipts and not receipts[after.node][after.item]:
        return True
    return holds(node.condition, receipts)


def _look(node: Node, item: Item, receipts: Receipts) -> Mapping[str, Receipt[Any]]:
    """The receipts of an item's proteins; none if it has to be made."""
    values = (value for values in item.inputs.values() for value in values)
    outputs = [value for value in values if isinstance(value, Output) and value.node in receipts]
    if any(not receipts[output.node][output.item] for output in outputs):
        return {}
    receipt = look(STAGES[node.stage], work_of(item, receipts))
    if receipt is None:
        return {}
    return {target: replace(receipt, path=place) for target, place in item.places.items()}  # as a run leaves them
