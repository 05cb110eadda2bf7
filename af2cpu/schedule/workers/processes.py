# SPDX-License-Identifier: Apache-2.0
"""Worker processes of Dask that keep to their cores and end with their run. Imports Dask: only where it is used."""

from __future__ import annotations

import gc
import logging
import os
import pickle
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import dask
from distributed import Nanny, Worker, get_worker, utils
from distributed.diagnostics.plugin import WorkerPlugin

from af2cpu.cores import keep_to_cpus, memory_kills, memory_was_short
from af2cpu.events import Event
from af2cpu.ops import isa
from af2cpu.schedule.workers.plan import WorkerPlan
from af2cpu.schedule.workers.tasks import RUN_ENDED, Order, Report, WorkerInfo, carry_out, host_name
from af2cpu.version import __version__

EXITS = "af2cpu-exits"  # topic: a nanny tells how its worker process ended
# Dask's own retries, work stealing, memory limits and log lines are off: the admission chooses workers and plans
# memory, the runner retries and tells. Heartbeats have no limit, because a task may keep the interpreter busy. Dask's
# logs of past tasks and events are short: they hold the orders of tasks, and would grow with every target. Measurements
# of event loops, interpreter locks, disks and hosts are rare or off: each process would make 50 to 1000 a second.
CONFIG: dict[str, Any] = {
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.worker-ttl": None,
    "distributed.scheduler.active-memory-manager.start": False,
    "distributed.admin.low-level-log-length": 10,
    "distributed.admin.system-monitor.log-length": 10,
    "distributed.diagnostics.computations.max-history": 1,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False,
    "distributed.worker.profile.enabled": False,
    "distributed.nanny.pre-spawn-environ": {},
    "distributed.worker.multiprocessing-method": "forkserver",
    "distributed.deploy.lost-worker-timeout": "10 minutes",
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.tick.limit": "1 hour",
    "distributed.admin.system-monitor.interval": "2s",
    "distributed.admin.system-monitor.disk": False,
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.worker.http.routes": [],  # pages of single workers
}


class StopCancelled(WorkerPlugin):
    """Ends the process if a task that runs is cancelled: the run has given it up, and its files are another's soon.

    The nanny starts the process anew.
    """

    def transition(self, key: Any, start: str, finish: str, **kwargs: Any) -> None:
        if start in {"executing", "long-running"} and finish == "cancelled":
            os._exit(RUN_ENDED)


class PinnedWorker(Worker):
    """A worker process that keeps to the cores and the NUMA node of its plan and runs one task at a time."""

    def __init__(self, *args: Any, plan: WorkerPlan, memory: int, **options: Any) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends Ctrl-C to the whole group; the run ends us
        keep_to_cpus(plan.cpus)
        gc.freeze()  # the collector would copy the shared memory of all imported objects by looking at them
        gc.enable()  # forked.py
        _silence()
        self.plan = plan
        self.memory = memory
        super().__init__(*args, plugins=(StopCancelled(),), **options)


class WatchingNanny(Nanny):
    """A nanny that reports how its worker process ended."""

    _kills: Mapping[str, int] = {}

    async def start_unsafe(self) -> Any:
        self._kills = memory_kills()
        return await super().start_unsafe()

    async def _on_worker_exit(self, exitcode: int) -> None:
        kills = memory_kills()
        short = exitcode == -9 and memory_was_short(self._kills, kills)
        message = {"name": str(self.name), "code": exitcode, "memory": short}
        self._kills = kills
        with suppress(OSError, RuntimeError):  # the scheduler is gone too, or all of this is being closed
            await self._log_event(EXITS, message)
        await super()._on_worker_exit(exitcode)


def nanny_options(plan: WorkerPlan, memory: int, name: str, host: str | None) -> dict[str, Any]:
    """Options of a WatchingNanny for a planned worker."""
    return {
        "name": name,
        "nthreads": 1,
        "memory_limit": 0,
        "host": host,
        "worker_class": PinnedWorker,
        "plan": plan,
        "memory": memory,
        "env": dict(os.environ) | {"OMP_NUM_THREADS": str(plan.cores)},  # the fork server may have an older one
    }


def info(dask_worker: Any) -> WorkerInfo | None:
    """The description of the worker process that this runs in; None if `af2cpu worker` did not start it.

    dask_worker: Client.run passes the worker under this name.
    """
    worker = dask_worker
    if not isinstance(worker, PinnedWorker):
        return None
    plan = worker.plan
    level = isa.level() if isa.built() else None
    return WorkerInfo(
        str(worker.name), host_name(), plan.cores, plan.predicts, worker.memory, __version__, level, os.getpid()
    )


def obey(packed: bytes) -> bytes:
    """A task: makes what an order asks for. Packed, so that the scheduler needs none of our modules."""
    worker: Any = get_worker()
    order: Order = pickle.loads(packed)

    def forward(event: Event) -> None:
        worker.log_event(order.topic, asdict(event) | {"worker": str(worker.name)})

    report: Report = carry_out(order, worker.plan.cores, forward)
    return pickle.dumps(report)


def release() -> None:
    """A task: frees the network that this process keeps."""
    from af2cpu.pipeline.stages.prediction import release_network

    release_network()


def configure() -> None:
    """Sets Dask's options for this process and the worker processes that it starts, and keeps it quiet."""
    dask.config.set(CONFIG)
    utils._forkserver_preload_set = True  # Dask would import pandas, where it is installed, for a server of its own
    _silence()


def _silence() -> None:
    """No lines of Dask's: what a user should know of lost workers and connections, the runner says."""
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in {"distributed", "tornado"}]
    for name in (*names, "distributed", "tornado"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 10)
