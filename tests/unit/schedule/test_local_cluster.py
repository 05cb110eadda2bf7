# SPDX-License-Identifier: Apache-2.0
"""The workers of this machine."""

from __future__ import annotations

import socket
from contextlib import suppress

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
        with local_cluster(plans, 10**9, load_settings({})) as client:
            services = client.scheduler_info()["services"]
            assert services["dashboard"] not in {0, 8787}
            assert client.submit(sum, (1, 2)).result() == 3
