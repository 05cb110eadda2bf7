# SPDX-License-Identifier: Apache-2.0
"""One lock for each target of a run, in one file for all targets of a folder.

Each target locks a byte of the file OUT/.af2cpu/lock, at an offset that is a hash of the target's name (open file
description locks, Linux). Thousands of targets need one open file, and the system frees the locks of a dead process.

Worker processes hold no lock of that kind: the run that started them does, from start to end. While a worker is at work
on a target it shares a second byte, and a run that takes the target over waits until that byte is free. A worker also
looks at a third byte, which its run holds as long as it lives: it starts nothing for a run that has ended, and its
process ends with its run (schedule/workers/tasks.py). So no two runs ever write into one folder, whichever process dies
first.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType

from af2cpu.errors import InputError
from af2cpu.formats.streams import HIDDEN, TEMPORARY

_NAME = "lock"
_FLOCK = "hhqqi4x"  # struct flock: type, whence, start, length, pid


_BITS = 61  # of an offset; the highest ones tell targets, workers and runs apart
_PAUSE = 0.1  # seconds between two looks at a lock that another process has
_SAID_AFTER = 2.0  # seconds of waiting before it is told


class TargetLocks:
    """Locks of target folders, held until the block ends. A context manager."""

    def __init__(self) -> None:
        self._files: dict[Path, int] = {}
        self._stack = ExitStack()
        self.run = secrets.randbits(_BITS)  # by which workers recognise this run

    def __enter__(self) -> TargetLocks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        self._files.clear()

    def take(self, folder: Path, *, wait: bool = False, waiting: Callable[[str], None] = lambda reason: None) -> None:
        """Locks a target; makes its folder. Raises InputError if another run has it, OSError.

        wait: waits for the other run instead. Workers of a run that has ended are always waited for.
        waiting: called with the reason once it has waited for two seconds.
        """
        folder.mkdir(parents=True, exist_ok=True)
        file = self._file(folder.parent)
        try:
            _set(file, fcntl.F_WRLCK, _place(folder.name))
        except (BlockingIOError, PermissionError) as error:
            if not wait:
                raise InputError(f"{folder}: another run is at work here; wait for it, or use another -o") from error
            _wait(file, _place(folder.name), lambda: waiting("another run is at work here, waiting for its end"))
        _wait(file, _worker_place(folder.name), lambda: waiting("waiting until the workers of an ended run stop"))
        _set(file, fcntl.F_UNLCK, _worker_place(folder.name))

    def _file(self, out: Path) -> int:
        """The open lock file of a folder of targets; closing it frees its locks. The run's own byte is locked in it."""
        key = out.resolve()
        if key not in self._files:
            (out / HIDDEN).mkdir(exist_ok=True)
            file = os.open(out / HIDDEN / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            self._stack.callback(os.close, file)
            _set(file, fcntl.F_WRLCK, _run_place(self.run))
            self._files[key] = file
        return self._files[key]


class RunEndedError(Exception):
    """The run that a worker works for has ended: it must not write any more."""


@contextmanager
def working(folders: Iterable[Path], run: int) -> Iterator[None]:
    """Within this block a worker of a run may write into the folders of its targets. Raises RunEndedError, OSError."""
    with ExitStack() as stack:
        files: dict[Path, int] = {}
        for folder in folders:
            if folder.parent not in files:
                files[folder.parent] = os.open(folder.parent / HIDDEN / _NAME, os.O_RDWR | os.O_CLOEXEC)
                stack.callback(os.close, files[folder.parent])
            with suppress(BlockingIOError, PermissionError):  # taken over, so that the run is not alive either
                _set(files[folder.parent], fcntl.F_RDLCK, _worker_place(folder.name))
        # In this order: a run that takes the target over from here on sees the byte and waits for this process.
        if not all(_is_locked(file, _run_place(run)) for file in files.values()):
            raise RunEndedError
        yield


def is_alive(out: Path, run: int) -> bool:
    """Whether a run still holds its byte in the lock file of a folder of targets. Raises OSError."""
    file = os.open(out / HIDDEN / _NAME, os.O_RDWR | os.O_CLOEXEC)
    try:
        return _is_locked(file, _run_place(run))
    finally:
        os.close(file)


def _place(name: str) -> int:
    """The byte of a target: 61 bits of a hash, so that two names practically never share one."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little") >> (64 - _BITS)


def _worker_place(name: str) -> int:
    return (1 << _BITS) + _place(name)


def _run_place(run: int) -> int:
    return (2 << _BITS) + run


def _set(file: int, kind: int, place: int) -> None:
    """Locks or frees a byte. Raises BlockingIOError or PermissionError if another process has it."""
    fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack(_FLOCK, kind, os.SEEK_SET, place, 1, 0))


def _is_locked(file: int, place: int) -> bool:
    """Whether another open file has a lock on a byte."""
    request = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, place, 1, 0)
    kind, *_ = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_OFD_GETLK, request))
    return bool(kind != fcntl.F_UNLCK)


def _wait(file: int, place: int, told: Callable[[], None]) -> None:
    """Locks a byte as soon as it is free; calls `told` after a while."""
    start, silent = time.monotonic(), True
    while True:
        try:
            return _set(file, fcntl.F_WRLCK, place)
        except (BlockingIOError, PermissionError):
            if silent and time.monotonic() - start > _SAID_AFTER:
                told()
                silent = False
            time.sleep(_PAUSE)


def sweep(folder: Path) -> None:
    """Removes the temporary files and folders that a killed run has left in a folder that is locked now."""
    for path in list(folder.rglob(f".*{TEMPORARY}")):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
