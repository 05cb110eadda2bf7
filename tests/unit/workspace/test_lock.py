# SPDX-License-Identifier: Apache-2.0
"""One lock for each target, one open file for all of them, freed when its process dies."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from af2cpu.errors import InputError
from af2cpu.workspace import TargetLocks
from af2cpu.workspace.lock import RunEndedError, is_alive, sweep, working


def test_a_target_has_one_owner(tmp_path: Path) -> None:
    with TargetLocks() as first, TargetLocks() as second:
        first.take(tmp_path / "a")
        with pytest.raises(InputError, match="another run is at work here"):
            second.take(tmp_path / "a")
        second.take(tmp_path / "b")
    with TargetLocks() as third:
        third.take(tmp_path / "a")


def test_thousands_of_targets_take_one_open_file(tmp_path: Path) -> None:
    with TargetLocks() as locks:
        locks.take(tmp_path / "first")
        before = len(os.listdir("/proc/self/fd"))
        for k in range(2000):
            locks.take(tmp_path / f"t{k}")
        assert len(os.listdir("/proc/self/fd")) == before
        with TargetLocks() as others, pytest.raises(InputError):
            others.take(tmp_path / "t1999")


@pytest.mark.fault(33, "the lock of a dead run is free at once")
def test_the_lock_of_a_process_that_died_is_free(tmp_path: Path) -> None:
    code = (
        "import sys, os, signal; from pathlib import Path; from af2cpu.workspace import TargetLocks\n"
        "locks = TargetLocks(); locks.take(Path(sys.argv[1])); print('locked', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"locked\n"
    with TargetLocks() as locks:
        with pytest.raises(InputError):
            locks.take(tmp_path / "a")
        process.kill()
        process.communicate()
        locks.take(tmp_path / "a")


def test_leftovers_of_a_killed_run_are_swept(tmp_path: Path) -> None:
    (tmp_path / "msas/.x1.tmp").mkdir(parents=True)
    left = [tmp_path / ".a.npz.4711.tmp", tmp_path / "msas" / ".b.sto.12.tmp", tmp_path / "msas/.x1.tmp/query.a3m"]
    kept = [tmp_path / "a.npz", tmp_path / "c.tmp"]
    for path in (*left, *kept):
        path.touch()
    sweep(tmp_path)
    assert [path.exists() for path in (*left, *kept)] == [False, False, False, True, True]
    assert not (tmp_path / "msas/.x1.tmp").exists()


def test_a_target_is_taken_over_once_the_workers_of_the_ended_run_stop(tmp_path: Path) -> None:
    folder, said = tmp_path / "a", list[str]()
    first = TargetLocks()
    first.take(folder)
    at_work = working([folder], first.run)
    at_work.__enter__()
    first.__exit__(None, None, None)  # as if its process had died; the worker goes on
    timer = threading.Timer(2.5, at_work.__exit__, (None, None, None))
    timer.start()
    start = time.monotonic()
    with TargetLocks() as second:
        second.take(folder, waiting=said.append)
        assert time.monotonic() - start > 2.3
        assert said == ["waiting until the workers of an ended run stop"]
        with working([folder], second.run), working([folder], second.run):
            pass
    timer.join()


def test_a_worker_starts_nothing_for_a_run_that_has_ended(tmp_path: Path) -> None:
    with TargetLocks() as ended:
        ended.take(tmp_path / "a")
        with working([tmp_path / "a"], ended.run):
            assert is_alive(tmp_path, ended.run)
    assert not is_alive(tmp_path, ended.run)
    with pytest.raises(RunEndedError), working([tmp_path / "a"], ended.run):
        pass
    with TargetLocks() as second:
        second.take(tmp_path / "a")
        with pytest.raises(RunEndedError), working([tmp_path / "a"], ended.run):
            pass


def test_waiting_for_another_run(tmp_path: Path) -> None:
    first = TargetLocks()
    first.take(tmp_path / "a")
    timer = threading.Timer(0.5, first.__exit__, (None, None, None))
    timer.start()
    with TargetLocks() as second:
        second.take(tmp_path / "a", wait=True)
        assert not timer.is_alive() or timer.finished.is_set()
    timer.join()
