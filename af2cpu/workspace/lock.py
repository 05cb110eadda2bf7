"""One lock for each target of a run, in one file for all targets of a folder.

Each target locks a byte of the file OUT/.af2cpu/lock, at an offset that is a hash of the target's name (open file
description locks, Linux). Thousands of targets need one open file, and the system frees the locks of a dead process.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from af2cpu.errors import InputError
from af2cpu.formats.streams import HIDDEN, TEMPORARY

_NAME = "lock"
_FLOCK = "hhqqi4x"  # struct flock: type, whence, start, length, pid


class TargetLocks:
    """Locks of target folders, held until the block ends. A context manager."""

    def __init__(self) -> None:
        self._files: dict[Path, int] = {}
        self._stack = ExitStack()

    def __enter__(self) -> TargetLocks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        self._files.clear()

    def take(self, folder: Path) -> None:
        """Locks a target; makes its folder. Raises InputError if another run has it, OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        try:
            _lock_byte(self._file(folder.parent), _place(folder.name))
        except (BlockingIOError, PermissionError) as error:
            raise InputError(f"{folder}: another run is at work here; wait for it, or use another -o") from error

    def _file(self, out: Path) -> int:
        """The open lock file of a folder of targets; closing it frees its locks."""
        key = out.resolve()
        if key not in self._files:
            (out / HIDDEN).mkdir(exist_ok=True)
            self._files[key] = os.open(out / HIDDEN / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            self._stack.callback(os.close, self._files[key])
        return self._files[key]


def _place(name: str) -> int:
    """The byte of a target: 62 bits of a hash, so that two names practically never share one."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little") >> 2


def _lock_byte(file: int, place: int) -> None:
    request = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, place, 1, 0)
    fcntl.fcntl(file, fcntl.F_OFD_SETLK, request)


def sweep(folder: Path) -> None:
    """Removes the temporary files that a killed run has left in a folder that is locked now."""
    for path in folder.rglob(f".*{TEMPORARY}"):
        path.unlink(missing_ok=True)
