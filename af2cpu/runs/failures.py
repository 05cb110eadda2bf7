# SPDX-License-Identifier: Apache-2.0
"""Why a target's last run failed, beside its results: the index page and the next run's user read it."""

from __future__ import annotations

from pathlib import Path

from af2cpu import events
from af2cpu.errors import InputError
from af2cpu.formats.streams import HIDDEN, atomic_write
from af2cpu.runs.records import Failure, read_record, record_bytes

_NAME = "failure.json"
TRACE = "error.log"


def record_failure(folder: Path, failure: Failure, trace: str) -> None:
    """Writes the failure, and the traceback of an unexpected error. Emits a warning if that is impossible."""
    try:
        failure_path(folder).parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(failure_path(folder)) as file:
            file.write(record_bytes(failure))
        (folder / TRACE).unlink(missing_ok=True)  # of an earlier run
        if trace:
            (folder / TRACE).write_text(trace)
            events.emit("line", f"the full error is in {folder / TRACE}", target=folder.name)
    except OSError as error:
        events.emit("warning", f"the failure could not be recorded: {error}", target=folder.name)


def failure_path(folder: Path) -> Path:
    """Where the failure of a target's last run is recorded."""
    return folder / HIDDEN / _NAME


def read_failure(folder: Path) -> Failure | None:
    """The failure of the target's last run; None if it did not fail. A damaged record counts as a failure."""
    path = failure_path(folder)
    if not path.is_file():
        return None
    try:
        return read_record(Failure, path)
    except InputError as error:
        return Failure("unknown", str(error))


def forget_failure(folder: Path) -> None:
    """Removes what an earlier run has left of its failure."""
    failure_path(folder).unlink(missing_ok=True)
    (folder / TRACE).unlink(missing_ok=True)
