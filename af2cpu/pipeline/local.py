"""The local runner: walks a graph in this process, node by node.

A protein's failure is its own: what depends on it is left out, everything else goes on.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from af2cpu import events
from af2cpu.errors import InputError, in_words, is_foreseen
from af2cpu.failures import forget_failure, record_failure
from af2cpu.pipeline.graph import Graph, Item, Node
from af2cpu.pipeline.resolve import Receipts, holds, needed_items, obtain_items
from af2cpu.run_records import Failure
from af2cpu.workspace import Obtained, Receipt, TargetLocks
from af2cpu.workspace.lock import sweep


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


def run_graph(graph: Graph, folders: Mapping[str, Path]) -> Results:
    """Makes everything of a graph that is not current. `folders`: of each protein, locked until the end.

    Raises DatabaseError for a database that can't be searched, InputError and OSError for one that can't be counted;
    failures of single proteins are in the results.
    """
    results = Results()
    shared, rest = _split(graph)
    last = {target: nodes[-1] for target, nodes in graph.by_target().items()}
    for node in shared:
        made = obtain_items(node, node.items, results.receipts)
        _raise_first(made)
        results.receipts[node.id] = tuple(one.receipts for one in made)
    with TargetLocks() as locks:
        for target, folder in folders.items():
            _lock(target, folder, locks, results)
        for node in rest:
            _run_node(node, folders, results)
            _tell_complete(node, last, results)
    return results


def _split(graph: Graph) -> tuple[list[Node], list[Node]]:
    """The databases, which are no protein's and come first: a broken one ends the run before any folder is made."""
    count = next((k for k, node in enumerate(graph.nodes) if _files(node)), len(graph.nodes))
    return list(graph.nodes[:count]), list(graph.nodes[count:])


def _files(node: Node) -> list[Path]:
    return [place for item in node.items for place in item.places.values() if place is not None]


def _raise_first(made: Sequence[Obtained[Any]]) -> None:
    for one in made:
        for error in one.errors.values():
            raise error


def _tell_complete(node: Node, last: Mapping[str, Node], results: Results) -> None:
    """An event for each protein whose last node this was."""
    for target in node.targets:
        if last[target] is node and target not in results.failures:
            events.emit("done", "all files written", target=target)


def _lock(target: str, folder: Path, locks: TargetLocks, results: Results) -> None:
    """Keeps other runs off a protein's folder and clears the leftovers of dead ones; that of a living run fails."""
    try:
        locks.take(folder)
        sweep(folder)
        forget_failure(folder)
    except (InputError, OSError) as error:
        results.failures[target] = Failure("lock", in_words(error))
        events.emit("failed", f"failed: {target}: {in_words(error)}", target="")  # the folder's log is not ours


def _run_node(node: Node, folders: Mapping[str, Path], results: Results) -> None:
    """Runs the items that proteins without a failure need."""
    items = needed_items(node, results.failures)
    if not items or not holds(node.condition, results.receipts):
        return
    start = time.perf_counter()
    targets = list(dict.fromkeys(target for item in items for target in item.targets))
    with events.about(targets[0] if len(targets) == 1 else "", node.stage):
        obtained = obtain_items(node, items, results.receipts)
    made: dict[str, Mapping[str, Receipt[Any]]] = {}
    for item, one in zip(items, obtained, strict=True):
        made |= dict.fromkeys(item.targets, one.receipts)
        _tell_reused(one)
        for target, error in one.errors.items():
            _fail(node, target, error, folders[target], results)
    results.receipts[node.id] = tuple(_of_item(item, made) for item in node.items)
    for target in targets:
        share = (time.perf_counter() - start) / len(targets)
        results.seconds[target] = results.seconds.get(target, 0.0) + share


def _of_item(item: Item, made: Mapping[str, Mapping[str, Receipt[Any]]]) -> Mapping[str, Receipt[Any]]:
    """The receipts of an item's proteins; none if all of them had failed before."""
    return next((made[target] for target in item.targets if target in made), {})


def _tell_reused(obtained: Obtained[Any]) -> None:
    for target, receipt in obtained.receipts.items():
        if receipt.reused and receipt.path is not None:
            events.emit("reused", f"{receipt.path.name}: up to date", target=target)


def _fail(node: Node, target: str, error: Exception, folder: Path, results: Results) -> None:
    """Records a protein's failure, with the traceback if the exception was unexpected."""
    failure = Failure(node.stage, in_words(error))
    results.failures[target] = failure
    events.emit("failed", f"failed: {failure.message}", target=target)
    record_failure(folder, failure, "" if is_foreseen(error) else "".join(traceback.format_exception(error)))
