# SPDX-License-Identifier: Apache-2.0
"""Hosts, their worker processes and the tasks of these, as the admission sees them."""

from __future__ import annotations

from dataclasses import dataclass, field

from af2cpu.pipeline.graph import Cost, Node

PROCESS_BYTES = 280e6  # of a worker that does nothing: the interpreter and its libraries


@dataclass(frozen=True)
class Worker:
    """A worker process as the admission sees it; it runs one task at a time."""

    name: str
    host: str
    cores: int
    predicts: bool  # whether it runs the network


@dataclass(frozen=True)
class Task:
    """Nodes that one worker makes one after the other; each needs only what is made and those before it."""

    nodes: tuple[Node, ...]
    worker: Worker
    cores: int
    release: bool = False  # no nodes: the worker lets go of the network that it keeps

    @property
    def seconds(self) -> float:
        """Estimated, on so many cores."""
        return sum(seconds_on(node.cost, self.cores) for node in self.nodes)


def seconds_on(cost: Cost, cores: int) -> float:
    """The seconds of a node on a worker with fewer cores than it was estimated for."""
    return cost.seconds * cost.cores / min(cost.cores, cores)


@dataclass
class WorkerState:
    """What a worker does and keeps in memory now."""

    plan: Worker
    task: Task | None = None
    network: str = ""  # that it has loaded
    kept: float = 0.0  # bytes of it

    def needs(self, node: Node) -> float:
        """Bytes of the worker while it makes a node."""
        if node.network:  # its peak has the network in it; another one is freed before
            return max(node.cost.memory, PROCESS_BYTES)
        return PROCESS_BYTES + self.kept + node.cost.memory

    @property
    def charge(self) -> float:
        """Predicted memory of the worker now, bytes."""
        if self.task is None or not self.task.nodes:
            return PROCESS_BYTES + self.kept
        return max(self.needs(node) for node in self.task.nodes)


@dataclass
class Host:
    """The workers and the memory of a host."""

    memory: float  # bytes that the run may take
    used: float = 0.0  # bytes, as predicted
    idle: dict[str, WorkerState] = field(default_factory=dict)
    workers: int = 0
    running: int = 0
    alone: bool = False  # a task runs there that gets the whole host
    dirty: bool = True  # something changed since no start was found
