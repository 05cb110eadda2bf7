# SPDX-License-Identifier: Apache-2.0
"""What a run has made so far, and what is recorded and told of it. All runners share it."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from af2cpu import events, stopping
from af2cpu.errors import InputError, in_words, is_foreseen, is_lack_of_memory
from af2cpu.formats.streams import HIDDEN, sweep_abandoned
from af2cpu.pipeline.graph import Graph, Item, Node, UntilScore, targets_of
from af2cpu.pipeline.resolve import Receipts, holds, needed_items, obtain_items
from af2cpu.runs.failures import forget_failure, record_failure
from af2cpu.runs.records import Failure
from af2cpu.workspace import Obtained, Receipt, TargetLocks
from af2cpu.workspace.lock import sweep


@dataclass(frozen=True)
class Fault:
    """Why an artefact could not be made; plain data, which can come from another process."""

    message: str  # one line
    trace: str = ""  # of an unexpected exception
    memory: bool = False  # memory did not suffice


@dataclass(frozen=True)
class Made:
    """The outcome of an item for each protein: a receipt or a fault."""

    receipts: Mapping[str, Receipt[Any]]
    faults: Mapping[str, Fault] = field(default_factory=dict)


def fault_of(error: BaseException) -> Fault:
    """An exception as it is told and recorded. One that a signal has caused ends the run."""
    stopping.check()
    trace = "" if is_foreseen(error) else "".join(traceback.format_exception(error))
    return Fault(in_words(error), trace, is_lack_of_memory(error))


def make_items(node: Node, items: Sequence[Item], receipts: Receipts) -> list[Made]:
    """Has the artefacts of a node's items made, unless they are current; its events name them. Raises DatabaseError."""
    stopping.check()
    targets = targets_of(items)
    with events.about(targets[0] if len(targets) == 1 else "", node.stage):
        events.emit("started", node.id)
        return [_made(one) for one in obtain_items(node, items, receipts)]


def _made(obtained: Obtained[Any]) -> Made:
    return Made(obtained.receipts, {target: fault_of(error) for target, error in obtained.errors.items()})


@dataclass
class Results:
    """What a walk has made so far; the walk's own, not handed from stage to stage."""

    receipts: Receipts = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)  # by protein
    seconds: dict[str, float] = field(default_factory=dict)  # by protein; of a shared node its share

    def of_target(self, target: str, nodes: Sequence[Node]) -> list[Receipt[Any]]:
        """The receipts that a protein has from these nodes."""
        every = (made for node in nodes for made in self.receipts.get(node.id, ()))
        return [made[target] for made in every if target in made]

    def needed(self, node: Node) -> list[Item]:
        """The items of a node that still have to be obtained: none if its condition does not hold."""
        items = needed_items(node, self.failures)
        return items if items and holds(node.condition, self.receipts) else []


def make_shared(graph: Graph, results: Results) -> list[Node]:
    """Runs the nodes that count databases, which belong to no protein, in this process.

    They come first: a broken one ends the run before any folder is made. Returns the other nodes.

    Raises DatabaseError, InputError, OSError.
    """
    count = next((k for k, node in enumerate(graph.nodes) if _files(node)), len(graph.nodes))
    for node in graph.nodes[:count]:
        obtained = obtain_items(node, node.items, results.receipts)
        for error in (error for one in obtained for error in one.errors.values()):
            raise error
        results.receipts[node.id] = tuple(one.receipts for one in obtained)
    return list(graph.nodes[count:])


def _files(node: Node) -> list[Path]:
    return [place for item in node.items for place in item.places.values() if place is not None]


def lock_targets(folders: Mapping[str, Path], locks: TargetLocks, results: Results, *, wait: bool = False) -> None:
    """Keeps other runs off the proteins' folders and clears the leftovers of dead runs.

    The proteins of another living run fail, or with `wait` are waited for: in the order of their folders, so that two
    runs that wait for each other's never block each other.
    """
    for out in {folder.parent for folder in folders.values()}:
        for shared in (out, out / HIDDEN, out / HIDDEN / "runs"):
            sweep_abandoned(shared)
    for target, folder in sorted(folders.items(), key=lambda one: str(one[1])) if wait else folders.items():
        try:
            locks.take(folder, wait=wait, waiting=partial(_tell_waiting, folder))
            sweep(folder)
        except (InputError, OSError) as error:
            results.failures[target] = Failure("lock", in_words(error))
            events.emit("failed", f"failed: {target}: {in_words(error)}", target="")  # the folder's log is not ours


def _tell_waiting(folder: Path, reason: str) -> None:
    events.emit("line", f"{folder}: {reason}", target="")


class Recorder:
    """Takes what becomes of the nodes of a graph into the results, and tells and records it."""

    def __init__(self, graph: Graph, folders: Mapping[str, Path], results: Results) -> None:
        self.results = results
        self._folders = folders
        self._last = {target: nodes[-1] for target, nodes in graph.by_target().items()}

    def record(self, node: Node, items: Sequence[Item], made: Sequence[Made], seconds: float) -> None:
        """The items of a node were obtained, or have failed, in so many seconds."""
        found: dict[int, Mapping[str, Receipt[Any]]] = {}  # by task: it tells the items of a node apart
        for item, one in zip(items, made, strict=True):
            found[id(item.task)] = one.receipts
            _tell_reused(one)
            for target, fault in one.faults.items():
                self.failed(node, target, fault)
        # None of an item whose proteins had all failed before.
        self.results.receipts[node.id] = tuple(found.get(id(item.task), {}) for item in node.items)
        targets = targets_of(items)
        new = sum(not receipt.reused for one in made for receipt in one.receipts.values())
        only = targets[0] if len(targets) == 1 else ""
        events.emit("finished", node.id, target=only, stage=node.stage, seconds=seconds, made=new)
        for target in targets:
            self.results.seconds[target] = self.results.seconds.get(target, 0.0) + seconds / len(targets)

    def failed(self, node: Node, target: str, fault: Fault) -> None:
        """A protein's failure, recorded in its folder."""
        failure = Failure(node.stage, fault.message)
        self.results.failures[target] = failure
        events.emit("failed", f"failed: {failure.message}", target=target, stage=node.stage)
        record_failure(self._folders[target], failure, fault.trace)

    def passed(self, node: Node) -> None:
        """A node is done or left out: an event for each protein whose last node this was."""
        if isinstance(node.condition, UntilScore) and node.id not in self.results.receipts:
            self._tell_last(node.condition)
        for target in node.targets:
            if self._last[target] is node and target not in self.results.failures:
                forget_failure(self._folders[target])  # not before: a killed run leaves what --retry-failed needs
                events.emit("done", "all files written", target=target)

    def _tell_last(self, condition: UntilScore) -> None:
        """A prediction was good enough, if the one before the node that is left out was made."""
        for made in self.results.receipts.get(condition.after.node, ()):
            for target, receipt in made.items():
                confidence = receipt.done.confidence
                text = f"{confidence.who.name} scores {confidence.out_of_100:.1f}: no further predictions are needed"
                if target not in self.results.failures:
                    events.emit("note" if receipt.reused else "line", text, target=target)


def _tell_reused(made: Made) -> None:
    for target, receipt in made.receipts.items():
        if receipt.reused and receipt.path is not None:
            events.emit("reused", f"{receipt.path.name}: up to date", target=target)
