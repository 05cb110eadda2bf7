# SPDX-License-Identifier: Apache-2.0
"""Limits on memory: real cgroups and limits of processes; kills for lack of memory by the kernel."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from machine_cases import small_memory
from program_cases import FIXED, Program, complete, differing, predict

MB = 10**6


def command(source: Path, out: Path) -> tuple[object, ...]:
    return predict(source, out, "--workers", 1, "--threads", 1)


@pytest.mark.fault("memory limits", "a cgroup's limit counts as the memory that there is")
@pytest.mark.fault(9)
@pytest.mark.fault(31, "what can't fit in a limit of a cgroup or of the process is refused before any work")
def test_a_small_cgroup_is_seen_by_the_check(source: Path, tmp_path: Path) -> None:
    with small_memory(300 * MB) as group:
        output = Program(tmp_path / "log", *command(source, tmp_path / "out"), prefix=group.prefix).end(2)
    assert "(a): 12 residues need about 0.3 GB and 0." in output.splitlines()[-1]
    assert not (tmp_path / "out").exists()


@pytest.mark.fault(
    31, "after a kill the next run says so and takes smaller slices, after two it refuses until there is more"
)
@pytest.mark.fault("memory limits", "a kill is noticed by the next run")
def test_killed_for_memory_said_and_refused(source: Path, expected: dict[str, bytes], tmp_path: Path) -> None:
    """The prediction takes all memory until the kernel kills the process: twice, which is more than planned for."""
    run, log = command(source, tmp_path / "out"), tmp_path / "log"
    grows = [["prediction", "a", "grow", 2]]
    with small_memory(700 * MB) as group:
        Program(log, *run, prefix=group.prefix, faults=grows).end(-signal.SIGKILL)
        second = Program(log, *run, prefix=group.prefix, faults=grows).end(-signal.SIGKILL)
        assert "a: result_tiny_pred_0.npz: an earlier attempt was killed for lack of memory" in second
        third = Program(log, *run, prefix=group.prefix, faults=grows).end(1)
        assert "a: failed: " in third
        assert "result_tiny_pred_0.npz: 2 attempts were killed for lack of memory" in third
        assert "lower --max-msa, cut the sequence, or use a machine with more memory" in third
        assert "Traceback" not in third
        assert (log / "fault-0-1").exists()
        group.limit(1200 * MB)
        assert "earlier attempt" not in Program(log, *run, prefix=group.prefix, faults=grows).end(0)
    assert differing(tmp_path / "out", expected) == []
    assert not list((tmp_path / "out").rglob("*.attempt"))


@pytest.mark.fault(31)
@pytest.mark.slow
def test_killed_for_memory_once(source: Path, expected: dict[str, bytes], tmp_path: Path) -> None:
    """The second attempt, with smaller slices, gives the same files."""
    run, log = command(source, tmp_path / "out"), tmp_path / "log"
    grows = [["prediction", "a", "grow", 1]]
    with small_memory(700 * MB) as group:
        Program(log, *run, prefix=group.prefix, faults=grows).end(-signal.SIGKILL)
        output = Program(log, *run, prefix=group.prefix, faults=grows).end(0)
    assert "now it is made with less memory" in output
    assert differing(tmp_path / "out", expected) == []


@pytest.mark.fault(31)
def test_killed_for_another_reason_nothing_is_said(source: Path, tmp_path: Path) -> None:
    run, log = command(source, tmp_path / "out"), tmp_path / "log"
    kills = [["prediction", "a", "kill", 3]]
    for _ in range(3):
        assert "memory" not in Program(log, *run, faults=kills).end(-signal.SIGKILL)
    assert "memory" not in Program(log, *run, faults=kills).end(0)
    assert complete(tmp_path / "out", "result_*.npz")


@pytest.mark.fault(31, "too little memory within the process is a line and the target's failure")
@pytest.mark.fault("memory limits")
def test_memory_that_ends_within_the_process(source: Path, tmp_path: Path) -> None:
    """The limit of the process: the system refuses what it asks for."""
    limit = "import resource as r; r.setrlimit(r.RLIMIT_DATA, (900_000_000, r.RLIM_INFINITY))"
    grows = [["prediction", "a", "grow", 1]]
    run = Program(tmp_path / "log", *command(source, tmp_path / "out"), faults=grows, before=limit)
    output = run.end(1)
    assert "a: failed: not enough memory; lower --max-msa, or cut the sequence" in output
    assert "Traceback" not in output


@pytest.mark.fault("memory 0", "error: it is a limit like any other")
@pytest.mark.parametrize("value", ["0", "0G", "-1"])
def test_no_memory_at_all(source: Path, tmp_path: Path, value: str) -> None:
    program = [sys.executable, "-m", "af2cpu", "predict", str(source), "-o", str(tmp_path / "out"), *FIXED]
    done = subprocess.run([*program, f"--memory={value}"], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1] == f"error: --memory {value}: must be a size such as 16G, 1 byte or more"
