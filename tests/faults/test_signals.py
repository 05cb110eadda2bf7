# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C and SIGTERM at any moment, also while the program loads: one line, the signal's exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from program_cases import inputs, predict

WORDS = {
    signal.SIGINT: "interrupted; what is complete is kept and used by the next run",
    signal.SIGTERM: "terminated; what is complete is kept and used by the next run",
}


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("in")
    arguments = predict(inputs(folder / "in", "a"), folder / "out", "--workers", 1, "--recycles", 20)
    return [sys.executable, "-m", "af2cpu", *map(str, arguments)]


def start(command: list[str]) -> subprocess.Popen[str]:
    """The program, once it has its handlers: before, Python itself ends for a signal."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    status = Path(f"/proc/{process.pid}/status")
    while not _has_handlers(status):
        assert process.poll() is None
        time.sleep(0.001)
    return process


def _has_handlers(status: Path) -> bool:
    """Whether a process handles SIGALRM, the last of the signals that get a handler."""
    mask = next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("SigCgt"))
    return bool(int(mask, 16) & (1 << (signal.SIGALRM - 1)))


def ended(command: list[str], number: signal.Signals, after: float) -> str:
    process = start(command)
    time.sleep(after)
    running = process.poll() is None
    os.kill(process.pid, number)
    output, _ = process.communicate(timeout=30)
    if running:
        assert process.returncode == 128 + number, f"after {after:.3f} s: {output}"
        assert output.splitlines()[-1] == WORDS[number], f"after {after:.3f} s: {output}"
    assert "Traceback" not in output, f"after {after:.3f} s: {output}"
    assert "Exception ignored" not in output, f"after {after:.3f} s: {output}"
    return output


@pytest.mark.fault("signals in imports", "one line and the signal's exit code, as at any other moment")
@pytest.mark.fault("SIGTERM")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after", [0.0, 0.05, 0.15, 0.3, 0.6, 1.0])
def test_a_signal_while_the_program_loads(command: list[str], number: signal.Signals, after: float) -> None:
    ended(command, number, after)


@pytest.mark.slow
@pytest.mark.fault("signals in imports")
@pytest.mark.fault(35)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_any_moment_of_loading(command: list[str], number: signal.Signals) -> None:
    for step in range(24):
        ended(command, number, 0.07 * step)
