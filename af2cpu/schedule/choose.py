# SPDX-License-Identifier: Apache-2.0
"""Which runner a plan gets: this process, worker processes on this machine, or a cluster."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from functools import partial

from af2cpu import events
from af2cpu.cores import usable_cores
from af2cpu.pipeline.graph import AmongBest, Graph, Node
from af2cpu.pipeline.local import run_graph
from af2cpu.pipeline.run import Runner
from af2cpu.pipeline.survey import survey
from af2cpu.plan.plan import Plan
from af2cpu.schedule.admission.admission import Admission
from af2cpu.schedule.admission.hosts import Task, Worker, seconds_on
from af2cpu.schedule.cluster import batch_jobs, batch_system, local_cluster, running_scheduler
from af2cpu.schedule.connection import security_of
from af2cpu.schedule.runner import run_on_cluster
from af2cpu.schedule.workers.open_files import check_files, lacks_files
from af2cpu.schedule.workers.plan import WorkerPlan, helper_share, plan_workers

# Seconds that worker processes take to start, more than one process does: 0.5 measured, with PyTorch. The rest is
# headroom, because the costs of short targets are estimated several times too high.
_STARTUP = 3.0
_OVERHEAD = 0.05  # seconds of a task besides its work
_LOADED_PER_SECOND = 3e8  # bytes of a network in memory: reading and packing it
_WORTH = 0.9  # of the time in this process that workers may take
# A prediction on fewer cores takes less time of cores: parts of it (drawing rows, loading) run in one thread. Measured:
# with two threads, 60 to 120 residues, one process kept 1.65 of 2 cores busy.
_FEWER_CORES = 0.85
_LOOKED_AT = 200  # targets; of more nothing is looked up before: workers pay


def runner_for(plan: Plan, graph: Graph, *, auto: bool = True) -> Runner:
    """The runner that a plan's settings ask for.

    auto: whether worker processes are started without being asked for, where that is estimated to be faster.

    Raises InputError for settings that don't go together.
    """
    settings = plan.settings
    in_process = partial(run_graph, wait=settings.wait)
    system = batch_system(settings)
    security_of(settings)
    cluster = partial(run_on_cluster, level=plan.machine.choice.isa if plan.models else None, wait=settings.wait)
    if system:
        return partial(cluster, connect=partial(batch_jobs, settings))
    if settings.scheduler:
        return partial(cluster, connect=partial(running_scheduler, settings.scheduler, settings))
    if settings.workers == 1 or (settings.workers is None and (not auto or len(plan.jobs) < 2)):
        return in_process
    workers = local_workers(plan, graph)
    if settings.workers is not None:
        check_files(len(workers), f"--workers {settings.workers}")
    elif len(workers) < 2 or not pays(plan, graph, workers):
        return in_process
    elif reason := lacks_files(len(workers)):
        events.emit("line", f"no worker processes: {reason}")
        return in_process
    connect = partial(local_cluster, workers, plan.machine.memory, settings, predicts=bool(plan.models))
    return partial(cluster, connect=connect)


def local_workers(plan: Plan, graph: Graph) -> tuple[WorkerPlan, ...]:
    """The worker processes of this machine for a plan. Raises InputError if it has too few cores for them."""
    settings = plan.settings
    return plan_workers(
        usable_cores(settings.threads),
        workers=settings.workers,
        cores_per_fold=settings.cores_per_fold,
        share=share_of_helpers(graph.nodes, settings.relax_threads),
        helper_cores=settings.relax_threads,
    )


def share_of_helpers(nodes: Sequence[Node], helper_cores: int) -> float:
    """The share of a large host's cores for helpers of so many cores, which make what needs no more."""
    narrow, total = 0.0, 0.0
    for node in (node for node in nodes if not node.here):
        seconds = node.chance * node.cost.seconds * node.cost.cores
        total += seconds
        narrow += seconds if not node.network and node.cost.cores <= helper_cores else 0.0
    return helper_share(narrow, total)


def pays(plan: Plan, graph: Graph, workers: Sequence[WorkerPlan]) -> bool:
    """Whether worker processes are estimated to be faster than this process, their start included.

    Only what is not up to date counts.
    """
    if len(plan.jobs) > _LOOKED_AT:
        return True
    stale = {step.node.id: step for step in survey(graph).steps}
    nodes = [node for node in graph.nodes if node.id in stale]
    room = plan.machine.memory
    if any(node.cost.memory > room * 0.9 for node in nodes):
        return False  # beside other processes it would not fit
    alone = sum(step.seconds for step in stale.values()) + _loads(nodes)
    return _STARTUP + makespan(nodes, workers, room) < _WORTH * alone


def _loads(nodes: Sequence[Node]) -> float:
    """Seconds of loading networks one after the other, as this process does."""
    seconds, held = 0.0, ""
    for node in nodes:
        if node.network and node.network != held:
            seconds, held = seconds + node.cost.kept / _LOADED_PER_SECOND, node.network
    return seconds


def makespan(nodes: Sequence[Node], workers: Sequence[WorkerPlan], memory: float) -> float:
    """Estimated seconds of some nodes on the workers of one host; what they need besides is made."""
    known = {node.id for node in nodes}
    chosen: Counter[str] = Counter()

    def wanted(node: Node) -> bool:
        """Where a ranking decides, the first candidates are counted in place of the best ones. No prediction is assumed
        to be so good that it is the last one."""
        if not isinstance(node.condition, AmongBest):
            return True
        chosen[node.condition.after.node] += 1
        return chosen[node.condition.after.node] <= node.condition.first

    made = {need for node in nodes for need in node.needs()} - known
    admission = Admission(nodes, wanted=wanted, made=made)
    for worker in workers:
        admission.add_worker(Worker(worker.name, "", worker.cores, worker.predicts), memory)
    held: dict[str, str] = {}
    ends: list[tuple[float, int, Task | Node]] = []
    now, count, asking = 0.0, 0, 0.0  # asking: when the run's own process has made its nodes so far
    while True:
        for node in admission.starts_here():
            count, asking = count + 1, max(asking, now) + node.cost.seconds
            heapq.heappush(ends, (asking, count, node))
        for task in admission.starts(now):
            count += 1
            heapq.heappush(ends, (now + _OVERHEAD + _seconds(task) + _load(task, held), count, task))
        if not ends:
            return now
        now, _, ended = heapq.heappop(ends)
        if isinstance(ended, Node):
            admission.finished_here(ended)
        else:
            admission.finished(ended)


def _seconds(task: Task) -> float:
    return sum(
        seconds_on(node.cost, task.cores) * (_FEWER_CORES if node.network and task.cores < node.cost.cores else 1.0)
        for node in task.nodes
    )


def _load(task: Task, held: dict[str, str]) -> float:
    """Seconds of loading the networks that a worker does not have."""
    seconds = 0.0
    for node in task.nodes:
        if node.network and held.get(task.worker.name) != node.network:
            held[task.worker.name] = node.network
            seconds += node.cost.kept / _LOADED_PER_SECOND
    return seconds
