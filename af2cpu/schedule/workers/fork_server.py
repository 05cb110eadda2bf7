# SPDX-License-Identifier: Apache-2.0
"""The process that worker processes are forked from; started first, so that it imports while this process does."""

from __future__ import annotations

import multiprocessing
import signal
from multiprocessing import forkserver, resource_tracker

_OF_ALL = (
    "af2cpu.schedule.workers.forked",
    "af2cpu.schedule.workers.processes",
    "af2cpu.pipeline.stages",
    "af2cpu.search.engine",
)
_OF_PREDICTIONS = ("af2cpu.schedule.workers.imports",)


def start_fork_server(*, predicts: bool) -> None:
    """Starts it, with what every worker process imports, so that these start at once, also anew after a loss.

    predicts: whether the workers make predictions, for which PyTorch and matplotlib are imported once, in memory that
    all workers share. Nothing in the server may have started threads of OpenMP: a forked process would wait for them.

    A terminal sends Ctrl-C to the whole group, and the run ends its workers: they and the server block it from their
    first moment on. Otherwise it would end their imports with a traceback.
    """
    multiprocessing.get_context("forkserver").set_forkserver_preload([*_OF_ALL, *(_OF_PREDICTIONS if predicts else ())])
    resource_tracker.ensure_running()  # the server would start it otherwise, and that ends with SIGINT unblocked
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
