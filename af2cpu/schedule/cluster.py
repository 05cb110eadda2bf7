# SPDX-License-Identifier: Apache-2.0
"""The clusters of a run: worker processes on this machine, a Dask scheduler that runs, jobs of a batch system.

Everything listens on the loopback interface unless a scheduler elsewhere or a batch system is asked for.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import util
from typing import TYPE_CHECKING, Any

from af2cpu import events
from af2cpu.errors import InputError
from af2cpu.schedule.connection import TLS, is_scheduler_file, reason_of, security_of
from af2cpu.schedule.workers.fork_server import start_fork_server
from af2cpu.schedule.workers.plan import WorkerPlan
from af2cpu.settings import RunSettings, flag_of
from af2cpu.words import counted

if TYPE_CHECKING:
    from distributed import Client, Security

LOOPBACK = "127.0.0.1"
_PAGES = f"{LOOPBACK}:0"  # of Dask: a free port; its own default, 8787, may be another run's
_CONNECT_WITHIN = 30.0  # seconds for a scheduler to answer
_CLOSE_WITHIN = 5.0
_BATCH_SYSTEMS = {"slurm": "SLURM", "pbs": "PBS", "lsf": "LSF", "sge": "SGE"}


@contextmanager
def local_cluster(plans: Sequence[WorkerPlan], memory: int, settings: RunSettings) -> Iterator[Client]:
    """Worker processes on this machine; they die with this process, however it ends."""
    try:
        start_fork_server()
    except OSError as error:
        raise _not_started(error) from error
    from distributed import Client, SpecCluster

    from af2cpu.schedule.workers.processes import configure

    configure()
    security = security_of(settings)
    dashboard = util.find_spec("bokeh") is not None
    try:
        cluster = SpecCluster(
            workers=_nannies(plans, memory, security),
            scheduler=_scheduler(security, dashboard=dashboard),
            security=security,
            silence_logs=False,
            shutdown_on_close=False,
        )
    except (OSError, RuntimeError) as error:  # Dask gives RuntimeError for whatever a worker's start raises
        raise _not_started(error) from error
    try:
        with Client(cluster, security=security, timeout=_CONNECT_WITHIN) as client:
            _tell_workers(plans, cluster.dashboard_link if dashboard else "")
            try:
                yield client
            finally:
                _kill_workers(cluster)
    finally:
        with suppress(Exception):  # nothing that matters: all results are files
            cluster.close(timeout=_CLOSE_WITHIN)


def _scheduler(security: Security | None, *, dashboard: bool) -> dict[str, Any]:
    """Of a cluster on this machine, as SpecCluster takes it."""
    from distributed import Scheduler

    options = {
        "host": LOOPBACK,
        "port": 0,
        "protocol": "tls://" if security else "tcp://",
        "security": security,
        "dashboard": dashboard,
        "dashboard_address": _PAGES,
    }
    return {"cls": Scheduler, "options": options}


def _nannies(plans: Sequence[WorkerPlan], memory: int, security: Security | None) -> dict[str, dict[str, Any]]:
    """The nannies of the worker processes, as SpecCluster takes them."""
    from af2cpu.schedule.workers.processes import WatchingNanny, nanny_options

    common = {"security": security}
    return {
        plan.name: {"cls": WatchingNanny, "options": nanny_options(plan, memory, plan.name, LOOPBACK) | common}
        for plan in plans
    }


def _not_started(error: BaseException) -> OSError:
    return OSError(
        f"worker processes can't be started ({reason_of(error)}); --workers 1 does everything in one process"
    )


def _tell_workers(plans: Sequence[WorkerPlan], dashboard: str) -> None:
    folds = [plan for plan in plans if plan.folds]
    others = len(plans) - len(folds)
    text = f"{counted(len(folds), 'worker process', 'worker processes')} of {_cores(folds)}"
    text += f", and {others} for relaxation and other small steps" if others else ""
    events.emit("line", text)
    if dashboard:
        events.emit("line", f"Dask's dashboard: {dashboard}")
    else:
        events.emit("note", "no dashboard: the Python package bokeh is not installed")


def _cores(plans: Sequence[WorkerPlan]) -> str:
    least, most = min(plan.cores for plan in plans), max(plan.cores for plan in plans)
    return counted(most, "core") if least == most else f"{least} to {most} cores"


def _kill_workers(cluster: Any) -> None:
    """Ends the worker processes now; Dask would ask them and wait. They have nothing to lose."""
    from distributed.core import Status

    for nanny in list(cluster.workers.values()):
        nanny.status = Status.closing_gracefully  # starts no new process
        with suppress(ProcessLookupError, AttributeError, TypeError):
            os.kill(nanny.process.process._state.pid, signal.SIGKILL)


@contextmanager
def running_scheduler(address: str, settings: RunSettings) -> Iterator[Client]:
    """A scheduler that was started by hand. Raises InputError if it can't be reached."""
    from distributed import Client

    from af2cpu.schedule.workers.processes import configure

    configure()
    security = security_of(settings)
    where = {"scheduler_file" if is_scheduler_file(address) else "address": address}
    if security and address.startswith("tcp://"):
        raise InputError(f"--scheduler {address}: with --tls-ca the address begins with tls://")
    try:
        client = Client(**where, security=security, timeout=_CONNECT_WITHIN, set_as_default=False)
    except (OSError, TimeoutError, ValueError, TypeError, RuntimeError) as error:
        raise InputError(
            f"--scheduler {address}: can't be reached ({error or type(error).__name__}); is it running, and are the "
            "--tls settings those of the scheduler?"
        ) from error
    with client:
        events.emit("line", f"Dask scheduler {client.scheduler_info()['address']}")
        yield client


