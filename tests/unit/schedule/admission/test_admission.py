# SPDX-License-Identifier: Apache-2.0
"""Admission in simulated time: memory is never exceeded, the order is sensible, nothing starves or is lost."""

from __future__ import annotations

import heapq
import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from af2cpu.pipeline.graph import AmongBest, Condition, Cost, Item, Node, Output
from af2cpu.schedule.admission.admission import Admission
from af2cpu.schedule.admission.hosts import PROCESS_BYTES, Task, Worker, seconds_on

GB = 1e9


def node(
    name: str,
    stage: str,
    needs: Iterable[str],
    cost: Cost,
    *,
    targets: tuple[str, ...] = (),
    network: str = "",
    condition: Condition | None = None,
) -> Node:
    targets = targets or (name.partition("/")[0],)
    item = Item(None, {target: Path(target) for target in targets}, {"x": tuple(map(Output, needs))})
    return Node(name, stage, (item,), cost, condition, network)


def target(name: str, seconds: float, memory: float = GB, models: int = 2, search: str = "") -> Iterator[Node]:
    """The nodes of one protein: features, predictions, ranking, relaxation of the best, report."""
    yield node(f"{name}/features", "features", [search] if search else [], Cost(1.0, 0.4 * GB))
    who = [f"{name}/prediction/model_{k}" for k in range(models)]
    for k, one in enumerate(who):
        cost = Cost(seconds, memory, 2, 0.2 * GB)
        yield node(one, "prediction", [f"{name}/features"], cost, network=f"model_{k}")
    yield node(f"{name}/ranking", "ranking", who, Cost(0.1, 0.1 * GB))
    for k, one in enumerate(who):
        condition = AmongBest(Output(f"{name}/ranking"), f"model_{k}", 1, models)
        cost = Cost(2.0, 0.5 * GB)
        yield node(f"{name}/relaxation/{k}", "relaxation", [one], cost, condition=condition)
    every = [f"{name}/relaxation/{k}" for k in range(models)]
    yield node(f"{name}/ranked", "ranked", [f"{name}/ranking", *every], Cost(0.1, 0.1 * GB))
    yield node(f"{name}/report", "report", [f"{name}/ranked"], Cost(1.0, 0.3 * GB))


def unless_second(one: Node) -> bool:
    """The best prediction is the first one: only that is relaxed."""
    return not isinstance(one.condition, AmongBest) or one.condition.candidate == "model_0"


@dataclass
class Simulation:
    """Runs a graph in simulated time."""

    admission: Admission
    memory: dict[str, float]
    now: float = 0.0
    order: list[str] = field(default_factory=list)  # nodes as they start
    loads: int = 0
    tasks: int = 0
    seen: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)
    ends: list[tuple[float, int, Task]] = field(default_factory=list)
    finish: dict[str, float] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)

    def step(self) -> bool:
        """Starts everything that can start and goes on to the next end of a task; False at the end."""
        for task in self.admission.starts(self.now):
            self.tasks += 1
            for one in task.nodes:
                assert one.id not in self.seen, f"{one.id} started twice"
                self.seen.add(one.id)
                self.order.append(one.id)
                if one.network and self.held.get(task.worker.name) != one.network:
                    self.held[task.worker.name] = one.network
                    self.loads += 1
            heapq.heappush(self.ends, (self.now + task.seconds, self.tasks, task))
        for host, used in self.admission.used().items():
            assert used <= self.memory[host], f"{host}: {used / GB:.2f} GB at {self.now:.0f} s"
        if not self.ends:
            return False
        self.now, _, task = heapq.heappop(self.ends)
        for one in task.nodes:
            self.finish[one.id] = self.now
        self.admission.finished(task)
        return True

    def to_the_end(self) -> Simulation:
        while self.step():
            pass
        assert self.admission.done
        return self


def simulation(
    nodes: list[Node],
    workers: Iterable[Worker],
    memory: float = 8 * GB,
    wanted: Callable[[Node], bool] = unless_second,
    patience: float = 60.0,
) -> Simulation:
    known = {one.id for one in nodes}
    made = {need for one in nodes for need in one.needs()} - known
    admission = Admission(nodes, wanted=wanted, patience=patience, made=made)
    hosts = {}
    for worker in workers:
        admission.add_worker(worker, memory)
        hosts[worker.host] = memory
    return Simulation(admission, hosts)


