"""The local runner: walks a graph in this process, node by node.

A protein's failure is its own: what depends on it is left out, everything else goes on.
"""

from __future__ import annotations

import itertools
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from af2cpu import events
from af2cpu.errors import DatabaseError, InputError
from af2cpu.failures import forget_failure, record_failure
from af2cpu.pipeline.graph import Graph, Item, Node
from af2cpu.pipeline.resolve import Receipts, holds, works_of
from af2cpu.pipeline.stages import STAGES
from af2cpu.run_records import Failure
from af2cpu.workspace import Receipt, TargetLocks, Work, obtain
from af2cpu.workspace.lock import sweep


@dataclass
class Results:
    """What a walk has made so far; the walk's own, not handed from stage to stage."""

    receipts: Receipts = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)  # by target
    seconds: dict[str, float] = field(default_factory=dict)  # by target, of the nodes that are its alone

    def reused(self, nodes: Sequence[Node]) -> bool:
        """Whether everything that these nodes keep on the disk was there already."""
        found = (receipt for node in nodes for receipt in self.receipts.get(node.id, ()))
        return all(receipt is None or receipt.path is None or receipt.reused for receipt in found)


def run_graph(graph: Graph, folders: Mapping[str, Path]) -> Results:
    """Makes everything of a graph that is not current. `folders`: of each target, locked until the end.

    Raises DatabaseError for a database that can't be searched; failures of single targets are in the results.
    """
    results = Results()
    # Databases come first and are no target's: a broken one ends the run before any folder is made.
    shared = list(itertools.takewhile(_leaves_no_file, graph.nodes))
    for node in shared:
        _run_node(node, folders, results)
    with TargetLocks() as locks:
        for target, folder in folders.items():
            _lock(target, folder, locks, results)
        for node in graph.nodes[len(shared) :]:
            _run_node(node, folders, results)
            _tell_complete(node, graph, results)
    return results


def _tell_complete(node: Node, graph: Graph, results: Results) -> None:
    """An event for each target whose last node this was."""
    for target in node.targets:
        if graph.of_target(target)[-1] is node and target not in results.failures:
            events.emit("done", "all files written", target=target)


def _leaves_no_file(node: Node) -> bool:
    return all(item.path is None for item in node.items)


def _lock(target: str, folder: Path, locks: TargetLocks, results: Results) -> None:
    """Keeps other runs off a target and clears the leftovers of dead ones; a target of a living run fails."""
    try:
        locks.take(folder)
        sweep(folder)
        forget_failure(folder)
    except (InputError, OSError) as error:
        results.failures[target] = Failure("lock", str(error))
        events.emit("failed", f"failed: {error}", target=target)


def _run_node(node: Node, folders: Mapping[str, Path], results: Results) -> None:
    """Runs what of a node is needed by targets that have not failed."""
    items = [item for item in node.items if not all(name in results.failures for name in item.targets)]
    if not items or not holds(node.condition, results.receipts):
        return
    start = time.perf_counter()
    receipts: dict[int, Receipt[Any]] = {}
    for batch in _batches(node, items, folders, results):
        receipts |= batch
    results.receipts[node.id] = tuple(receipts.get(id(item)) for item in node.items)
    if len(node.targets) == 1:
        (target,) = node.targets
        results.seconds[target] = results.seconds.get(target, 0.0) + time.perf_counter() - start


def _batches(
    node: Node, items: Sequence[Item], folders: Mapping[str, Path], results: Results
) -> Iterator[dict[int, Receipt[Any]]]:
    """All items together; where that fails and they are several, one by one, so that a failure is one item's own."""
    try:
        yield _obtain(node, items, results)
    except DatabaseError:
        raise
    except Exception as error:
        if len(items) == 1:
            _fail(node, items[0], error, folders, results)
            return
        for item in items:
            yield from _batches(node, [item], folders, results)


def _obtain(node: Node, items: Sequence[Item], results: Results) -> dict[int, Receipt[Any]]:
    stage = STAGES[node.stage]
    works = works_of(items, results.receipts)
    about = node.targets[0] if len(node.targets) == 1 else ""
    with events.about(about, node.stage):
        receipts = obtain(stage, works, node.cost.cores)
    for work, receipt in zip(works, receipts, strict=True):
        if receipt.reused and receipt.path is not None:
            _tell_reused(work, receipt)
    return {id(item): receipt for item, receipt in zip(items, receipts, strict=True)}


def _tell_reused(work: Work[Any], receipt: Receipt[Any]) -> None:
    for target in work.targets:
        events.emit("reused", f"{receipt.file.name}: up to date", target=target)


def _fail(node: Node, item: Item, error: Exception, folders: Mapping[str, Path], results: Results) -> None:
    """Records the failure of an item for the targets that need it; the traceback of what nobody foresaw too."""
    foreseen = isinstance(error, (InputError, OSError))
    message = str(error) if foreseen else f"{type(error).__name__}: {error}"
    failure = Failure(node.stage, message.splitlines()[0] if message else type(error).__name__)
    trace = "" if foreseen else "".join(traceback.format_exception(error))
    for target in item.targets:
        results.failures[target] = failure
        events.emit("failed", f"failed: {failure.message}", target=target)
        record_failure(folders[target], failure, trace)
