# SPDX-License-Identifier: Apache-2.0
"""Faults for worker processes, put into them by Dask's preload: WORKER_FAULTS holds them as JSON.

Each is [stage, target, what, times]: in that stage of that target (* is any) the worker does `what`, at most so many
times in all processes together (a file counts each, and holds the number of the process). What: kill (signal 9), kill
at its end (the same, once what the stage makes is complete), memory (MemoryError), grow (takes memory until something
stops it), hold (waits until there is a file `go` in the folder). Of the fault `version` nothing else counts: the worker
says that it has version 0.0.0.
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

AT_END = "kill at its end"


def install() -> None:
    """Puts the faults into the stages of this process."""
    from af2cpu.pipeline.stages import STAGES
    from af2cpu.schedule.workers import processes

    stages: Any = STAGES
    folder, faults = Path(os.environ["WORKER_FAULTS_FOLDER"]), json.loads(os.environ["WORKER_FAULTS"])
    if any(what == "version" for _, _, what, _ in faults):
        processes.__version__ = "0.0.0"
    for name in {stage for stage, _, what, _ in faults if what != "version"}:
        stages[name] = replace(stages[name], make=_faulty(name, stages[name].make, folder))


def _faulty(name: str, make: Any, folder: Path) -> Any:
    def faulty(works: Sequence[Any], cores: int) -> Iterator[Any]:
        targets = {"*"}.union(*(work.targets for work in works))
        here = [one for one in enumerate(json.loads(os.environ["WORKER_FAULTS"])) if one[1][0] == name]
        mine = [(number, what, times) for number, (_, target, what, times) in here if target in targets]
        for number, what, times in mine:
            if what != AT_END and _claim(folder, number, times):
                _fail(what, folder)
        yield from make(works, cores)
        for number, what, times in mine:
            if what == AT_END and _claim(folder, number, times):
                _fail("kill", folder)

    return faulty


def _fail(what: str, folder: Path) -> None:
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif what == "memory":
        raise MemoryError
    elif what == "grow":
        _grow()
    while not (folder / "go").exists():
        time.sleep(0.05)


def _grow() -> None:
    taken = []
    while True:
        taken.append(bytearray(os.urandom(1 << 12) * (1 << 12)))  # 16 MiB that no page is shared in


def _claim(folder: Path, number: int, times: int) -> bool:
    for count in range(times):
        try:
            with (folder / f"fault-{number}-{count}").open("x") as file:
                file.write(str(os.getpid()))
            return True
        except FileExistsError:
            continue
    return False


if "WORKER_FAULTS" in os.environ:
    install()
