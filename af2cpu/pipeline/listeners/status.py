# SPDX-License-Identifier: Apache-2.0
"""Keeps the status of a run up to date while it goes on: listens to its events and writes its files now and then."""

from __future__ import annotations

import os
import shlex
import socket
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType

from af2cpu import events
from af2cpu.errors import in_words
from af2cpu.events import Event
from af2cpu.formats.streams import HIDDEN, name_of
from af2cpu.pipeline.graph import Graph, Node
from af2cpu.pipeline.listeners.throttle import pause_after
from af2cpu.runs.records import Failure
from af2cpu.runs.status import HEARTBEAT, Failed, RunFile, Running, RunStatus, State


class Remaining:
    """Estimates when a run ends: the costs of what is left, scaled by how long stages have taken so far."""

    def __init__(self, nodes: Collection[Node]) -> None:
        self._left: dict[str, float] = defaultdict(float)  # seconds by stage, as planned
        self._planned = {node.id: (node.stage, node.cost.seconds * node.chance) for node in nodes}
        self._made: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])  # by stage: seconds planned, measured
        self._measured = 0.0  # seconds of all nodes that were made
        for stage, seconds in self._planned.values():
            self._left[stage] += seconds

    def drop(self, node: Node) -> None:
        """A node is finished or not needed."""
        stage, seconds = self._planned.pop(node.id, (node.stage, 0.0))
        self._left[stage] -= seconds

    def finished(self, node: Node, seconds: float, made: bool) -> None:
        """A node has ended after so many seconds; only where something was made do they tell anything."""
        self.drop(node)
        self._measured += seconds
        if made and node.cost.seconds:
            self._made[node.stage][0] += node.cost.seconds
            self._made[node.stage][1] += seconds

    def seconds(self, elapsed: float, running: Mapping[str, float]) -> float:
        """Seconds to the end. elapsed: of the run; running: seconds so far of each node that is in work, by its id."""
        left = sum(seconds * self._factor(stage) for stage, seconds in self._left.items())
        for node, so_far in running.items():
            stage, seconds = self._planned.get(node, ("", 0.0))
            left -= min(so_far, seconds * self._factor(stage))
        busy = (self._measured + sum(running.values())) / max(elapsed, 0.1)  # nodes at a time
        return max(left, 0.0) / max(busy, 1.0)

    def _factor(self, stage: str) -> float:
        """Measured over planned; of a stage of which nothing was made yet, that of all stages."""
        planned, measured = self._made.get(stage) or map(sum, zip((0.0, 0.0), *self._made.values(), strict=True))
        return measured / planned if planned else 1.0


@dataclass
class _Work:
    """A node in work."""

    node: Node
    since: float  # seconds since the epoch
    worker: str


