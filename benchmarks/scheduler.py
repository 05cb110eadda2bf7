# SPDX-License-Identifier: Apache-2.0
"""What scheduling costs: the graph of a batch on real worker processes of Dask, with tasks that make nothing.

    python benchmarks/scheduler.py [--tasks 2000] [--workers 2]

All else is as in a run: admission, orders and reports between processes, locks, events, records of what is done.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from machine import describe, write_result
from simulate import plan_of

from af2cpu import events
from af2cpu.cores import usable_cores
from af2cpu.events import Event
from af2cpu.pipeline.graph import Graph, Item, Node, build_graph
from af2cpu.pipeline.results import Made, Results
from af2cpu.schedule import runner
from af2cpu.schedule.cluster import local_cluster
from af2cpu.schedule.workers import tasks
from af2cpu.schedule.workers.plan import plan_workers
from af2cpu.settings import RunSettings
from af2cpu.workspace import Receipt

_TASKS_OF_TARGET = 10.0  # about: two workers make quick steps together with the one before
_MEMORY = 10**12  # bytes; nothing is used


def dask_setup(worker: object) -> None:
    """Called by Dask in each worker process, whose preload this file is: tasks make nothing there."""
    tasks.make_items = _make_nothing


def _make_nothing(node: Node, items: Sequence[Item], receipts: object) -> list[Made]:
    """Receipts of artefacts that do not exist; as an order of candidates, none."""
    done = SimpleNamespace(order=())
    return [Made({target: Receipt(None, "", "", done) for target in item.targets}) for item in items]


def _nothing_shared(graph: Graph, results: Results) -> list[Node]:
    """In place of the databases' indices."""
    nodes = [node for node in graph.nodes if node.stage != "database"]
    results.receipts |= {node.id: ({},) for node in graph.nodes if node.stage == "database"}
    return nodes


def run(graph: Graph, folders: dict[str, Path], workers: int) -> dict[str, Any]:
    """Seconds from the first task to the last, and how many tasks and nodes there were."""
    os.environ["DASK_DISTRIBUTED__WORKER__PRELOAD"] = str(Path(__file__).resolve())
    runner.make_shared = _nothing_shared
    sent: list[float] = []
    send = runner._Run._send

    def counted(self: Any, *arguments: Any) -> None:
        sent.append(time.perf_counter())
        send(self, *arguments)

    runner._Run._send = counted  # type: ignore[method-assign]
    finished: list[Event] = []
    plans = plan_workers(usable_cores(None), workers=workers)
    connect = partial(local_cluster, plans, _MEMORY, RunSettings(), predicts=False)
    cpu = time.process_time()
    with events.listening(lambda event: finished.append(event) if event.kind == "finished" else None):
        results = runner.run_on_cluster(graph, folders, connect)
    seconds = time.perf_counter() - sent[0]
    if results.failures or not finished:
        raise RuntimeError(f"{len(results.failures)} targets have failed")
    used = time.process_time() - cpu
    return {"tasks": len(sent), "nodes": len(finished), "seconds": seconds, "cpu_seconds_of_the_run": used}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=2000, help="about")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--record", action="store_true", help="write the result to benchmarks/results")
    args = parser.parse_args()
    plan = plan_of(round(args.tasks / _TASKS_OF_TARGET), 2, _MEMORY, np.random.default_rng(0))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        figures = run(build_graph(plan), {job.name: job.folder for job in plan.jobs}, args.workers)
        os.chdir("/")
    figures["ms_per_task"] = 1e3 * figures["seconds"] / figures["tasks"]
    print(", ".join(f"{name}: {value:.4g}" for name, value in figures.items()))
    if args.record:
        write_result("scheduler", {"machine": describe("distributed"), "workers": args.workers, "figures": figures})


if __name__ == "__main__":
    main()
