# SPDX-License-Identifier: Apache-2.0
"""Worker processes of this host that join a scheduler: what `af2cpu worker` runs until it is stopped."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any

from af2cpu import stopping
from af2cpu.cores import available_memory, usable_cores
from af2cpu.errors import InputError
from af2cpu.schedule.connection import is_scheduler_file, reason_of, security_of
from af2cpu.schedule.workers.fork_server import start_fork_server
from af2cpu.schedule.workers.open_files import check_files
from af2cpu.schedule.workers.plan import plan_workers
from af2cpu.schedule.workers.tasks import host_name

_CONNECT_WITHIN = 60.0  # seconds for the scheduler to answer


def join(settings: Any, name: str | None) -> None:
    """Runs planned worker processes, each with a nanny that starts it anew, until the scheduler or this process ends.

    Raises InputError if the scheduler can't be reached.
    """
    start_fork_server(predicts=True)
    from distributed.core import Status

    from af2cpu.schedule.workers.processes import WatchingNanny, configure, nanny_options

    configure()
    plans = plan_workers(
        usable_cores(settings.threads), workers=settings.workers, cores_per_fold=settings.cores_per_fold
    )
    check_files(len(plans), f"--workers {len(plans)}")
    memory = settings.memory or available_memory()
    prefix = name or f"{host_name()}-{os.getpid()}"
    address = str(settings.scheduler)
    file = is_scheduler_file(address)
    positional: tuple[Any, ...] = () if file else (address,)
    common: dict[str, Any] = ({"scheduler_file": address} if file else {}) | {
        "security": security_of(settings),
        "death_timeout": _CONNECT_WITHIN,
    }

    async def run() -> None:
        nannies = [
            WatchingNanny(*positional, **(common | nanny_options(plan, memory, f"{prefix}-{plan.name}", None)))
            for plan in plans
        ]
        try:
            await asyncio.gather(*nannies)
            await asyncio.gather(*(nanny.finished() for nanny in nannies))
        finally:
            open_ones = [nanny for nanny in nannies if nanny.status not in {Status.closed, Status.failed}]
            await asyncio.gather(*(nanny.close(timeout=1) for nanny in open_ones), return_exceptions=True)

    try:
        _run_until_stopped(run)
    except (OSError, TimeoutError, ValueError, RuntimeError) as error:
        raise InputError(
            f"--scheduler {address}: can't be joined ({reason_of(error)}); is it running, and are the "
            "--tls settings its own?"
        ) from error


def _run_until_stopped(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs it in an event loop; SIGTERM and Ctrl-C cancel it, and are then handled as before.

    A handler that raises, as the program's own does, can't do that: asyncio drops exceptions of the callback in which
    the signal happens to come, and a loop that is half made or closed breaks. Signals are noted while it is.
    """
    came: list[int] = []

    def note(number: int, frame: FrameType | None = None) -> None:
        came.append(number)

    async def cancelled_by_signal() -> None:
        task, loop = asyncio.ensure_future(work()), asyncio.get_running_loop()

        def cancel(number: int) -> None:
            came.append(number)
            task.cancel()

        for number in handlers:
            loop.add_signal_handler(number, cancel, number)
        if came:
            task.cancel()
        try:
            await task
        finally:
            for number in handlers:
                loop.remove_signal_handler(number)
                signal.signal(number, note)

    every = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    handlers = {number: handler for number, handler in every.items() if handler is not signal.SIG_IGN}
    for number in handlers:
        signal.signal(number, note)
    try:
        stopping.check()  # one that came while modules were loading would be raised a moment later
        asyncio.run(cancelled_by_signal())
    except asyncio.CancelledError:
        if not came:
            raise
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])
