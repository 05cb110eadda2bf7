# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C and SIGTERM at random moments of a run's first seconds: does each end it with one line and its exit code?

    python benchmarks/signals.py [--moments 320] [--seed 0] [--seconds 3]

Ways to run it: python -m af2cpu, the script that pip installs, a run with two worker processes, and af2cpu worker. The
signal goes to the process alone, as kill sends it, or to its whole group, as terminals and batch systems send it. Half
of the moments are in the first fifth of the time, where most modules load. Right is: the signal's line once, no
traceback, exit code 130 or 143. Until the program has its handlers Python alone answers: these moments are counted
apart, as are those after the end of the run. Rows join the record of this machine.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from host_cases import start_scheduler  # noqa: E402
from machine import merge_rows  # noqa: E402
from program_cases import inputs, predict  # noqa: E402
from signal_cases import faults_of, has_handlers  # noqa: E402

MODULE = (sys.executable, "-m", "af2cpu")
SIGNALS = {"SIGINT": signal.SIGINT, "SIGTERM": signal.SIGTERM}
COUNTS = ("moments", "right", "before_handlers", "after_the_end", "wrong")
LIMIT = 60.0  # seconds for the end of a process


@dataclass(frozen=True)
class Way:
    """How the program is started."""

    name: str
    command: tuple[str, ...]


@contextmanager
def ways(folder: Path) -> Iterator[list[Way]]:
    """All of them; a scheduler runs meanwhile, which the workers join."""
    script = shutil.which("af2cpu", path=str(Path(sys.executable).parent))
    source = inputs(folder / "in", "a", "b")
    one, two = (tuple(map(str, predict(source, folder / "out", "--workers", n, "--recycles", 20))) for n in (1, 2))
    joined = ("worker", "--scheduler", str(folder / "scheduler.json"), "--workers", "1", "--threads", "1")
    found = [Way("python -m af2cpu", MODULE + one), Way("two workers", MODULE + two)]
    found += [Way("script", (script, *one))] if script else []
    scheduler = start_scheduler(folder / "scheduler.json", "127.0.0.1")
    try:
        yield [*found, Way("af2cpu worker", MODULE + joined)]
    finally:
        scheduler.kill()
        scheduler.wait()


def tried(way: Way, number: int, to: str, after: float, out: Path) -> tuple[str, str]:
    """The outcome of one run, in a word, and its output if that was wrong."""
    environment = os.environ | {"COLUMNS": "200", "OMP_WAIT_POLICY": "passive"}
    options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    shutil.rmtree(out, ignore_errors=True)
    process = subprocess.Popen(way.command, env=environment, start_new_session=True, **options)
    try:
        time.sleep(after)
        running, ready = process.poll() is None, has_handlers(process.pid)
        if running:
            (os.killpg if to == "group" else os.kill)(process.pid, number)
        output, _ = process.communicate(timeout=LIMIT)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    if not (running and ready):
        return ("before_handlers" if running else "after_the_end"), ""
    found = faults_of(process.returncode, output, number)
    if found and process.returncode == 0 and "interrupted" not in output and "terminated" not in output:
        return "after_the_end", ""  # its work was done: it ended as it would have without the signal
    return ("wrong", f"{after:.3f} s: {found}: {output[-2000:]}") if found else ("right", "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moments", type=int, default=320)
    parser.add_argument("--seconds", type=float, default=3.0, help="in which the moments are")
    parser.add_argument("--ways", nargs="+", help="of starting it; by default all")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng, rows = random.Random(options.seed), {}
    with tempfile.TemporaryDirectory() as name, ways(Path(name)) as found:
        wanted = [way for way in found if options.ways is None or way.name in options.ways]
        kinds = list(itertools.product(wanted, SIGNALS, ("process", "group")))
        for count in range(options.moments):
            way, signal_name, to = kinds[count % len(kinds)]
            early = count // len(kinds) % 2
            after = rng.uniform(0, options.seconds / 5 if early else options.seconds)
            word, output = tried(way, SIGNALS[signal_name], to, after, Path(name) / "out")
            empty = {"way": way.name, "signal": signal_name, "to": to} | dict.fromkeys(COUNTS, 0)
            row = rows.setdefault((way.name, signal_name, to), empty)
            row["moments"] += 1
            row[word] += 1
            if output:
                print(f"{way.name}, {signal_name} to the {to} after {output}", flush=True)
    made = [row | {"seconds": options.seconds, "seed": options.seed} for row in rows.values()]
    merge_rows("signals", made, ("way", "signal", "to"), "torch", "openmm", "dask")
    for row in made:
        print(row)
    return 1 if any(row["wrong"] for row in made) else 0


if __name__ == "__main__":
    sys.exit(main())
