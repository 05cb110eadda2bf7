"""The graph of a run as plain data: what is to be made, from what, at which cost. It holds no functions.

Whoever runs it (the local runner, a cluster), prints it or sums its costs reads the same graph; a node names its stage
(`pipeline.stages.STAGES`). Nodes are in an order in which they can be made one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
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
    path: Path | None = None  # the artefact; None for a stage that leaves no file
    inputs: Mapping[str, tuple[Output | Path, ...]] = field(default_factory=dict)  # paths: files that the user gave
    copies: tuple[Path, ...] = ()  # other places for the same artefact
    targets: tuple[str, ...] = ()  # proteins that need it


@dataclass(frozen=True)
class Condition:
    """A node runs only if a candidate is among the first of an order that another node makes."""

    order: Output
    candidate: str
    first: int
    candidates: int

    @property
    def chance(self) -> float:
        """The share of candidates for which it holds."""
        return min(self.first / self.candidates, 1.0)


@dataclass(frozen=True)
class Cost:
    """What a node takes, estimated."""

    seconds: float = 0.0
    memory: float = 0.0  # bytes at the peak
    cores: int = 1


@dataclass(frozen=True)
class Node:
    """Artefacts of one stage that are made together."""

    id: str  # unique in the graph, such as trp_cage/prediction/model_1_ptm_pred_0
    stage: str
    items: tuple[Item, ...]
    cost: Cost = Cost()
    condition: Condition | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        """Proteins that need any of it, in order."""
        return tuple(dict.fromkeys(target for item in self.items for target in item.targets))

    def needs(self) -> Iterator[str]:
        """Nodes that must come before it."""
        inputs = (value for item in self.items for values in item.inputs.values() for value in values)
        yield from dict.fromkeys(value.node for value in inputs if isinstance(value, Output))
        if self.condition:
            yield self.condition.order.node


@dataclass(frozen=True)
class Graph:
    """All nodes of a run, each after those that it needs."""

    nodes: tuple[Node, ...]

    def of_target(self, name: str) -> list[Node]:
        """The nodes that a protein needs, shared searches among them."""
        return self._by_target.get(name, [])

    @cached_property
    def _by_target(self) -> dict[str, list[Node]]:
        found: dict[str, list[Node]] = {}
        for node in self.nodes:
            for target in node.targets:
                found.setdefault(target, []).append(node)
        return found

    def seconds(self) -> float:
        """Estimated time of all nodes one after the other; a condition counts by its chance."""
        return sum(node.cost.seconds * (node.condition.chance if node.condition else 1.0) for node in self.nodes)

    def memory(self) -> float:
        """Estimated peak memory of any node, bytes."""
        return max((node.cost.memory for node in self.nodes), default=0.0)
