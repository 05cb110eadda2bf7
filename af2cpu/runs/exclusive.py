# SPDX-License-Identifier: Apache-2.0
"""A lock for files that several runs write into one results folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusive(path: Path, *, wait: bool) -> Iterator[bool]:
    """Within this block no other process is in a block of the same path.

    Yields False if another process is and `wait` is not set. On file systems without locks it always goes on.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        taken = True
    except BlockingIOError:
        taken = False
    except OSError:
        taken = True
    try:
        yield taken
    finally:
        os.close(file)
