# SPDX-License-Identifier: Apache-2.0
"""Machines as users have them: disks that can't be written, no home, no terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from machine_cases import small_disk
from program_cases import inputs, predict

from af2cpu.model.config import model_config
from af2cpu.weights.synthetic import synthetic_parameters, write_parameters


def run(arguments: tuple[object, ...], prefix: Sequence[str] = ()) -> tuple[int, str]:
    """The program in a session of its own: no terminal, nothing to read from, no HOME."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "af2cpu", *map(str, arguments)],
        env=kept,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    return done.returncode, done.stderr


@pytest.mark.fault(36, "works without HOME and without a terminal; a folder that can't be written is an error at once")
def test_no_home_no_terminal(tmp_path: Path) -> None:
    source = inputs(tmp_path / "in", "a")
    code, said = run(predict(source, tmp_path / "out", "--workers", 1))
    assert code == 0, said
    assert (tmp_path / "out" / "a" / "report.html").is_file()
    assert not list(tmp_path.rglob("~"))


@pytest.mark.fault(36)
def test_a_disk_that_can_not_be_written(tmp_path: Path) -> None:
    """A read-only file system stops root too. Parameters and inputs on it are read."""
    with small_disk(tmp_path / "disk", 64 << 20) as disk:
        inputs(disk.seen / "in", "a")
        write_parameters(disk.seen / "params_tiny.npz", synthetic_parameters(model_config("tiny"), 0))
        disk.close_to_writing()
        code, said = run(predict(disk.place / "in", disk.place / "out"), disk.prefix)
        assert code == 2, said
        assert f"{disk.place / 'out'}: nothing can be written there" in said.splitlines()[-1]
        assert "Traceback" not in said
        own = ("--workers", 1, "--params", disk.place)
        code, said = run(predict(disk.place / "in", tmp_path / "out", *own), disk.prefix)
        assert code == 0, said
