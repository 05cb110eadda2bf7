# SPDX-License-Identifier: Apache-2.0
"""af2cpu worker: worker processes for a Dask scheduler, started by hand or by a job."""

from __future__ import annotations

from typing import Annotated

import typer

from af2cpu.commands import options as o
from af2cpu.errors import InputError
from af2cpu.settings import RunSettings


@o.with_settings(
    *("scheduler", "workers", "cores_per_fold", "threads", "numa_node", "memory"), *("tls_ca", "tls_cert", "tls_key")
)
def worker(
    settings: RunSettings,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the workers in messages. Default: the host's and a number.")
    ] = None,
) -> None:
    """Start worker processes that a run with --scheduler uses, on this machine and until they are stopped.

    The processes keep to their cores and NUMA node; one that dies is started anew.

    All hosts must see the same folders and have the same version of af2cpu.

    Example: af2cpu worker --scheduler tcp://node1:8786
    """
    if settings.scheduler is None:
        raise InputError("--scheduler: is missing; start one with dask scheduler, and give its address")
    from af2cpu.schedule.workers.command import join

    join(settings, name)
