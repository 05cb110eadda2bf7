# SPDX-License-Identifier: Apache-2.0
"""Fuzzes everything that reads a stranger's bytes: damaged copies of valid files, and files of 10 MB.

    python benchmarks/fuzz.py [--seconds 60] [--large 20] [--first-seed 0 | --more] [--readers a3m "run.json"]

Each reader runs in a process of its own. Of every input one of these comes out: it is read, it is refused by our own
error in one line, or something foreign is raised, which is a fault of the program and ends with exit code 1. Recorded
are also the slowest input and the memory that the reader took, apart for inputs of the valid file's size and for those
of 10 MB. Times are the processor's, so that other programs don't count; an input that takes over 10 seconds of it, or
two minutes by the clock, is a fault too. Seed K of a reader always gives the same input.
Rows join the record of this machine; with --more each reader goes on after the seeds of its row, and adds to it.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "scripts" / "demo")]

LARGE = 10 << 20  # bytes
LIMIT = 10  # seconds of the processor for an input
PATIENCE = 120  # seconds by the clock: waiting is no work
MOST_MEMORY = 500  # MB that an input of 10 MB may take


class TooSlowError(BaseException):
    """Not caught by any reader."""


def _stop(*_: object) -> None:
    raise TooSlowError(f"took over {LIMIT} s of the processor, or {PATIENCE} s by the clock")


def _peak() -> float:
    """Of this process, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Counts:
    """The outcomes of the inputs."""

    def __init__(self) -> None:
        self.row: dict[str, Any] = {"inputs": 0, "read": 0, "refused": 0, "foreign": 0, "first_foreign": ""}
        self.row |= {"slowest_s": 0.0, "slowest_large_s": 0.0}

    def add(self, stranger: Any, folder: Path, content: bytes, seed: int, *, large: bool) -> None:
        """One input. Writes down what is foreign, and goes on."""
        from stranger import outcome

        began, row = time.process_time(), self.row
        signal.alarm(PATIENCE)
        signal.setitimer(signal.ITIMER_PROF, LIMIT)
        try:
            row[outcome(stranger, folder, content)] += 1
        except (Exception, TooSlowError) as error:
            row["foreign"] += 1
            row["first_foreign"] = row["first_foreign"] or f"seed {seed}{' large' * large}: {error!r}"[:300]
        finally:
            signal.alarm(0)
            signal.setitimer(signal.ITIMER_PROF, 0)
        row["inputs"] += 1
        key = "slowest_large_s" if large else "slowest_s"
        row[key] = max(row[key], time.process_time() - began)


def fuzz(name: str, first_seed: int, first_large: int, seconds: float, large: int) -> dict[str, Any]:
    """The row of a reader, measured in this process; empty for one that this installation lacks."""
    from stranger import outcome
    from strangers import stranger

    signal.signal(signal.SIGALRM, _stop)
    signal.signal(signal.SIGPROF, _stop)
    warnings.simplefilter("error")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as made, tempfile.TemporaryDirectory() as place:
        found, folder, counts = stranger(name, Path(made)), Path(place), Counts()
        if found is None:
            return {}
        if outcome(found, folder, found.content) != "read":
            raise RuntimeError(f"{name}: the valid file is refused")
        before, began, worked, seed = _peak(), time.perf_counter(), time.process_time(), first_seed
        while time.process_time() - worked < seconds:
            counts.add(found, folder, found.mutant(seed), seed, large=False)
            seed += 1
        row = {"reader": name, "first_seed": first_seed, **counts.row, "peak_mb": _peak() - before}
        for seed in range(first_large, first_large + large):
            counts.add(found, folder, found.swollen(seed, LARGE), seed, large=True)
    row |= counts.row | {"large": large, "peak_large_mb": _peak() - before}
    return row | {"seconds": time.perf_counter() - began, "processor_s": time.process_time() - worked}


def together(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The row of a reader that has gone on: sums of counts and times, the largest of the others, the first finding."""
    summed = ("inputs", "read", "refused", "foreign", "large", "seconds", "processor_s")
    largest = ("slowest_s", "slowest_large_s", "peak_mb", "peak_large_mb")
    both = {name: old[name] + new[name] for name in summed} | {name: max(old[name], new[name]) for name in largest}
    first = {"first_seed": old["first_seed"], "first_foreign": old["first_foreign"] or new["first_foreign"]}
    return new | both | first


def _in_a_process(name: str, options: argparse.Namespace, old: dict[str, Any] | None) -> dict[str, Any]:
    """The row of a reader that goes on after an older row, if there is one."""
    first = old["first_seed"] + old["inputs"] - old["large"] if old else options.first_seed
    large = old["first_seed"] + old["large"] if old else options.first_seed
    command = [sys.executable, __file__, "--one", name, "--seconds", str(options.seconds)]
    command += ["--first-seed", str(first), "--first-large", str(large), "--large", str(options.large)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name}: the process ended with {done.returncode}")
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return together(old, row) if old and row else row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="of the processor, for each reader")
    parser.add_argument("--large", type=int, default=20, help="inputs of 10 MB for each reader")
    seeds = parser.add_mutually_exclusive_group()
    seeds.add_argument("--first-seed", type=int, default=0)
    seeds.add_argument("--more", action="store_true", help="go on after the seeds in the record")
    parser.add_argument("--readers", nargs="+", help="by default all")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--first-large", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(fuzz(options.one, options.first_seed, options.first_large, options.seconds, options.large)))
        return 0
    from machine import merge_rows, rows_of
    from strangers import STRANGERS

    faults = 0
    old = {row["reader"]: row for row in rows_of("fuzz")} if options.more else {}
    for name in options.readers or STRANGERS:
        row = _in_a_process(name, options, old.get(name))
        if row:
            merge_rows("fuzz", [row], ("reader",), "numpy", "gemmi", "pydantic")
            faults += row["foreign"] or row["peak_large_mb"] > MOST_MEMORY
            print("  ".join(f"{k} {v:.2f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()), flush=True)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
