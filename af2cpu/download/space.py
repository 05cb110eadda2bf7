# SPDX-License-Identifier: Apache-2.0
"""The folder that a download goes to: room for it, how long it takes, one download at a time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from af2cpu.errors import DownloadError
from af2cpu.formats.streams import sweep_abandoned
from af2cpu.words import duration

_LINE = 100e6 / 8  # bytes per second of the line that times are told for
_LOCK = ".download.lock"


@contextmanager
def exclusive(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Makes the folder and locks it against a second download; a dead process holds no lock. Raises DownloadError."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout as error:
        raise DownloadError(f"{folder}: another download is at work here; wait for it to end") from error
    try:
        sweep_abandoned(folder)
        yield
    finally:
        lock.release()


def check_space(folder: Path, needed: float, what: str) -> None:
    """Raises DownloadError if `folder` has less than `needed` bytes free."""
    free = free_bytes(folder)
    if needed > free:
        raise DownloadError(
            f"{what}: needs {needed / 1e9:.1f} GB in {folder} and {free / 1e9:.1f} GB are free; make room, or give "
            "another folder"
        )


def free_bytes(folder: Path) -> int:
    """Free space where `folder` is or will be."""
    place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(place).free


def outlook(size: float, folder: Path) -> str:
    """Size, free space and time of a download into `folder`, in words."""
    return (
        f"{size_text(size)} to fetch into {folder}, {size_text(free_bytes(folder))} free there; "
        f"about {duration(max(size / _LINE, 1))} at 100 Mbit/s, {duration(max(10 * size / _LINE, 1))} at 10 Mbit/s"
    )


def size_text(size: float) -> str:
    """Bytes for people."""
    unit, name = next(((unit, name) for unit, name in ((1e9, "GB"), (1e6, "MB")) if size >= unit), (1e3, "kB"))
    return f"{size / unit:.1f} {name}"
