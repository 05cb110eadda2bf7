"""Faults for worker processes, put into them by Dask's preload: WORKER_FAULTS holds them as JSON.

Each is [stage, target, what, times]: in that stage of that target the worker does `what`, at most so many times in all
processes together (a file counts each). What: kill (signal 9), memory (MemoryError), sleep (ten seconds).
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any


def install() -> None:
    """Puts the faults into the stages of this process."""
    from af2cpu.pipeline.stages import STAGES

    stages: Any = STAGES
    folder = Path(os.environ["WORKER_FAULTS_FOLDER"])
    for name in {fault[0] for fault in json.loads(os.environ["WORKER_FAULTS"])}:
        stages[name] = replace(stages[name], make=_faulty(name, stages[name].make, folder))


def _faulty(name: str, make: Any, folder: Path) -> Any:
    def faulty(works: Sequence[Any], cores: int) -> Iterator[Any]:
        targets = {target for work in works for target in work.targets}
        for number, (stage, target, what, times) in enumerate(json.loads(os.environ["WORKER_FAULTS"])):
            if stage == name and target in targets and _claim(folder, number, times):
                if what == "kill":
                    os.kill(os.getpid(), signal.SIGKILL)
                elif what == "memory":
                    raise MemoryError
                time.sleep(10)
        yield from make(works, cores)

    return faulty


def _claim(folder: Path, number: int, times: int) -> bool:
    for count in range(times):
        try:
            (folder / f"fault-{number}-{count}").touch(exist_ok=False)
            return True
        except FileExistsError:
            continue
    return False


if "WORKER_FAULTS" in os.environ:
    install()
