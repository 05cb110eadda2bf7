# SPDX-License-Identifier: Apache-2.0
"""The graph of a run as plain data: what is to be made, from what, at which cost. It holds no functions.

Runners, --dry-run and estimate read the same graph. A node names its stage (`pipeline.stages.STAGES`). Nodes are in an
order in which they can be made one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Output:
    """What an item of a node makes."""

    node: str
    item: int = 0


@dataclass(frozen=True)
class Item:
    """One artefact of a node."""

    task: Any  # frozen record of the stage
    places: Mapping[str, Path | None]  # where it goes, by the protein that needs it; None for a stage without a file
    inputs: Mapping[str, tuple[Output | Path, ...]] = field(default_factory=dict)  # paths: files that the user gave
    after: tuple[Output, ...] = ()  # must be made before, and is no input
    cache: Path | None = None  # a copy for other runs
    same: Output | None = None  # another protein's artefact with the same numbers, reused if it was made

    @property
    def targets(self) -> tuple[str, ...]:
        """Proteins that need it."""
        return tuple(self.places)


def targets_of(items: Iterable[Item]) -> tuple[str, ...]:
    """Proteins that need any of some items, in order."""
    return tuple(dict.fromkeys(target for item in items for target in item.targets))


@dataclass(frozen=True)
class AmongBest:
    """A node runs only if a candidate is among the first of an order that another node makes."""

    after: Output  # the order
    candidate: str
    first: int
    candidates: int

    @property
    def chance(self) -> float:
        """The share of candidates for which it holds."""
        return min(self.first / self.candidates, 1.0)


@dataclass(frozen=True)
class UntilScore:
    """A prediction is made only if the one before it was made and did not get over a score.

    Predictions with such conditions are a chain: none of the chain is made after one that is good enough.
    """

    after: Output  # the prediction before it
    score: float  # 0-100, as records.Confidence.out_of_100

    @property
    def chance(self) -> float:
        """An upper limit: it is not known in advance which prediction is good enough."""
        return 1.0


Condition = AmongBest | UntilScore


@dataclass(frozen=True)
class Cost:
    """Estimated cost of a node."""

    seconds: float = 0.0  # at the most
    memory: float = 0.0  # bytes at the peak
    cores: int = 1
    kept: float = 0.0  # bytes that stay in the memory of the process afterwards: the network that it keeps
    saved: float = 0.0  # seconds of `seconds` that an early end of recycling may save


@dataclass(frozen=True)
class Node:
    """Artefacts of one stage that are made together."""

    id: str  # unique in the graph, such as trp_cage/prediction/model_1_ptm_pred_0
    stage: str
    items: tuple[Item, ...]
    cost: Cost = Cost()
    condition: Condition | None = None
    network: str = ""  # that the node runs; a process keeps it loaded for the next node with the same one
    here: bool = False  # runs in the main process, one at a time: it waits for a server

    @property
    def targets(self) -> tuple[str, ...]:
        """Proteins that need any of it, in order."""
        return targets_of(self.items)

    @property
    def chance(self) -> float:
        """The share of cases in which it runs."""
        return self.condition.chance if self.condition else 1.0

    def is_only_of(self, target: str) -> bool:
        """Whether no other protein needs it; quick also for nodes that thousands of proteins need."""
        return all(len(item.places) == 1 and target in item.places for item in self.items)

    def needs(self) -> Iterator[str]:
        """Nodes that must come before it."""
        inputs = (value for item in self.items for values in (*item.inputs.values(), item.after) for value in values)
        yield from dict.fromkeys(value.node for value in inputs if isinstance(value, Output))
        yield from (item.same.node for item in self.items if item.same)
        if self.condition:
            yield self.condition.after.node


@dataclass(frozen=True)
class Graph:
    """All nodes of a run, each after those that it needs."""

    nodes: tuple[Node, ...]

    def by_target(self) -> dict[str, list[Node]]:
        """The nodes that each protein needs, shared searches among them."""
        found: dict[str, list[Node]] = {}
        for node in self.nodes:
            for target in node.targets:
                found.setdefault(target, []).append(node)
        return found


def total_cost(nodes: Iterable[Node]) -> Cost:
    """Nodes one after the other: their seconds, of which a condition counts its chance; the peak of their memory.

    Saved at the most: what recycling saves by an early end, and the predictions after the first if that is good enough.
    """
    nodes = list(nodes)
    seconds = sum(node.cost.seconds * node.chance for node in nodes)
    saved = sum(
        node.cost.seconds if isinstance(node.condition, UntilScore) else node.cost.saved * node.chance for node in nodes
    )
    return Cost(seconds, max((node.cost.memory for node in nodes), default=0.0), saved=saved)
