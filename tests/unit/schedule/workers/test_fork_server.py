# SPDX-License-Identifier: Apache-2.0
"""Worker processes are forked with the libraries of predictions loaded, and compute with these."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

# A process of its own: there is one fork server in a process, and other tests start it.
_PROGRAM = """
import gc
import json
import sys

from af2cpu.cores import usable_cores
from af2cpu.schedule.cluster import local_cluster
from af2cpu.schedule.workers.plan import plan_workers
from af2cpu.settings import load_settings


def look():
    loaded = [name for name in ("torch", "matplotlib.figure") if name in sys.modules]
    import torch

    torch.set_num_threads(2)  # waits for ever if the server had started OpenMP's threads before the fork
    total = float((torch.ones(500, 500) @ torch.ones(500, 500)).sum())
    return loaded, gc.isenabled(), gc.get_freeze_count() > 1000, total


if __name__ == "__main__":
    plans = plan_workers(usable_cores(1), workers=1, cores_per_fold=None)
    with local_cluster(plans, 10**9, load_settings({}), predicts=sys.argv[1] == "predicts") as client:
        print(json.dumps(client.submit(look).result(timeout=60)))
"""


def _look(folder: Path, what: str) -> list[object]:
    program = folder / "program.py"
    program.write_text(_PROGRAM)
    done = subprocess.run([sys.executable, str(program), what], capture_output=True, text=True, check=True, timeout=120)
    found: list[object] = json.loads(done.stdout)
    return found


def test_workers_start_with_the_libraries_of_predictions(tmp_path: Path) -> None:
    assert _look(tmp_path, "predicts") == [["torch", "matplotlib.figure"], True, True, 500.0**3]


def test_a_search_needs_no_network(tmp_path: Path) -> None:
    assert _look(tmp_path, "searches") == [[], True, True, 500.0**3]
