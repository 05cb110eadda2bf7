# SPDX-License-Identifier: Apache-2.0
"""The state of the runs on a results folder, as records and files, which `af2cpu status` and scripts read.

Each run writes a file of its own, OUT/.af2cpu/runs/<id>.json, and holds a lock beside it as long as it lives.
OUT/status.json is their sum. It is written under one lock, from all files of runs as they are then: two runs on one
folder never overwrite each other's numbers.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from af2cpu.errors import InputError
from af2cpu.formats.streams import HIDDEN, atomic_write
from af2cpu.runs.exclusive import exclusive
from af2cpu.runs.records import read_record, record_bytes

STATUS = "status.json"
HEARTBEAT = 30.0  # seconds between two versions of a run's file at the most
_SILENCE = timedelta(seconds=300)  # after which a run on another host, whose lock is free, counts as dead

State = Literal["running", "ended", "stopped", "died"]


@dataclass(frozen=True)
class Running:
    """A stage of a target that is in work."""

    target: str
    stage: str
    since: datetime
    worker: str = ""  # name of the worker process; empty for the run's own process


@dataclass(frozen=True)
class Failed:
    """A target that failed."""

    target: str
    stage: str
    reason: str  # one line


@dataclass(frozen=True, kw_only=True)
class RunStatus:
    """One run: the content of its file."""

    id: str
    command: str
    host: str
    pid: int
    locked: bool  # whether it holds a lock; some file systems have none
    state: State
    reason: str = ""  # why it was stopped
    started: datetime
    updated: datetime
    estimated_end: datetime | None = None
    done: tuple[str, ...] = ()
    running: tuple[Running, ...] = ()
    failed: tuple[Failed, ...] = ()
    waiting: tuple[str, ...] = ()

    @property
    def targets(self) -> frozenset[str]:
        """All targets of the run."""
        named = {one.target for one in self.running}.union(one.target for one in self.failed)
        return frozenset(named.union(self.done, self.waiting))


@dataclass(frozen=True, kw_only=True)
class RunLine:
    """One run without its targets, as status.json lists it."""

    id: str
    command: str
    host: str
    pid: int
    state: State
    reason: str
    started: datetime
    updated: datetime
    estimated_end: datetime | None
    targets: int


@dataclass(frozen=True)
class Counts:
    """How many targets are in which state."""

    targets: int
    done: int
    running: int
    waiting: int
    failed: int
    unfinished: int  # left by a run that has stopped or died


@dataclass(frozen=True, kw_only=True)
class FolderStatus:
    """All runs on a folder: the content of status.json. Of runs with the same target the latest one counts."""

    state: State  # running while any run is alive
    started: datetime
    updated: datetime
    estimated_end: datetime | None  # of the last run that is alive
    counts: Counts
    running: tuple[Running, ...]
    failed: tuple[Failed, ...]
    runs: tuple[RunLine, ...]  # in order of their starts


class RunFile:
    """The file of one run, written by it alone."""

    def __init__(self, out: Path) -> None:
        """Takes the lock that shows that the run is alive. Raises OSError."""
        self.id = f"{datetime.now():%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        self._out = out
        _folder(out).mkdir(parents=True, exist_ok=True)
        self._lock = os.open(_lock_path(out, self.id), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self.locked = _try_lock(self._lock, fcntl.LOCK_EX)

    def write(self, status: RunStatus) -> None:
        """Writes the run's file, then the sum of all runs unless another run is about it. Raises OSError."""
        ended = status.state != "running"
        with atomic_write(_folder(self._out) / f"{self.id}.json") as file:
            file.write(record_bytes(status))
        if ended:
            os.close(self._lock)
            _lock_path(self._out, self.id).unlink(missing_ok=True)
        with exclusive(_folder(self._out) / "lock", wait=ended) as taken:
            found = _summed(_read_runs(self._out)) if taken else None
            if found:
                with atomic_write(self._out / STATUS) as file:
                    file.write(record_bytes(found) + b"\n")

    def drop_replaced(self, targets: frozenset[str]) -> None:
        """Removes the files of earlier runs that have ended and all of whose targets are among these."""
        for run in _read_runs(self._out):
            if run.id != self.id and run.state != "running" and run.targets <= targets:
                (_folder(self._out) / f"{run.id}.json").unlink(missing_ok=True)
                _lock_path(self._out, run.id).unlink(missing_ok=True)


