# SPDX-License-Identifier: Apache-2.0
"""Runs of af2cpu in processes of their own, some of them killed: what they leave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from af2cpu.formats.streams import HIDDEN

CHANGING = ("timings.json", "log.txt", "report.html")  # times are in them, or their hashes
RECORDS = ("run.json", "search.json")  # of which all but the times is the same
TIMES = ("timings", "seconds")


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
    """All files of a target by name but those that hold times; its records without them."""
    return {
        path.relative_to(folder).as_posix(): _timeless(path) if path.name in RECORDS else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in CHANGING and HIDDEN not in path.parts
    }


def _timeless(path: Path) -> bytes:
    return orjson.dumps(_without_times(orjson.loads(path.read_bytes())))


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(item) for key, item in value.items() if key not in TIMES}
    return [_without_times(item) for item in value] if isinstance(value, list) else value


def done(folder: Path) -> dict[str, int]:
    """When each artefact that has a receipt was written: these a later run must leave alone."""
    receipts = folder.rglob(f"{HIDDEN}/*.json")
    made = (path.parent.parent / path.name.removesuffix(".json") for path in receipts)
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in made if path.is_file()}