TWO = (Worker("a", "host", 1, True), Worker("b", "host", 1, True))
LARGE = (Worker("predict", "host", 8, True), Worker("help-0", "host", 1, False), Worker("help-1", "host", 1, False))


def graph(*lengths: float, **more: float) -> list[Node]:
    return [one for k, seconds in enumerate(lengths) for one in target(f"t{k}", seconds, **more)]  # type: ignore[arg-type]


def test_everything_is_made_once_and_what_is_not_wanted_is_left_out() -> None:
    nodes = graph(5.0, 9.0, 3.0)
    run = simulation(nodes, TWO)
    left_out: list[str] = []
    while run.step():
        left_out += [one.id for one in run.admission.left_out()]
    assert run.admission.done
    assert left_out == [f"{name}/relaxation/1" for name in ("t1", "t0", "t2")] or set(left_out) == {
        f"t{k}/relaxation/1" for k in range(3)
    }
    assert run.seen | set(left_out) == {one.id for one in nodes}
    place = {name: k for k, name in enumerate(run.order)}
    for one in nodes:
        assert all(place[need] < place[one.id] for need in one.needs() if one.id in place and need in place), one.id


@pytest.mark.parametrize("seed", range(6))
def test_memory_is_never_exceeded(seed: int) -> None:
    draw = random.Random(seed)
    nodes = [
        one
        for k in range(40)
        for one in target(f"t{k}", draw.uniform(1, 100), draw.uniform(0.5, 6.0) * GB, models=draw.choice([1, 2, 5]))
    ]
    workers = [Worker(f"{host}{k}", host, 2, k < 4) for host in ("h", "i") for k in range(6)]
    run = simulation(nodes, workers, memory=9 * GB).to_the_end()
    assert run.seen


def features_made(nodes: list[Node]) -> list[Node]:
    """A graph whose features are there: all predictions may start at once."""
    return [one for one in nodes if one.stage != "features"]


@pytest.mark.parametrize("begin", [list, features_made])
def test_long_targets_first_and_no_tail(begin: Callable[[list[Node]], list[Node]]) -> None:
    run = simulation(begin(graph(*[10.0] * 20, 400.0)), TWO).to_the_end()
    predictions = [name for name in run.order if "/prediction/" in name]
    assert predictions[0].startswith("t20/")
    # 400 s for two cores: each prediction takes 800 s on one core, and both run from the start.
    work = sum(2 * seconds_on(Cost(seconds, cores=2), 1) for seconds in (*[10.0] * 20, 400.0))
    assert run.now < 1.1 * (work + 21 * 4.2) / 2


def test_a_network_is_not_loaded_anew_for_each_target() -> None:
    run = simulation(graph(*[10.0] * 16), TWO).to_the_end()
    assert run.loads <= 8  # 16 targets of two models, in windows of eight; one by one there would be 16 or more


@pytest.mark.parametrize("begin", [list, features_made])
def test_results_come_early(begin: Callable[[list[Node]], list[Node]]) -> None:
    run = simulation(begin(graph(*[10.0] * 200, models=5)), TWO).to_the_end()
    reports = sorted(end for name, end in run.finish.items() if name.endswith("/report"))
    assert reports[0] < 0.06 * run.now
    assert reports[100] < 0.6 * run.now


def searched(groups: int, seconds: float, cores: int = 8) -> list[Node]:
    """Eight targets each with a search in two databases that they share."""
    nodes: list[Node] = []
    for group in range(groups):
        names = tuple(f"t{group}{k}" for k in range(8))
        nodes += [
            node(f"{db}:{group}", "msa", [], Cost(seconds, GB, cores), targets=names) for db in ("large", "small")
        ]
        for name in names:
            first, *others = target(name, 10.0, search=f"large:{group}")
            item = replace(first.items[0], after=(Output(f"small:{group}"),))
            nodes += [replace(first, items=(item,)), *others]
    return nodes