@contextmanager
def batch_jobs(settings: RunSettings) -> Iterator[Client]:
    """Workers as jobs of a batch system, with a scheduler in this process. Raises InputError."""
    from distributed import Client

    from af2cpu.schedule.workers.processes import configure

    configure()
    name = batch_system(settings)
    cluster_class = _cluster_class(str(name))
    options = _read_config(settings)
    jobs = options.pop("jobs", 1)
    security = security_of(settings)
    if security:
        options |= {"security": security, "protocol": "tls://"}
    options["scheduler_options"] = {"dashboard_address": _PAGES} | options.get("scheduler_options", {})
    try:
        cluster = cluster_class(n_workers=jobs, processes=1, tls=_tls_arguments(settings), **options)
    except (TypeError, ValueError) as error:
        raise InputError(f"{settings.cluster_config}: dask-jobqueue does not take it: {error}") from error
    try:
        with Client(cluster, security=security, timeout=_CONNECT_WITHIN) as client:
            events.emit("line", f"{counted(jobs, 'job')} asked for; this process must be reachable from their hosts")
            yield client
    finally:
        with suppress(Exception):
            cluster.close(timeout=_CLOSE_WITHIN)


def batch_system(settings: RunSettings) -> str | None:
    """slurm, pbs, lsf or sge; None if none is asked for. Raises InputError for several."""
    asked = [name for name in _BATCH_SYSTEMS if getattr(settings, name)]
    if len(asked) > 1 or (asked and settings.scheduler):
        flags = [*map(flag_of, asked), *(["--scheduler"] if settings.scheduler else [])]
        raise InputError(f"{' and '.join(flags)}: give one of them")
    return asked[0] if asked else None


def _read_config(settings: RunSettings) -> dict[str, Any]:
    path = settings.cluster_config
    if path is None:
        raise InputError("--cluster-config: is missing; it says number, cores and memory of the jobs")
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a TOML file: {error}") from error
    lacking = [name for name in ("cores", "memory") if name not in found]
    if lacking:
        raise InputError(f"{path}: lacks {lacking[0]} of a job; give number, cores and memory")
    return found


def _cluster_class(name: str) -> Any:
    """dask-jobqueue's class, whose jobs run af2cpu worker."""
    try:
        import dask_jobqueue
    except ImportError as error:
        raise InputError(f"--{name}: needs dask-jobqueue; pip install 'af2cpu[cluster]'") from error
    base = getattr(dask_jobqueue, f"{_BATCH_SYSTEMS[name]}Cluster")

    job: Any = base.job_cls

    class Job(job):
        def __init__(self, *args: Any, tls: Sequence[str] = (), **options: Any) -> None:
            super().__init__(*args, **options)
            self._command_template = worker_command(self.scheduler, str(self.name), tls)

    return type(f"{base.__name__}OfWorkers", (base,), {"job_cls": Job})


def worker_command(scheduler: str, name: str, tls: Sequence[str] = ()) -> str:
    """The command of a job: af2cpu worker, in this Python."""
    words = [sys.executable, "-m", "af2cpu", "worker", "--scheduler", scheduler, "--name", name, *tls]
    return shlex.join(words)


def _tls_arguments(settings: RunSettings) -> tuple[str, ...]:
    return tuple(
        word for name in TLS if (path := getattr(settings, name)) for word in (flag_of(name), str(path.absolute()))
    )
