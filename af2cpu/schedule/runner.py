# SPDX-License-Identifier: Apache-2.0
"""Runs a graph on a cluster of worker processes: the admission chooses, Dask carries, this records.

A worker that dies costs the task that it had; the task is tried again. A protein whose tasks end their worker process
three times is given up. Nothing is lost if this process, the scheduler or all workers die: results are files, and the
same command goes on from there.
"""

from __future__ import annotations

import pickle
import queue
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from af2cpu import events
from af2cpu.errors import DatabaseError, InputError
from af2cpu.events import Event
from af2cpu.pipeline.graph import Graph, Item, Node, targets_of
from af2cpu.pipeline.resolve import needed_items
from af2cpu.pipeline.results import Fault, Recorder, Results, fault_of, lock_targets, make_shared
from af2cpu.schedule.admission.admission import Admission
from af2cpu.schedule.admission.hosts import Task, Worker
from af2cpu.schedule.in_flight import Attempt, Lost, Singly, how_it_ended
from af2cpu.schedule.own_process import MadeHere, OwnProcess
from af2cpu.schedule.workers.accepted import AcceptedWorkers
from af2cpu.schedule.workers.tasks import Report, Step, order_of
from af2cpu.workspace import TargetLocks
from af2cpu.workspace.lock import RunEndedError

if TYPE_CHECKING:
    from distributed import Client

MAX_KILLS = 3  # worker processes that the tasks of one protein may end
_MAX_LOSSES = 6  # the same, where a whole host may have gone
_REPORT_WITHIN = 2.0  # seconds in which a nanny tells how its worker process ended
_LOOK_EVERY = 1.0  # seconds between two looks at the cluster while nothing is told
_SCHEDULER_LOST = (
    "the connection to the Dask scheduler is lost; what is complete is kept, run the same command again to go on"
)
_SAID_AFTER = 30.0  # seconds without any worker before it is told


def run_on_cluster(
    graph: Graph, folders: Mapping[str, Path], connect: Any, *, level: str | None = None, wait: bool = False
) -> Results:
    """Makes everything of a graph that is not current, as `pipeline.local.run_graph` does.

    connect: gives a context manager of a Client whose cluster has workers (schedule/cluster.py); called first, so that
    what it starts goes on meanwhile.
    level: instruction set that the plan is for; workers of another one are refused.

    Raises what run_graph raises, InputError for a node that needs more memory than any host has, and OSError if the
    scheduler is lost.
    """
    connection = connect()
    from distributed.comm import CommClosedError

    results = Results()
    nodes = make_shared(graph, results)
    with TargetLocks() as locks:
        lock_targets(folders, locks, results, wait=wait)
        with connection as client:
            run = _Run(graph, nodes, folders, results, locks.run, client, level)
            try:
                run.to_the_end()
            except CommClosedError as error:
                raise OSError(_SCHEDULER_LOST) from error
            finally:
                run.close()
    return results