def read_status(out: Path) -> FolderStatus:
    """The state of all runs on a folder now. Raises InputError if there was none."""
    found = _summed(_read_runs(out)) if out.is_dir() else None
    if found is None:
        raise InputError(f"{out}: no run of af2cpu predict has begun here; give the folder that was its -o")
    return found


def _folder(out: Path) -> Path:
    return out / HIDDEN / "runs"


def _lock_path(out: Path, run: str) -> Path:
    return _folder(out) / f"{run}.lock"


def _try_lock(file: int, kind: int) -> bool:
    """Waits for readers, which hold the lock for a moment only; False where the file system has no locks."""
    with suppress(OSError):
        fcntl.flock(file, kind)
        return True
    return False


def _read_runs(out: Path) -> list[RunStatus]:
    """In order of their starts. A run that died is told as such; a damaged file is left out."""
    found = []
    for path in sorted(_folder(out).glob("*.json")):
        with suppress(InputError):
            run = read_record(RunStatus, path)
            found.append(run if run.state != "running" or _is_alive(out, run) else _died(run))
    return sorted(found, key=lambda run: run.started)


def _is_alive(out: Path, run: RunStatus) -> bool:
    here = run.host == socket.gethostname()
    if run.locked:
        if _is_held(_lock_path(out, run.id)):
            return True
        if here:
            return False
    elif here:
        return Path(f"/proc/{run.pid}").exists()
    return datetime.now().astimezone() - run.updated < _SILENCE


def _is_held(path: Path) -> bool:
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False


def _died(run: RunStatus) -> RunStatus:
    return replace(run, state="died", reason=f"process {run.pid} on {run.host} ended without a last word, as if killed")


def _summed(runs: list[RunStatus]) -> FolderStatus | None:
    """None if there was no run."""
    if not runs:
        return None
    states, running, failed = _by_target(runs)
    alive = [run for run in runs if run.state == "running"]
    last = max(runs, key=lambda run: run.updated)
    ends = [run.estimated_end for run in alive if run.estimated_end]
    kinds = list(states.values())
    counts = Counts(len(kinds), *(kinds.count(kind) for kind in ("done", "running", "waiting", "failed", "unfinished")))
    return FolderStatus(
        state="running" if alive else last.state,
        started=min(run.started for run in runs),
        updated=last.updated,
        estimated_end=max(ends) if ends else None,
        counts=counts,
        running=running,
        failed=failed,
        runs=tuple(_line(run) for run in runs),
    )


def _by_target(runs: list[RunStatus]) -> tuple[dict[str, str], tuple[Running, ...], tuple[Failed, ...]]:
    """The state of each target; what is in work; what failed."""
    states: dict[str, str] = {}
    running: dict[str, tuple[Running, ...]] = {}
    failed: dict[str, Failed] = {}
    for run in runs:
        alive = run.state == "running"
        states |= dict.fromkeys(run.waiting, "waiting" if alive else "unfinished") | dict.fromkeys(run.done, "done")
        states |= dict.fromkeys((one.target for one in run.running), "running" if alive else "unfinished")
        for one in run.running if alive else ():
            running[one.target] = (*(old for old in running.get(one.target, ()) if old in run.running), one)
        for fault in run.failed:
            if fault.stage != "lock" or states.get(fault.target) != "running":  # else another run is at work on it
                states[fault.target] = "failed"
                failed[fault.target] = fault
    return (
        states,
        tuple(one for target, ones in running.items() if states[target] == "running" for one in ones),
        tuple(fault for target, fault in failed.items() if states[target] == "failed"),
    )


def _line(run: RunStatus) -> RunLine:
    return RunLine(
        id=run.id,
        command=run.command,
        host=run.host,
        pid=run.pid,
        state=run.state,
        reason=run.reason,
        started=run.started,
        updated=run.updated,
        estimated_end=run.estimated_end if run.state == "running" else None,
        targets=len(run.targets),
    )
