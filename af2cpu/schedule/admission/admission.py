# SPDX-License-Identifier: Apache-2.0
"""Which node of a graph starts now, and on which worker: decided from costs, memory and what is made. Pure.

The runner (runner.py) and a simulator use it in the same way: `starts` gives tasks, `finished` takes them back.

Rules:
- A node starts once everything that it needs is made. Predicted peaks of all that runs on a host stay within the host's
  memory. What can't start now waits; after `patience` seconds the host's memory is reserved for it. What fits on no
  host is in `misfits`, for the runner to refuse.
- Predictions of long targets start first. They are taken in windows of a few targets per worker; within a window a
  worker stays with the network that it has loaded, so that each network is loaded once per window and not per target.
- Workers that run the network make predictions first, and search while none is ready. Where there are other workers,
  helpers, these finish targets first, and prepare later ones; they search too if a search ends before the predictions
  that are ready do.
- Of searches the first are those whose targets take longest from there on; searches of the same targets follow each
  other, so that these can go on.
- Quick nodes that follow a node and need nothing else go with it as one task.
- Nodes that the run's own process makes (`Node.here`) go to no worker: see `starts_here` and `finished_here`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from af2cpu.pipeline.graph import Node
from af2cpu.schedule.admission.hosts import PROCESS_BYTES, Host, Task, Worker, WorkerState, seconds_on
from af2cpu.schedule.admission.queues import Ready, Waiting, paths
from af2cpu.schedule.admission.reservation import Reservation

_QUICK = 1.0  # seconds of a node that goes with the one before it, at the most
_QUICK_BETWEEN_PREDICTIONS = 0.2  # the same on a worker whose cores the network waits for
_WINDOW = 4  # targets for each worker that runs the network, whose predictions are open at the same time
_LONG = 600.0  # seconds: a search that would keep a helper busy for longer is left to workers with more cores
_WAITS, _READY, _RUNS, _DONE = range(4)  # states of a node


class Admission:
    """Keeps the state of a run: what is made, what runs where, what may start."""

    def __init__(
        self,
        nodes: Sequence[Node],
        *,
        wanted: Callable[[Node], bool] = lambda node: True,
        made: Iterable[str] = (),
        patience: float = 60.0,
    ) -> None:
        """nodes: in an order in which they can be made. made: nodes that some of them need and that are made before.

        wanted: asked when a node could start; one that is not wanted is left out, as if it were made.
        """
        self._nodes = nodes
        self._wanted = wanted
        self._number = {node.id: k for k, node in enumerate(nodes)}
        known = set(made)
        needs = [[need for need in node.needs() if need not in known] for node in nodes]
        self._open = [len(set(found)) for found in needs]  # needs that are not made
        self._followers: list[list[int]] = [[] for _ in nodes]
        for k, found in enumerate(needs):
            for need in dict.fromkeys(found):
                self._followers[self._number[need]].append(k)
        self._path, self._after, self._before = paths(nodes, self._followers)
        self._ready_work = 0.0  # core seconds of the predictions that may start
        self._state = [_WAITS] * len(nodes)
        self._left = len(nodes)
        self._predictions_left = sum(bool(node.network) for node in nodes)
        self._early, self._late, self._predictions = Ready(), Ready(), Ready()
        self._waiting = Waiting()  # ready predictions of targets outside the window
        self._alone: dict[str, None] = {}  # nodes that get a host for themselves
        self._workers: dict[str, WorkerState] = {}
        self._hosts: dict[str, Host] = {}
        self._predictors, self._helpers = 0, 0  # workers that run the network, and those that do not
        self._reservation = Reservation(patience)
        self._left_out: list[Node] = []
        self._here: list[Node] = []  # that the run's own process may start
        for k in range(len(nodes)):
            if self._open[k] == 0 and self._state[k] == _WAITS:
                self._enter(k)

    # What the runner reports

    def add_worker(self, worker: Worker, memory: float) -> None:
        """A worker that can take tasks; memory: bytes of its host that the run may take."""
        host = self._hosts.setdefault(worker.host, Host(memory))
        host.memory = max(memory, host.memory) if host.workers else memory
        state = WorkerState(worker)
        self._workers[worker.name] = state
        self._count(worker, 1)
        host.workers += 1
        host.used += PROCESS_BYTES
        host.idle[worker.name] = state
        host.dirty = True

    def remove_worker(self, name: str) -> Task | None:
        """A worker that is gone; the task that it had is put back with `retry`, or given up with `finished`."""
        state = self._workers.pop(name, None)
        if state is None:
            return None
        host, task = self._hosts[state.plan.host], state.task
        self._count(state.plan, -1)
        host.used -= state.charge
        host.workers -= 1
        host.idle.pop(name, None)
        if task is not None:
            host.running -= 1
            host.alone = False
        host.dirty = True
        if not host.workers:
            del self._hosts[state.plan.host]
        return task

    def finished(self, task: Task) -> None:
        """All nodes of a task are made, or have failed for all targets that needed them."""
        self.retry((), task)

    def retry(self, nodes: Sequence[Node], task: Task, *, alone: bool = False) -> None:
        """Some nodes of a task have to be made again; the others are made. alone: with a whole host's memory."""
        self._free(task)
        again = [self._number[node.id] for node in nodes]
        for number in again:
            self._state[number] = _WAITS
            if alone:
                self._alone[self._nodes[number].id] = None
        for node in task.nodes:
            if self._state[self._number[node.id]] == _RUNS:
                self._complete(self._number[node.id])
        for number in again:
            if self._open[number] == 0 and self._state[number] == _WAITS:
                self._enter(number)

    def finished_here(self, node: Node) -> None:
        """A node of `starts_here` is made, or has failed for all targets that needed it."""
        self._complete(self._number[node.id])

    # What the runner asks

    def starts_here(self) -> list[Node]:
        """The nodes that the run's own process makes, as far as they may start; each is given once."""
        found, self._here = self._here, []
        return found

    @property
    def done(self) -> bool:
        """Whether everything is made or left out."""
        return self._left == 0

    @property
    def running(self) -> int:
        """Tasks under way."""
        return sum(host.running for host in self._hosts.values())

    def left_out(self) -> list[Node]:
        """The nodes that were not wanted since the last call."""
        found, self._left_out = self._left_out, []
        return found

    @property
    def room(self) -> float:
        """Bytes that the host with the most memory has for one task."""
        return max((host.memory - PROCESS_BYTES * (host.workers - 1) for host in self._hosts.values()), default=0.0)

    def misfits(self) -> list[Node]:
        """Nodes that none of the hosts can ever run, the largest first."""
        room = self.room
        return sorted((n for n in self._nodes if n.cost.memory > room and not n.here), key=lambda n: -n.cost.memory)

    def used(self) -> dict[str, float]:
        """Bytes that are predicted to be in use on each host."""
        return {name: host.used for name, host in self._hosts.items()}

    def starts(self, now: float) -> Iterator[Task]:
        """The tasks that start at a time, in seconds; each counts as running once it is given."""
        for host in list(self._hosts.values()):
            while host.idle and host.dirty and (task := self._next(host, now)):
                yield task
            host.dirty = host.dirty and bool(host.idle) and self._reservation.number is not None

    # Choice

    def _next(self, host: Host, now: float) -> Task | None:
        if host.alone:
            return None
        self._watch_memory(host, now)
        if not (self._early.count or self._late.count or self._predictions.count or self._waiting.count):
            return None
        idle = sorted(host.idle.values(), key=lambda one: (not one.plan.predicts, one.plan.name))
        helpers = [state for state in idle if not state.plan.predicts]  # all of them find the same
        for state in [*idle[: len(idle) - len(helpers)], *helpers[:1]]:
            number = self._choose(state, host)
            if number is not None:
                return self._start(number, state, host)
        self._watch_memory(host, now)  # the choice may have opened a window
        return self._make_room(host)

    def _choose(self, state: WorkerState, host: Host) -> int | None:
        """The node that a worker should make now."""

        def fits(number: int) -> bool:
            return self._fits(number, state, host)

        short = self._predictions.count + self._waiting.count < self._predictors  # searches are needed
        if not state.plan.predicts:
            lists = (self._early, self._late) if short else (self._late, self._early)
            return _first(ready.best(lambda k: fits(k) and self._is_short(k, state)) for ready in lists)
        number = self._late.best(fits) if not self._helpers or self._predictions_left == 0 else None
        if number is None and short and not self._helpers:
            number = self._early.best(fits)
        if number is None:
            number = self._prediction(state, fits)
        return number if number is not None else _first(ready.best(fits) for ready in (self._early, self._late))

    def _is_short(self, number: int, state: WorkerState) -> bool:
        """Whether a helper is quick enough with a node: no other worker would have to wait for its end."""
        cost = self._nodes[number].cost
        if not self._predictors or cost.cores <= state.plan.cores:
            return True
        ready = self._ready_work / sum(one.plan.cores for one in self._workers.values() if one.plan.predicts)
        return seconds_on(cost, state.plan.cores) <= min(ready, _LONG)

    def _prediction(self, state: WorkerState, fits: Callable[[int], bool]) -> int | None:
        """A prediction: of the worker's network if the window has one, else the most urgent one."""
        while True:
            if self._predictions.count >= self._predictors or not self._waiting.count:
                number = self._predictions.best(fits, state.network) if state.network else None
                number = self._predictions.best(fits) if number is None else number
                if number is not None or not self._waiting.count:
                    return number
            self._open_window(_WINDOW * self._predictors)

    def _open_window(self, targets: int) -> None:
        for number in self._waiting.take(self._nodes, targets):
            self._predictions.add(self._nodes[number], number, self._path[number])

    def _fits(self, number: int, state: WorkerState, host: Host) -> bool:
        node = self._nodes[number]
        if node.id in self._alone:
            return host.running == 0 and host.used - state.charge <= PROCESS_BYTES * (host.workers - 1)
        after = host.used - state.charge + state.needs(node)
        waits = self._reservation.number
        if host is self._reservation.host and waits is not None and waits != number:
            held = self._nodes[waits]
            after += host.memory if held.id in self._alone else held.cost.memory
        return after <= host.memory

    def _watch_memory(self, host: Host, now: float) -> None:
        """Remembers the most urgent node that waits for memory, and reserves a host for it after a while."""
        found = self._short_of_memory(host)
        if found is None:
            return
        node = self._nodes[found]
        self._reservation.watch(found, host, now, alone=node.id in self._alone, memory=node.cost.memory)

    def _short_of_memory(self, host: Host) -> int | None:
        """The most urgent node that an idle worker of a host does not make for lack of memory only."""
        worker = next(iter(host.idle.values()))
        predictor = next((one for one in (worker, *host.idle.values()) if one.plan.predicts), None)
        for ready, state in ((self._predictions, predictor), (self._late, worker), (self._early, worker)):
            number = ready.head if state is not None else None
            if number is not None and state is not None and not self._fits(number, state, host):
                return number
        return None

    def _make_room(self, host: Host) -> Task | None:
        """Frees the network of an idle worker for the node that waits for memory, if nothing else can make room."""
        keeper = next((state for state in host.idle.values() if state.kept), None)
        waits = self._reservation.number is not None and (host.running == 0 or host is self._reservation.host)
        if keeper is None or not waits or self._short_of_memory(host) is None:
            return None
        return self._run(Task((), keeper.plan, keeper.plan.cores, release=True), keeper, host)

    # Bookkeeping

    def _start(self, number: int, state: WorkerState, host: Host) -> Task:
        node = self._nodes[number]
        self._list_of(number).remove(node, number)
        self._ready_work -= _work(node) if node.network else 0.0
        self._reservation.started(number)
        host.alone = node.id in self._alone
        if host.alone:
            nodes: tuple[Node, ...] = (node,)
            del self._alone[node.id]
        else:
            nodes = (node, *self._bundle(number))
        for one in nodes:
            self._state[self._number[one.id]] = _RUNS
        return self._run(Task(nodes, state.plan, state.plan.cores), state, host)

    def _run(self, task: Task, state: WorkerState, host: Host) -> Task:
        host.used -= state.charge
        state.task = task
        if task.release:
            state.network, state.kept = "", 0.0
        host.used += state.charge
        host.idle.pop(state.plan.name)
        host.running += 1
        return task

    def _bundle(self, number: int) -> list[Node]:
        """The quick nodes of one target that can follow at once on the same worker."""
        node = self._nodes[number]
        if len(node.targets) != 1:
            return []
        limit = _QUICK_BETWEEN_PREDICTIONS if node.network and self._helpers else _QUICK
        inside, found = {number}, list[Node]()
        queue = list(self._followers[number])
        while queue:
            other = queue.pop(0)
            follower = self._nodes[other]
            quick = follower.cost.seconds <= limit and not (follower.network or follower.condition or follower.here)
            if other in inside or not quick or follower.targets != node.targets:
                continue
            needed = sum(self._number[need] in inside for need in follower.needs() if need in self._number)
            if needed == self._open[other]:
                inside.add(other)
                found.append(follower)
                queue += self._followers[other]
        return found

    def _free(self, task: Task) -> None:
        """A worker is idle again; one that is gone has been freed before."""
        state = self._workers.get(task.worker.name)
        if state is None or state.task is not task:
            return
        host = self._hosts[state.plan.host]
        host.used -= state.charge
        for node in task.nodes:
            if node.network:
                state.network, state.kept = node.network, node.cost.kept
        state.task = None
        host.used += state.charge
        host.idle[state.plan.name] = state
        host.running -= 1
        host.alone = False
        host.dirty = True

    def _complete(self, number: int) -> None:
        """A node is made or left out: what needs it may start."""
        stack = [number]
        while stack:
            current = stack.pop()
            self._state[current] = _DONE
            self._left -= 1
            self._predictions_left -= bool(self._nodes[current].network)
            for other in self._followers[current]:
                self._open[other] -= 1
                if self._open[other] == 0 and self._state[other] == _WAITS and not self._may_start(other):
                    self._left_out.append(self._nodes[other])
                    stack.append(other)

    def _enter(self, number: int) -> None:
        """A node that needs nothing more: it may start, or is left out."""
        if not self._may_start(number):
            self._left_out.append(self._nodes[number])
            self._complete(number)

    def _may_start(self, number: int) -> bool:
        """Takes a node among those that may start; False if it is not wanted."""
        node = self._nodes[number]
        if not self._wanted(node):
            return False
        self._state[number] = _RUNS if node.here else _READY
        if node.here:
            self._here.append(node)
            return True
        self._ready_work += _work(node) if node.network else 0.0
        if not node.network:
            self._list_of(number).add(node, number, self._after[number])
        elif node.id in self._alone:
            self._predictions.add(node, number, math.inf)
        else:
            self._waiting.add(node, number, self._path[number])
        for host in self._hosts.values():
            host.dirty = True
        return True

    def _list_of(self, number: int) -> Ready:
        if self._nodes[number].network:
            return self._predictions
        return self._early if self._before[number] else self._late

    def _count(self, worker: Worker, change: int) -> None:
        if worker.predicts:
            self._predictors += change
        else:
            self._helpers += change


def _work(node: Node) -> float:
    """Core seconds of a node."""
    return node.cost.seconds * node.cost.cores


def _first(values: Iterable[int | None]) -> int | None:
    return next((value for value in values if value is not None), None)