class _Run:
    def __init__(
        self,
        graph: Graph,
        nodes: list[Node],
        folders: Mapping[str, Path],
        results: Results,
        run: int,
        client: Client,
        level: str | None,
    ) -> None:
        self._recorder, self._results = Recorder(graph, folders, results), results
        self._folders, self._run, self._client = folders, run, client
        self._members = AcceptedWorkers(client, level)
        self._admission = Admission(nodes, wanted=lambda node: bool(results.needed(node)), made=set(results.receipts))
        self._messages: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._topic = f"af2cpu-{secrets.token_hex(8)}"
        self._attempts: dict[str, Attempt] = {}  # by key of the future
        self._lost: dict[str, Lost] = {}  # by name of the worker
        self._exits: dict[str, Mapping[str, Any]] = {}  # how a worker process ended, by name, until its loss is known
        self._kills: dict[str, float] = {}  # by protein
        self._singly: dict[str, Singly] = {}
        self._alone: set[str] = set()  # nodes that have had a host for themselves
        self._without_workers = time.monotonic()
        self._count = 0
        self._here = OwnProcess(results.receipts, self._messages)

    def to_the_end(self) -> None:
        from af2cpu.schedule.workers.processes import EXITS

        client = self._client
        client.subscribe_topic(self._topic, lambda event: self._messages.put(("event", event[1])))
        client.subscribe_topic("all", lambda event: self._on_cluster(event[1]))
        client.subscribe_topic(EXITS, lambda event: self._messages.put(("exit", event[1])))
        for address in client.scheduler_info(n_workers=-1)["workers"]:
            self._add(address)
        self._check_fit()
        while not self._admission.done:
            self._start()
            self._handle(*self._next())
            while not self._messages.empty():
                self._handle(*self._messages.get())
        self._pass_left_out()

    def close(self) -> None:
        """Gives up what runs: workers end with it."""
        from af2cpu.schedule.workers.processes import EXITS

        self._here.close()
        for topic in (self._topic, "all", EXITS):
            with suppress(Exception):  # the scheduler may be gone
                self._client.unsubscribe_topic(topic)
        for attempt in self._attempts.values():
            attempt.future.release()

    # Workers

    def _on_cluster(self, message: Mapping[str, Any]) -> None:
        if message.get("action") in {"add-worker", "remove-worker"}:
            self._messages.put((str(message["action"]), str(message["worker"])))

    def _add(self, address: str) -> None:
        """A worker that has come; one of the same name has gone then."""
        told = self._members.ask(address)
        if told is None:
            return
        if told.name in self._members.addresses:
            self._remove(self._members.addresses[told.name])
        self._members.addresses[told.name] = address
        self._admission.add_worker(Worker(told.name, told.host, told.cores, told.predicts), told.memory)

    def _remove(self, address: str) -> None:
        """A worker that is gone: its task waits a moment for the reason."""
        name = self._members.drop(address)
        if name is None:
            return
        task = self._admission.remove_worker(name)
        key = next((key for key, attempt in self._attempts.items() if attempt.task is task), None)
        if task is None or key is None:
            return
        attempt = self._attempts.pop(key)
        attempt.future.release()
        self._lost[name] = Lost(attempt, time.monotonic() + _REPORT_WITHIN)

    def _check_fit(self) -> None:
        """Raises InputError for a node that is too large for all hosts."""
        misfits = [node for node in self._admission.misfits() if needed_items(node, self._results.failures)]
        if misfits and self._members:
            node = misfits[0]
            raise InputError(
                f"{node.id}: needs about {node.cost.memory / 1e9:.1f} GB and no host has more than "
                f"{self._admission.room / 1e9:.1f} GB for one task; lower --max-msa (such as 256:512), use fewer "
                "--workers, or a machine with more memory"
            )

    # Tasks

    def _start(self) -> None:
        self._pass_left_out()
        for node in self._admission.starts_here():
            self._make_here(node)
        again = True
        while again:
            again = False
            for task in list(self._admission.starts(time.monotonic())):
                again = not self._submit(task) or again
        stuck = not (self._attempts or self._lost or self._here.busy or self._admission.done)
        if not stuck:
            self._without_workers = time.monotonic()
        elif self._members and not self._admission.running:
            self._check_fit()
        elif time.monotonic() - self._without_workers > _SAID_AFTER:
            events.emit("warning", "no worker has been there for a while; waiting for one", target="")
            self._without_workers = time.monotonic() + 10 * _SAID_AFTER

    def _make_here(self, node: Node) -> None:
        items = self._results.needed(node)
        if items:
            self._here.make(node, items)
        else:
            self._finish_here(node)

    def _take_here(self, made: MadeHere) -> None:
        """A node that this process has made. Raises what the thread raised."""
        self._here.taken()
        if made.error is not None:
            raise made.error
        self._recorder.record(made.node, made.items, made.made, made.seconds)
        self._finish_here(made.node)

    def _finish_here(self, node: Node) -> None:
        self._admission.finished_here(node)
        self._recorder.passed(node)
        self._pass_left_out()

    def _pass_left_out(self) -> None:
        for node in self._admission.left_out():
            self._recorder.passed(node)

    def _submit(self, task: Task) -> bool:
        """Sends a task to its worker; False if none of it is needed any more."""
        if task.release:
            self._send(task, [])
            return True
        steps = [Step(node, tuple(items)) for node in task.nodes if (items := self._results.needed(node))]
        if not steps:
            self._finish(task)
            return False
        single = self._singly.get(steps[0].node.id)
        if single is None:
            self._send(task, steps)
            return True
        item = single.next(steps[0].items)
        if item is None:
            self._recorder.record(steps[0].node, steps[0].items, single.of(steps[0].items), single.seconds)
            self._finish(task)
            return False
        self._send(task, [Step(steps[0].node, (item,))], one_item=True)
        return True

    def _send(self, task: Task, steps: list[Step], *, one_item: bool = False) -> None:
        from af2cpu.schedule.workers.processes import obey, release

        self._count += 1
        address = self._members.addresses[task.worker.name]
        options: dict[str, Any] = {
            "workers": [address],
            "allow_other_workers": False,
            "pure": False,
            "retries": 0,
            "key": f"{self._topic}-{self._count}",
        }
        if task.release:
            future: Any = self._client.submit(release, **options)
        else:
            order = order_of(steps, self._results.receipts, self._folders, self._run, self._topic)
            future = self._client.submit(obey, pickle.dumps(order), **options)
        self._attempts[str(future.key)] = Attempt(task, steps, future, address, one_item)
        future.add_done_callback(lambda done: self._messages.put(("done", done.key)))

    def _next(self) -> tuple[str, Any]:
        """The next message; "quiet" if nothing is told for a second. Raises OSError if the scheduler is gone."""
        if self._client.status != "running":
            raise OSError(_SCHEDULER_LOST)
        try:
            return self._messages.get(timeout=_LOOK_EVERY)
        except queue.Empty:
            return "quiet", None

    def _handle(self, kind: str, content: Any) -> None:
        if kind == "event":
            events.tell(Event(**content))
        elif kind == "exit":
            self._exits[content["name"]] = content
        elif kind == "here":
            self._take_here(content)
        elif kind == "add-worker":
            self._add(content)
        elif kind == "remove-worker":
            self._remove(content)
        elif kind == "done" and content in self._attempts:
            self._take_back(content)
        for name, lost in list(self._lost.items()):
            told = self._exits.pop(name, None)
            if told is not None or time.monotonic() > lost.until:
                del self._lost[name]
                self._judge(lost.attempt, name, told)

    def _take_back(self, key: str) -> None:
        """A task that is done, or whose worker is about to be gone."""
        attempt = self._attempts[key]
        if attempt.future.status != "finished":
            error = attempt.future.exception(timeout=10) if attempt.future.status == "error" else None
            if error is None or type(error).__name__ == "KilledWorker":
                return self._remove(attempt.address)
            del self._attempts[key]
            return self._unexpected(attempt, error)
        try:
            packed = attempt.future.result(timeout=30)
        except Exception:  # the worker died after its task
            return self._remove(attempt.address)
        del self._attempts[key]
        attempt.future.release()
        if attempt.task.release:
            return self._finish(attempt.task)
        report: Report = pickle.loads(packed)  # from our own worker, over the cluster's connection
        if report.broken:
            raise DatabaseError(report.broken)
        if attempt.one_item:
            self._singly[attempt.steps[0].node.id].take(attempt.steps[0], report.steps[0])
            self._submit(attempt.task)
            return None
        return self._record(attempt, report)

    def _record(self, attempt: Attempt, report: Report) -> None:
        """Takes the steps of a task into the results; for one that lacked memory a host of its own is tried."""
        for number, (step, done) in enumerate(zip(attempt.steps, report.steps, strict=False)):
            lacks = any(fault.memory for made in done.made for fault in made.faults.values())
            if lacks and step.node.id not in self._alone:
                again = [one.node for one in attempt.steps[number:]]
                self._alone.add(step.node.id)
                text = "memory did not suffice; it is tried again with nothing beside it"
                self._tell(step.node, step.items, text)
                return self._admission.retry(again, attempt.task, alone=True)
            self._recorder.record(step.node, step.items, done.made, done.seconds)
        return self._finish(attempt.task)

    def _finish(self, task: Task) -> None:
        self._admission.finished(task)
        for node in task.nodes:
            self._recorder.passed(node)
        self._pass_left_out()

    def _unexpected(self, attempt: Attempt, error: BaseException) -> None:
        if isinstance(error, RunEndedError):
            raise OSError(
                f"worker {attempt.task.worker.name} does not see this run's locks: the folder of the results must be "
                "on a file system whose locks work between hosts"
            )
        fault = fault_of(error)
        for step in attempt.steps:
            self._fail(step.node, step.items, fault)
        self._finish(attempt.task)

    def _fail(self, node: Node, items: tuple[Item, ...], fault: Fault) -> None:
        for target in targets_of(items):
            if target not in self._results.failures:
                self._recorder.failed(node, target, fault)

    # Lost workers

    def _judge(self, attempt: Attempt, name: str, told: Mapping[str, Any] | None) -> None:
        """What becomes of a task whose worker is gone: again, alone, or never."""
        task = attempt.task
        if task.release:
            return self._finish(task)
        node, items = attempt.steps[0].node, attempt.steps[0].items
        memory = bool(told and told["memory"])
        how = how_it_ended(told)
        if memory and node.id in self._alone:
            self._fail(node, items, Fault(f"its worker process {how}, also with nothing beside it"))
            return self._put_back(attempt, [])
        if memory:
            self._alone.add(node.id)
            self._tell(node, items, f"worker {name} {how}; it is tried again with nothing beside it")
            return self._put_back(attempt, [one.node for one in attempt.steps], alone=True)
        targets = targets_of(items)
        if len(targets) > 1 and len(items) > 1:
            self._singly[node.id] = Singly()
        else:
            for target in targets:
                self._kills[target] = self._kills.get(target, 0.0) + (1.0 if told else MAX_KILLS / _MAX_LOSSES)
        guilty = [target for target in targets if self._kills.get(target, 0.0) >= MAX_KILLS]
        for target in guilty:
            fault = Fault(f"given up: its tasks have ended {MAX_KILLS} worker processes; the last one {how}")
            self._recorder.failed(node, target, fault)
        if not guilty:
            self._tell(node, items, f"worker {name} {how}; its task is tried again")
        return self._put_back(attempt, [step.node for step in attempt.steps])

    def _put_back(self, attempt: Attempt, nodes: list[Node], *, alone: bool = False) -> None:
        again = [node for node in nodes if self._results.needed(node)]
        self._admission.retry(again, attempt.task, alone=alone)
        for node in attempt.task.nodes:
            if node not in again:
                self._recorder.passed(node)
        self._pass_left_out()

    def _tell(self, node: Node, items: tuple[Item, ...], text: str) -> None:
        targets = targets_of(items)
        about = targets[0] if len(targets) == 1 else ""
        events.emit("warning", f"{node.id}: {text}", target=about, stage=node.stage)
