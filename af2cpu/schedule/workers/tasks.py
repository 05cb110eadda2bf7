# SPDX-License-Identifier: Apache-2.0
"""Orders to worker processes, their results, and how a worker carries out an order. Records and paths, no arrays."""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from af2cpu import events
from af2cpu.errors import DatabaseError, InputError
from af2cpu.events import Event
from af2cpu.pipeline.graph import Item, Node, Output
from af2cpu.pipeline.resolve import Receipts
from af2cpu.pipeline.results import Made, make_items
from af2cpu.workspace.lock import is_alive, working

RUN_ENDED = 75  # exit code of a process whose run has ended; EX_TEMPFAIL of sysexits.h
_ALIVE_EVERY = 1.0  # seconds between two looks at whether the run is alive
_PROGRESS_EVERY = 0.25  # seconds between two events of the same progress


@dataclass(frozen=True)
class Step:
    """Items of one node to obtain; the node is without its own items, which may be many."""

    node: Node
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Order:
    """A task as it travels to a worker."""

    steps: tuple[Step, ...]
    receipts: Receipts  # of what the steps need and what is made already
    folders: Mapping[str, Path]  # of the proteins
    run: int  # by which the locks know the run
    topic: str  # of its events
    cwd: Path  # of the run, whose paths may be relative


@dataclass(frozen=True)
class StepDone:
    """The results of the items of a step."""

    made: tuple[Made, ...]
    seconds: float


@dataclass(frozen=True)
class Report:
    """A task as it comes back."""

    steps: tuple[StepDone, ...]  # fewer than in the order if all proteins of a step have failed
    broken: str = ""  # why a database can't be searched: the run ends


@dataclass(frozen=True)
class WorkerInfo:
    """A worker process's description of itself."""

    name: str
    host: str
    cores: int
    predicts: bool
    memory: int  # bytes of its host that it and the other workers there may take
    version: str
    isa: str | None  # of the native kernels; predictions depend on it
    pid: int


def order_of(steps: Sequence[Step], receipts: Receipts, folders: Mapping[str, Path], run: int, topic: str) -> Order:
    """An order with the receipts that its steps need, and no others."""
    wanted: dict[str, dict[int, set[str]]] = {}
    for step in steps:
        for item in step.items:
            values = (value for values in item.inputs.values() for value in values)
            for output in (value for value in values if isinstance(value, Output) and value.node in receipts):
                wanted.setdefault(output.node, {}).setdefault(output.item, set()).update(item.targets)
            if item.same and item.same.node in receipts:  # of another protein
                made = receipts[item.same.node][item.same.item]
                wanted.setdefault(item.same.node, {}).setdefault(item.same.item, set()).update(made)
    needed: Receipts = {
        name: tuple(_some(made, items.get(k, ())) for k, made in enumerate(receipts[name]))
        for name, items in wanted.items()
    }
    targets = {target for step in steps for item in step.items for target in item.targets}
    bare = tuple(Step(replace(step.node, items=()), step.items) for step in steps)
    return Order(bare, needed, {target: folders[target] for target in sorted(targets)}, run, topic, Path.cwd())


def _some(made: Mapping[str, Any], targets: Collection[str]) -> Mapping[str, Any]:
    return {target: receipt for target, receipt in made.items() if target in targets}


def carry_out(order: Order, cores: int, forward: Callable[[Event], None]) -> Report:
    """Makes the steps of an order in this process, which may be any worker's.

    Raises InputError where the run's folders are not there, RunEndedError, OSError.

    forward: gets the events, some of them from other threads.
    """
    try:
        os.chdir(order.cwd)  # one task at a time: nothing else in this process has relative paths
    except OSError as error:
        raise InputError(
            f"{order.cwd}: the folder that the run was started in can't be entered on {host_name()} "
            f"({error.strerror}); all hosts must see the run's folders under the same paths"
        ) from error
    outs = {folder.parent for folder in order.folders.values()}
    with working(order.folders.values(), order.run), _ending_with(outs, order.run), events.listening(_Thinned(forward)):
        try:
            return Report(tuple(_steps(order, cores)))
        except DatabaseError as error:
            return Report((), str(error))


def _steps(order: Order, cores: int) -> Iterator[StepDone]:
    receipts = dict(order.receipts)
    failed: set[str] = set()
    for step in order.steps:
        if failed.issuperset(target for item in step.items for target in item.targets):
            return  # tasks of several steps are one protein's
        start = time.perf_counter()
        node = replace(step.node, cost=replace(step.node.cost, cores=min(step.node.cost.cores, cores)))
        made = make_items(node, step.items, receipts)
        receipts[node.id] = tuple(one.receipts for one in made)
        failed.update(target for one in made for target in one.faults)
        yield StepDone(tuple(made), time.perf_counter() - start)


@contextmanager
def _ending_with(outs: Collection[Path], run: int) -> Iterator[None]:
    """Within this block the process ends at once if its run ends: nobody would wait for what it does.

    The locks tell it, which the run's process holds: this works whatever happens to the scheduler.
    """
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(_ALIVE_EVERY):
            with suppress(OSError):  # a file system that does not answer now
                if not all(is_alive(out, run) for out in outs):
                    os._exit(RUN_ENDED)

    thread = threading.Thread(target=watch, daemon=True, name="run watch")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class _Thinned:
    """Hands events on; of each progress at most four a second."""

    def __init__(self, forward: Callable[[Event], None]) -> None:
        self._forward = forward
        self._next: dict[tuple[str, str], float] = {}

    def __call__(self, event: Event) -> None:
        if event.kind == "progress":
            key, now = (event.target, event.text), time.monotonic()
            ended = event.numbers["done"] >= (event.numbers["total"] or float("inf"))
            if now < self._next.get(key, 0.0) and not ended:
                return
            self._next[key] = now + _PROGRESS_EVERY
        self._forward(event)


def host_name() -> str:
    """The name of this machine."""
    return platform.node() or "localhost"
