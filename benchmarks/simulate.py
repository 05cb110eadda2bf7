# SPDX-License-Identifier: Apache-2.0
"""A large batch on many nodes, simulated: the real graph and the real admission, with drawn times in place of the work.

    python benchmarks/simulate.py [--targets 10000] [--nodes 1 8 64] [--cores 64] [--memory 256] [--seed 0]

Lengths are drawn (log-normal, median 300 residues, 30 to 2,000). A node of the graph takes the seconds of the cost
model times a random factor (log-normal, 30 %). The makespan is compared with its lower bound: all core-seconds spread
over all cores, or the longest chain of one target if that is longer. Predicted memory of each host is watched.
"""

from __future__ import annotations

import argparse
import heapq
import resource
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from machine import describe, write_result

from af2cpu.cores import Core
from af2cpu.pipeline.graph import AmongBest, Node, build_graph
from af2cpu.plan.jobs import Job
from af2cpu.plan.machine import EngineChoice, Machine
from af2cpu.plan.models import models_without_parameters
from af2cpu.plan.plan import Plan
from af2cpu.records import Query
from af2cpu.schedule.admission.admission import Admission
from af2cpu.schedule.admission.hosts import Task, Worker, seconds_on
from af2cpu.schedule.choose import share_of_helpers
from af2cpu.schedule.workers.plan import WorkerPlan, plan_workers
from af2cpu.search.databases import Database, DatabaseSet
from af2cpu.settings import RunSettings

_RATE = 2e11  # operations per second of a core in bf16
_RESIDUES = {"uniref90": 5.4e10, "small_bfd": 1.7e10, "mgnify": 1.2e11}  # of AlphaFold's reduced_dbs, about
_NUMA_NODES = 2  # of each host
_SPREAD = 0.3


@dataclass(frozen=True)
class Outcome:
    """What a simulated run took; seconds and bytes."""

    makespan: float
    bound: float  # the makespan can't be shorter
    bound_by_chain: bool
    peak_memory: float  # of the host with most
    tasks: int
    admission: float  # of this process, for all choices


def plan_of(targets: int, cores: int, memory: float, rng: np.random.Generator) -> Plan:
    """Proteins of drawn lengths, AlphaFold's databases, five ptm models."""
    lengths = np.clip(rng.lognormal(np.log(300), 0.6, targets), 30, 2000).astype(int)
    letters = np.array(list("ACDEFGHIKLMNPQRSTVWY"))
    jobs = []
    for number, n_res in enumerate(lengths):
        query = Query(f"t{number}", "".join(rng.choice(letters, n_res)), "", "drawn")
        jobs.append(Job.of(query, Path("out") / query.name))
    settings = RunSettings()
    databases = DatabaseSet(tuple(Database(name, Path(name), 10_000) for name in _RESIDUES), None, None, None)
    machine = Machine(cores, int(memory), EngineChoice("native", "amx", "bf16", 1 << 28), _RATE * cores)
    residues = {name: int(count) for name, count in _RESIDUES.items()}
    models = models_without_parameters(settings, (job.query for job in jobs))
    return Plan(Path("out"), tuple(jobs), settings, databases, residues, models, machine)


