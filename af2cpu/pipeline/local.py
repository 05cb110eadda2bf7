# SPDX-License-Identifier: Apache-2.0
"""The local runner: walks a graph in this process, node by node.

A protein's failure is its own: what depends on it is left out, everything else goes on.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from af2cpu.pipeline.graph import Graph, Node
from af2cpu.pipeline.results import Recorder, Results, lock_targets, make_items, make_shared
from af2cpu.workspace import TargetLocks


def run_graph(graph: Graph, folders: Mapping[str, Path], *, wait: bool = False) -> Results:
    """Makes everything of a graph that is not current. `folders`: of each protein, locked until the end.

    wait: for other runs that are at work on a protein, which fails otherwise.

    Raises DatabaseError for a database that can't be searched, InputError and OSError for one that can't be counted;
    failures of single proteins are in the results.
    """
    results = Results()
    nodes = make_shared(graph, results)
    recorder = Recorder(graph, folders, results)
    with TargetLocks() as locks:
        lock_targets(folders, locks, results, wait=wait)
        for node in nodes:
            _run_node(node, recorder)
            recorder.passed(node)
    return results


def _run_node(node: Node, recorder: Recorder) -> None:
    """Runs the items that proteins without a failure need."""
    items = recorder.results.needed(node)
    if not items:
        return
    start = time.perf_counter()
    made = make_items(node, items, recorder.results.receipts)
    recorder.record(node, items, made, time.perf_counter() - start)