def test_the_next_search_overlaps_the_network() -> None:
    """Helpers search while predictions are ready for longer than that takes them."""
    nodes = searched(4, 5.0)
    run = simulation(nodes, LARGE, memory=16 * GB).to_the_end()
    predictions = sum(one.cost.seconds for one in nodes if one.network)
    assert run.now < predictions + 10.0 + 15.0  # the first two searches, and the end of the last target


def test_searches_are_not_left_to_helpers_that_take_too_long() -> None:
    """On one core each of the two takes 15 minutes, on the eight of the other worker two."""
    nodes = searched(1, 900 / 8)
    run = simulation(nodes, LARGE, memory=16 * GB).to_the_end()
    wide = sum(one.cost.seconds for one in nodes if one.network or one.stage == "msa")
    assert run.now < wide + 15.0


def test_searches_of_the_same_targets_follow_each_other() -> None:
    """Whatever the databases' sizes, so that the targets can go on."""
    nodes = [
        replace(one, cost=replace(one.cost, seconds=2.0)) if one.id[:5] == "small" else one for one in searched(6, 20.0)
    ]
    run = simulation(nodes, [Worker("a", "host", 8, True)], memory=16 * GB).to_the_end()
    order = [name.partition(":")[2] for name in run.order if ":" in name]
    assert order == [group for group in dict.fromkeys(order) for _ in range(2)]


def test_helpers_take_what_follows_the_network() -> None:
    run = simulation(graph(*[10.0] * 6), LARGE)
    where: dict[str, str] = {}
    admission_run = run.admission._run

    def noted(task: Task, *more: object) -> Task:
        where.update({one.id: task.worker.name for one in task.nodes})
        return admission_run(task, *more)  # type: ignore[arg-type]

    run.admission._run = noted  # type: ignore[method-assign, assignment]
    run.to_the_end()
    assert {where[f"t{k}/prediction/model_0"] for k in range(6)} == {"predict"}
    early = [where[f"t{k}/relaxation/0"] for k in range(4)]
    assert all(name.startswith("help") for name in early)


def test_quick_nodes_go_together() -> None:
    run = simulation(graph(5.0), TWO[:1]).to_the_end()
    # features; two predictions, the ranking with the second; the relaxation with all that follows
    assert run.tasks == 4


def test_a_large_target_is_not_starved_by_small_ones() -> None:
    """Its two predictions need the host alone; small targets could fill the memory for ever."""
    small = (one for k in range(200) for one in target(f"t{k}", 6.0, 2.5 * GB, models=1))
    search = node("msa:big", "msa", [], Cost(20.0, 0.1 * GB), targets=("big",))
    nodes = [search, *target("big", 10.0, 7.5 * GB, models=1, search="msa:big"), *small]
    workers = [Worker(f"w{k}", "host", 2, True) for k in range(3)]
    ended = simulation(nodes, workers, memory=9 * GB).to_the_end()
    end = ended.finish["big/report"]
    assert end < 0.3 * ended.now
    patient = simulation(nodes, workers, memory=9 * GB, patience=1e9)
    assert patient.to_the_end().finish["big/report"] > end


def test_what_fits_nowhere_is_named() -> None:
    run = simulation([*target("a", 1.0, 7 * GB), *target("b", 1.0, 9 * GB)], TWO, memory=8 * GB)
    assert {one.id.split("/")[0] for one in run.admission.misfits()} == {"b"}
    assert run.admission.room == 8 * GB - PROCESS_BYTES


def test_networks_of_idle_workers_make_room() -> None:
    """Three idle workers keep their networks; the last target needs the memory."""
    nodes = [
        node("a/one", "prediction", [], Cost(1.0, GB, 1, 0.9 * GB), network="m"),
        node("b/one", "prediction", [], Cost(1.0, GB, 1, 0.9 * GB), network="n"),
        node("c/one", "prediction", ["a/one", "b/one"], Cost(1.0, 3.4 * GB, 1, 0.9 * GB), network="o"),
    ]
    run = simulation(nodes, TWO, memory=4 * GB).to_the_end()
    assert run.order[-1] == "c/one"


