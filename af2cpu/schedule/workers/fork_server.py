# SPDX-License-Identifier: Apache-2.0
"""The process that worker processes are forked from; started first, so that it imports while this process does."""

from __future__ import annotations

import multiprocessing
import signal
from multiprocessing import forkserver, resource_tracker

_IMPORTED = (
    "af2cpu.schedule.workers.forked",
    "af2cpu.schedule.workers.processes",
    "af2cpu.pipeline.stages",
    "af2cpu.search.engine",
)


def start_fork_server() -> None:
    """Starts it, with what every worker process imports, so that these start at once, also anew after a loss.

    Nothing in it has threads. PyTorch is left to the workers, which import it at the same time.

    A terminal sends Ctrl-C to the whole group, and the run ends its workers: they and the server block it from their
    first moment on. Otherwise it would end their imports with a traceback.
    """
    multiprocessing.get_context("forkserver").set_forkserver_preload(list(_IMPORTED))
    resource_tracker.ensure_running()  # the server would start it otherwise, and that ends with SIGINT unblocked
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
