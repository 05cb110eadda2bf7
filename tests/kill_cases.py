"""Runs of af2cpu in processes of their own, some of them killed: what they leave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import orjson

# Times are in them, or their hashes.
CHANGING = ("timings.json", "log.txt", "run.json", "report.html", "keys.json", ".lock")


def start(arguments: Sequence[str]) -> subprocess.Popen[str]:
    """af2cpu as a process, both its outputs in one pipe."""
    command = [sys.executable, "-c", "from af2cpu.cli import main; main()", *arguments]
    environment = os.environ | {"COLUMNS": "200"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


def finish(arguments: Sequence[str]) -> float:
    """Runs af2cpu to its end; seconds. Raises AssertionError with its output if it fails."""
    began = time.monotonic()
    process = start(arguments)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return time.monotonic() - began


def kill(arguments: Sequence[str], after: float) -> None:
    """Starts af2cpu and kills it after so many seconds, without a chance to clean up."""
    process = start(arguments)
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a target by name but those that hold times."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in CHANGING
    }


def done(folder: Path) -> dict[str, int]:
    """When each file that a stage has vouched for was written: these a later run must leave alone."""
    keys = folder / "keys.json"
    names = orjson.loads(keys.read_bytes()) if keys.is_file() else {}
    return {name: (folder / name).stat().st_mtime_ns for name in names}
