# SPDX-License-Identifier: Apache-2.0
"""The workers of this machine."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

from af2cpu.cores import usable_cores
from af2cpu.schedule.cluster import local_cluster
from af2cpu.schedule.workers.plan import plan_workers
from af2cpu.settings import load_settings


def test_a_fixed_port_of_dask_may_be_in_use() -> None:
    """Two runs on one machine: Dask's own port for its pages, 8787, is another's. Its warning would be an error."""
    plans = plan_workers(usable_cores(1), workers=1, cores_per_fold=None)
    with socket.socket() as other:
        with suppress(OSError):  # in use already
            other.bind(("127.0.0.1", 8787))
            other.listen()
        with local_cluster(plans, 10**9, load_settings({}), predicts=False) as client:
            services = client.scheduler_info()["services"]
            assert services["dashboard"] not in {0, 8787}
            assert client.submit(sum, (1, 2)).result() == 3


def test_what_dask_keeps_of_past_tasks_is_bounded() -> None:
    """Its logs for developers hold the tasks' orders: memory would grow with every target."""

    def kept(dask_scheduler: Any) -> list[int]:
        topics = dask_scheduler.get_events()
        return [len(dask_scheduler.transition_log), len(dask_scheduler.computations), *map(len, topics.values())]

    plans = plan_workers(usable_cores(1), workers=1, cores_per_fold=None)
    with local_cluster(plans, 10**9, load_settings({}), predicts=False) as client:
        for number in range(20):
            assert client.submit(sum, (number, 2)).result() == number + 2
        assert max(client.run_on_scheduler(kept)) <= 10
