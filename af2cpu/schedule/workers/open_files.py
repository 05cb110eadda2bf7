# SPDX-License-Identifier: Apache-2.0
"""How many files worker processes keep open in the process that starts them, and whether the system allows so many."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from af2cpu.errors import InputError
from af2cpu.words import counted

_OF_RUN, _OF_WORKER = 64, 12  # 24 and 9 were counted with 1 to 6 workers: sockets, pipes; the rest is headroom
_OPEN = Path("/proc/self/fd")


def lacks_files(workers: int) -> str:
    """Why this process can't open what so many worker processes need, in words; empty if it can.

    The soft limit on open files is raised as far as needed, up to the hard one; worker processes inherit it.
    """
    needed = len(os.listdir(_OPEN)) + _OF_RUN + _OF_WORKER * workers
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _within(needed, soft):
        return ""
    if _within(needed, hard):
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
        return ""
    processes = counted(workers, "worker process", "worker processes")
    return f"{processes} may need {needed} open files, and the limit is {hard} (ulimit -n)"


def check_files(workers: int, flag: str) -> None:
    """Raises InputError where `lacks_files` finds a reason. flag: setting that asked for the workers."""
    if reason := lacks_files(workers):
        raise InputError(f"{flag}: {reason}; raise the limit, or use fewer --workers")


def _within(count: int, limit: int) -> bool:
    return limit == resource.RLIM_INFINITY or count <= limit