def test_a_lost_worker_costs_its_task_alone() -> None:
    nodes = graph(10.0, 10.0)
    run = simulation(nodes, TWO)
    run.step()
    (_, _, task) = run.ends[0]
    lost = run.admission.remove_worker(task.worker.name)
    assert lost is task
    run.ends.remove(run.ends[0])
    run.seen -= {one.id for one in task.nodes}
    run.admission.retry(task.nodes, task)
    run.admission.add_worker(Worker("new", "host", 1, True), 8 * GB)
    run.to_the_end()
    assert "t0/report" in run.finish
    assert "t1/report" in run.finish


def test_a_part_of_a_task_is_made_again() -> None:
    run = simulation(graph(10.0, models=1), TWO[:1])
    while not any(one.stage == "relaxation" for _, _, task in run.ends for one in task.nodes):
        run.step()
        for task in run.admission.starts(run.now):
            heapq.heappush(run.ends, (run.now + task.seconds, 999, task))
    (_, _, task) = run.ends.pop()
    assert [one.stage for one in task.nodes] == ["relaxation", "ranked", "report"]
    run.seen -= {one.id for one in task.nodes}
    run.admission.retry(task.nodes[1:], task)
    (again,) = run.admission.starts(run.now)
    assert [one.stage for one in again.nodes] == ["ranked", "report"]
    run.admission.finished(again)
    assert run.admission.done


def test_alone_means_that_nothing_else_runs_on_the_host() -> None:
    nodes = [node(f"{name}/one", "prediction", [], Cost(1.0, GB, 1), network="m") for name in "abcd"]
    run = simulation(nodes, TWO)
    tasks = list(run.admission.starts(0.0))
    assert len(tasks) == 2
    run.admission.retry(tasks[0].nodes, tasks[0], alone=True)
    assert list(run.admission.starts(0.0)) == []  # waits for the other one; nothing new starts beside it
    run.admission.finished(tasks[1])
    (task,) = run.admission.starts(0.0)
    assert task.nodes == tasks[0].nodes
    run.admission.finished(task)
    assert len(list(run.admission.starts(0.0))) == 2


def test_thousands_of_targets_are_walked_in_seconds() -> None:
    draw = random.Random(0)
    sizes = [(draw.lognormvariate(5, 1), draw.uniform(1, 9) * GB) for _ in range(2000)]
    nodes = [one for k, size in enumerate(sizes) for one in target(f"t{k}", *size, models=5)]
    workers = [Worker(f"{host}-{k}", f"host{host}", 16, k < 4) for host in range(8) for k in range(12)]
    start = time.process_time()
    run = simulation(nodes, workers, memory=64 * GB).to_the_end()
    assert time.process_time() - start < 20.0
    work = sum(one.cost.seconds for one in nodes if one.network)
    assert run.now < 1.1 * work / 32


def test_nodes_of_the_runs_own_process_go_to_no_worker() -> None:
    """They are given apart, once; what needs them starts when they are made; quick ones follow on no worker."""
    ask = replace(node("ask", "msa server", [], Cost(60.0, 99 * GB), targets=("t0", "t1")), here=True)
    more = replace(node("t0/more", "msa server pairs", ["t1/features"], Cost(0.1), targets=("t1",)), here=True)
    admission = Admission([ask, *target("t0", 5.0, search="ask"), *target("t1", 5.0, search="ask"), more])
    admission.add_worker(TWO[0], 8 * GB)
    assert admission.misfits() == []
    assert list(admission.starts(0.0)) == []
    assert admission.starts_here() == [ask]
    assert admission.starts_here() == []
    assert list(admission.starts(1.0)) == []
    admission.finished_here(ask)
    tasks = list(admission.starts(2.0))
    assert next(one.id for task in tasks for one in task.nodes).endswith("/features")
    assert not admission.done
    while tasks:
        assert not any(one.here for task in tasks for one in task.nodes)
        for task in tasks:
            admission.finished(task)
        for one in admission.starts_here():
            admission.finished_here(one)
        tasks = list(admission.starts(3.0))
    assert admission.done
