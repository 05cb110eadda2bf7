# SPDX-License-Identifier: Apache-2.0
"""Small disks and small memories for programs: real ones, made with the system's own means."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

_V1, _V2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")


class SmallDisk:
    """A tmpfs of a few bytes at a path, in a mount namespace of its own: what is mounted goes with its last process."""

    def __init__(self, place: Path, size: int) -> None:
        """Raises OSError where the system allows no namespaces."""
        place.mkdir(parents=True, exist_ok=True)
        self.place = place
        new = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
        mount = f"mount -t tmpfs -o size={size} none '{place}' && echo ready && exec sleep 600"
        self._keeper = subprocess.Popen([*new, "sh", "-c", mount], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self._keeper.stdout is not None
        if self._keeper.stdout.readline() != b"ready\n":
            self.close()
            raise OSError("no disk can be mounted here")
        users = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        self.prefix: Sequence[str] = ("nsenter", "--mount", *users, "--target", str(self._keeper.pid))

    @property
    def seen(self) -> Path:
        """The disk's folder from outside of its namespace."""
        return Path(f"/proc/{self._keeper.pid}/root{self.place}")

    def resize(self, size: int) -> None:
        subprocess.run([*self.prefix, "mount", "-o", f"remount,size={size}", str(self.place)], check=True)

    def close_to_writing(self) -> None:
        """Nobody can write to it from here on, root neither."""
        subprocess.run([*self.prefix, "mount", "-o", "remount,ro", str(self.place)], check=True)

    def leave(self, n_bytes: int) -> None:
        """Fills the disk but for so many bytes."""
        status = os.statvfs(self.seen)
        free = status.f_bavail * status.f_frsize
        with (self.seen / "filler").open("ab") as file:
            os.posix_fallocate(file.fileno(), file.tell(), max(free - n_bytes, 1))

    def close(self) -> None:
        self._keeper.kill()
        self._keeper.wait()
        assert self._keeper.stdout is not None
        self._keeper.stdout.close()


@contextmanager
def small_disk(place: Path, size: int) -> Iterator[SmallDisk]:
    """Skips the test where the system allows no mounts."""
    try:
        disk = SmallDisk(place, size)
    except OSError as error:
        pytest.skip(str(error))
    try:
        yield disk
    finally:
        disk.close()


class SmallMemory:
    """A cgroup with a limit on memory."""

    def __init__(self, n_bytes: int) -> None:
        """Raises OSError where none can be made."""
        self._v2 = not _V1.is_dir()
        self.folder = (_V2 if self._v2 else _V1) / f"af2cpu-test-{os.getpid()}-{time.monotonic_ns()}"
        self.folder.mkdir()
        try:
            self.limit(n_bytes)
        except OSError:
            self.close()
            raise
        self.prefix: Sequence[str] = ("sh", "-c", f'echo $$ > {self.folder}/cgroup.procs && exec "$@"', "sh")

    def limit(self, n_bytes: int) -> None:
        (self.folder / ("memory.max" if self._v2 else "memory.limit_in_bytes")).write_text(str(n_bytes))

    def close(self) -> None:
        for _ in range(100):  # its last process may still be ending
            try:
                return self.folder.rmdir()
            except OSError:
                time.sleep(0.05)


@contextmanager
def small_memory(n_bytes: int) -> Iterator[SmallMemory]:
    """Skips the test where no cgroup can be made."""
    try:
        group = SmallMemory(n_bytes)
    except OSError as error:
        pytest.skip(f"no cgroup can be made here: {error}")
    try:
        yield group
    finally:
        group.close()
