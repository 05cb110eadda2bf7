# SPDX-License-Identifier: Apache-2.0
"""The process that worker processes are forked from; started first, so that it imports while this process does."""

from __future__ import annotations

import multiprocessing
from multiprocessing import forkserver

_IMPORTED = ("af2cpu.schedule.workers.processes", "af2cpu.pipeline.stages", "af2cpu.search.engine")


def start_fork_server() -> None:
    """Starts it, with what every worker process imports, so that these start at once, also anew after a loss.

    Nothing in it has threads. PyTorch is left to the workers, which import it at the same time.
    """
    multiprocessing.get_context("forkserver").set_forkserver_preload(list(_IMPORTED))
    forkserver.ensure_running()