def workers_of_host(cores: int, share: float, helper_cores: int) -> tuple[WorkerPlan, ...]:
    """The worker processes of one host, planned as a run plans them."""
    found = [Core((k,), k * _NUMA_NODES // cores) for k in range(cores)]
    return plan_workers(found, share=share, helper_cores=helper_cores)


class Times:
    """The drawn factors of all nodes, and which relaxations are wanted."""

    def __init__(self, nodes: Sequence[Node], rng: np.random.Generator) -> None:
        self._factors = dict(zip((node.id for node in nodes), rng.lognormal(0.0, _SPREAD, len(nodes)), strict=True))
        self._best: dict[str, int] = {}
        self._rng = rng
        self._seen: dict[str, int] = {}
        self._wanted: dict[str, bool] = {}
        for node in nodes:
            if isinstance(node.condition, AmongBest):
                order = node.condition.after.node
                best = self._best.setdefault(order, int(rng.integers(node.condition.candidates)))
                number = self._seen[order] = self._seen.get(order, -1) + 1
                self._wanted[node.id] = (number - best) % node.condition.candidates < node.condition.first

    def wanted(self, node: Node) -> bool:
        return self._wanted.get(node.id, True)

    def seconds(self, node: Node, cores: int) -> float:
        return float(self._factors[node.id]) * seconds_on(node.cost, cores)

    def core_seconds(self, node: Node) -> float:
        return float(self._factors[node.id]) * node.cost.seconds * node.cost.cores


def lower_bound(nodes: Sequence[Node], times: Times, cores: int, most: int) -> tuple[float, float]:
    """Seconds that no schedule beats: all work on all cores; the longest chain on workers of at most `most` cores."""
    wanted = [node for node in nodes if times.wanted(node)]
    ends: dict[str, float] = {}
    for node in wanted:
        start = max((ends.get(need, 0.0) for need in node.needs()), default=0.0)
        ends[node.id] = start + times.seconds(node, most)
    return sum(times.core_seconds(node) for node in wanted) / cores, max(ends.values())


def simulate(nodes: Sequence[Node], times: Times, hosts: Mapping[str, Sequence[WorkerPlan]], memory: float) -> Outcome:
    """Runs the admission against a clock of its own."""
    start = time.perf_counter()
    databases = {need for node in nodes for need in node.needs() if need.startswith("database:")}
    admission = Admission(nodes, wanted=times.wanted, made=databases)
    for host, workers in hosts.items():
        for one in workers:
            admission.add_worker(Worker(f"{host}-{one.name}", host, one.cores, one.predicts), memory)
    now, count, peak = 0.0, 0, 0.0
    running: list[tuple[float, int, Task]] = []
    while not admission.done:
        for task in admission.starts(now):
            count += 1
            seconds = sum(times.seconds(node, task.cores) for node in task.nodes)
            heapq.heappush(running, (now + seconds, count, task))
        admission.left_out()
        peak = max(peak, *admission.used().values())
        if not running:
            raise RuntimeError(f"nothing runs and {len(admission.misfits())} nodes are too large")
        now, _, task = heapq.heappop(running)
        admission.finished(task)
    chosen = time.perf_counter() - start
    cores = sum(one.cores for workers in hosts.values() for one in workers)
    spread, chain = lower_bound(nodes, times, cores, max(one.cores for ones in hosts.values() for one in ones))
    return Outcome(now, max(spread, chain), chain > spread, peak, count, chosen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", type=int, default=10_000)
    parser.add_argument("--nodes", type=int, nargs="+", default=[64], help="numbers of hosts, one run for each")
    parser.add_argument("--faster-search", type=float, nargs="+", default=[1.0], help="than the cost model has it")
    parser.add_argument("--cores", type=int, default=64, help="of each host")
    parser.add_argument("--memory", type=float, default=256, help="of each host, in GB")
    parser.add_argument("--helper-cores", type=int, default=1, help="of each worker that searches and relaxes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", action="store_true", help="write the result to benchmarks/results")
    args = parser.parse_args()
    rng, memory = np.random.default_rng(args.seed), args.memory * 1e9
    plan = plan_of(args.targets, args.cores, memory, rng)
    start = time.perf_counter()
    graph = build_graph(plan)
    building = time.perf_counter() - start
    nodes = [node for node in graph.nodes if node.stage != "database"]
    print(f"graph: {len(graph.nodes):,} nodes of {args.targets:,} targets in {building:.1f} s")
    figures = {"graph_s": building, "targets": args.targets, "cores": args.cores, "memory_gb": args.memory}
    for factor in args.faster_search:
        faster = [_faster(node, factor) if node.stage == "msa" else node for node in nodes]
        times, share = Times(faster, np.random.default_rng(args.seed)), share_of_helpers(faster, args.helper_cores)
        workers = workers_of_host(args.cores, share, args.helper_cores)
        print(f"searches {factor:g} times as fast; a host: {', '.join(f'{one.name} ({one.cores})' for one in workers)}")
        for count in args.nodes:
            found = simulate(faster, times, {f"node{k}": workers for k in range(count)}, memory)
            _show(count, found, memory)
            figures |= {f"{factor:g}x_search_{count}_nodes_{name}": float(v) for name, v in vars(found).items()}
    if args.record:
        write_result("simulate", {"machine": describe(), "figures": figures})


def _faster(node: Node, factor: float) -> Node:
    return replace(node, cost=replace(node.cost, seconds=node.cost.seconds / factor))


def _show(count: int, found: Outcome, memory: float) -> None:
    """One line; ends the program if the memory of a host was exceeded."""
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{count} nodes: makespan {found.makespan / 3600:.2f} h, {found.makespan / found.bound - 1:.1%} over the "
        f"bound of {found.bound / 3600:.2f} h ({'longest chain' if found.bound_by_chain else 'all cores busy'}); "
        f"peak {found.peak_memory / 1e9:.0f} of {memory / 1e9:.0f} GB on a host; {found.tasks:,} tasks, "
        f"{1e3 * found.admission / found.tasks:.2f} ms of admission each; {resident:.2f} GB in this process"
    )
    if found.peak_memory > memory:
        raise SystemExit("the memory of a host was exceeded")


if __name__ == "__main__":
    main()