class StatusWriter:
    """Listens to the events of a run's targets in one folder; a thread writes the files. A context manager."""

    def __init__(self, out: Path, targets: Collection[str], graph: Graph) -> None:
        self._out, self._targets = out, frozenset(targets)
        self._nodes = {node.id: node for node in graph.nodes if not self._targets.isdisjoint(node.targets)}
        self._unfinished: dict[str, set[str]] = defaultdict(set)  # by target: nodes that are not finished
        for node in self._nodes.values():
            for target in node.targets:
                self._unfinished[target].add(node.id)
        self._remaining = Remaining(self._nodes.values())
        self._started = time.time()
        self._work: dict[str, _Work] = {}  # by node
        self._done: dict[str, None] = {}
        self._failed: dict[str, Failed] = {}
        self._changes = 0
        self._changing = threading.Lock()
        self._ended = threading.Event()
        self._file: RunFile | None = None
        self._silent = False
        self._thread = threading.Thread(target=self._keep_writing, name="status", daemon=True)

    def __enter__(self) -> StatusWriter:
        if (self._out / HIDDEN).is_dir():
            self._begin()
        return self

    def __call__(self, event: Event) -> None:
        if event.kind == "started" and self._file is None and not self._silent:
            self._begin()  # not before: a database that can't be searched ends the run before it makes any folder
        if event.kind in _HEARD:
            with self._changing:
                _HEARD[event.kind](self, event)
                self._changes += 1

    def take_failures(self, failures: Mapping[str, Failure]) -> None:
        """All failures of the run, also those without an event of their target."""
        with self._changing:
            for target, failure in failures.items():
                if target in self._targets:
                    self._failed[target] = Failed(target, failure.stage, failure.message)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._file is not None:
            self._write("stopped" if error else "ended", _reason(error))

    def _begin(self) -> None:
        try:
            self._file = RunFile(self._out)
            self._file.drop_replaced(self._targets)
        except OSError as error:
            self._give_up(error)
            return
        self._write("running")
        self._thread.start()

    def _start(self, event: Event) -> None:
        node = self._nodes.get(event.text)
        if node:
            self._work[node.id] = _Work(node, event.time, event.worker)

    def _finish(self, event: Event) -> None:
        node = self._nodes.get(event.text)
        if node:
            self._work.pop(node.id, None)
            self._remaining.finished(node, event.numbers["seconds"], event.numbers["made"] > 0)
            for target in node.targets:
                self._unfinished[target].discard(node.id)

    def _fail(self, event: Event) -> None:
        if event.target in self._targets:
            self._failed[event.target] = Failed(event.target, event.stage, event.text.removeprefix("failed: "))
            self._leave(event.target)

    def _complete(self, event: Event) -> None:
        if event.target in self._targets:
            self._done[event.target] = None
            self._leave(event.target)

    def _leave(self, target: str) -> None:
        """Nothing more is made for a target: its own nodes are dropped."""
        for name in self._unfinished.pop(target, ()):
            if self._nodes[name].is_only_of(target):
                self._remaining.drop(self._nodes[name])

    def _keep_writing(self) -> None:
        written, pause, last = -1, pause_after(0.0), time.monotonic()
        while not self._ended.wait(pause):
            if self._changes == written and time.monotonic() - last < HEARTBEAT:
                continue
            written, last = self._changes, time.monotonic()
            self._write("running")
            pause = pause_after(time.monotonic() - last)

    def _write(self, state: State, reason: str = "") -> None:
        if self._file is None or self._silent:
            return
        try:
            self._file.write(self._status(self._file, state, reason))
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self._silent = True
        events.emit("warning", f"{self._out}: no status is written: {in_words(error)}", target="")

    def _status(self, file: RunFile, state: State, reason: str) -> RunStatus:
        now = time.time()
        with self._changing:
            working = [
                Running(target, one.node.stage, _moment(one.since), one.worker)
                for one in self._work.values()
                for target in one.node.targets
                if target in self._targets and target not in self._failed
            ]
            begun = {one.target for one in working}.union(self._done, self._failed)
            so_far = {one.node.id: now - one.since for one in self._work.values()}
            left = self._remaining.seconds(now - self._started, so_far)
            return RunStatus(
                id=file.id,
                command=name_of(shlex.join(sys.argv)),  # paths may not be UTF-8
                host=socket.gethostname(),
                pid=os.getpid(),
                locked=file.locked,
                state=state,
                reason=name_of(reason),
                started=_moment(self._started),
                updated=_moment(now),
                estimated_end=_moment(now) + timedelta(seconds=left) if state == "running" else None,
                done=tuple(self._done),
                running=tuple(working),
                failed=tuple(self._failed.values()),
                waiting=tuple(sorted(self._targets - begun)),
            )


_HEARD = {
    "started": StatusWriter._start,
    "finished": StatusWriter._finish,
    "failed": StatusWriter._fail,
    "done": StatusWriter._complete,
}


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds).astimezone().replace(microsecond=0)


def _reason(error: BaseException | None) -> str:
    if error is None:
        return ""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return in_words(error) if isinstance(error, Exception) else "terminated"


@contextmanager
def keeping_status(folders: Mapping[str, Path], graph: Graph) -> Iterator[list[StatusWriter]]:
    """Within this block the status of a run is kept, in each folder of targets. folders: of the targets."""
    by_parent: dict[Path, list[str]] = {}
    for target, folder in folders.items():
        by_parent.setdefault(folder.parent, []).append(target)
    writers = [StatusWriter(out, targets, graph) for out, targets in by_parent.items()]
    with ExitStack() as stack:
        for writer in writers:
            stack.enter_context(writer)
        stack.enter_context(events.listening(*writers))
        yield writers
