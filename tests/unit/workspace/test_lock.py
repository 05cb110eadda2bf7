"""One lock for each target, one open file for all of them, freed when its process dies."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from af2cpu.errors import InputError
from af2cpu.workspace import TargetLocks
from af2cpu.workspace.lock import sweep


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
    (tmp_path / "msas").mkdir()
    left = [tmp_path / ".a.npz.4711.tmp", tmp_path / "msas" / ".b.sto.12.tmp"]
    kept = [tmp_path / "a.npz", tmp_path / "c.tmp"]
    for path in (*left, *kept):
        path.touch()
    sweep(tmp_path)
    assert [path.exists() for path in (*left, *kept)] == [False, False, True, True]
