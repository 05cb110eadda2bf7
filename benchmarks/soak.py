# SPDX-License-Identifier: Apache-2.0
"""200 short targets in one process, then on two workers: memory, open files, leftovers, and equal results.

    python benchmarks/soak.py [--targets 200] [--relax none]

Memory is the resident set of each process, sampled twice a second: its median while targets 11 to 20 end (of two
workers 21 to 40: each has then done ten), and while the last ten end. Sequences are 10 to 16 random residues, all
different: equal ones would be predicted once. Each result is compared with that of the other run, and five with those
of processes of their own: bit for bit, but for the times in them (tests/kill_cases.py lists these). The record of this
machine has a row for each number of workers.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from kill_cases import RECORDS  # noqa: E402
from machine import merge_rows  # noqa: E402
from program_cases import Program, files  # noqa: E402

WINDOW = 10  # targets over whose ends memory is sampled
MOST_GROWTH = 0.05
LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def fasta(folder: Path, numbers: Sequence[int]) -> Path:
    """A file with these targets; a number always has the same sequence."""
    path = folder / f"in_{numbers[0]}_{len(numbers)}.fasta"
    draws = {number: random.Random(number) for number in numbers}
    rows = (f">t{k:03d}\n{''.join(rng.choices(LETTERS, k=10 + k % 7))}\n" for k, rng in draws.items())
    path.write_text("".join(rows))
    return path


@dataclass
class Samples:
    """Of the processes of a run, by number of targets that have ended."""

    memory: dict[int, dict[int, list[int]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    files: dict[int, dict[int, list[int]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    names: dict[int, str] = field(default_factory=dict)

    def take(self, program: Program, ended: int) -> None:
        for process in [psutil.Process(program.process.pid), *program.children()]:
            try:
                self.memory[process.pid][ended].append(process.memory_info().rss)
                self.files[process.pid][ended].append(process.num_fds())
                self.names[process.pid] = _role(process, program)
            except psutil.Error:  # it has ended meanwhile
                continue

    def rows(self, n_targets: int, workers: int) -> list[dict[str, Any]]:
        """Of each process that lived through both windows."""
        windows = range(WINDOW * workers, 2 * WINDOW * workers), range(n_targets - WINDOW, n_targets)
        found = []
        for pid, name in self.names.items():
            memory = [_within(self.memory[pid], window) for window in windows]
            if all(memory):
                (first, last), files = (
                    map(statistics.median, memory),
                    [_within(self.files[pid], one) for one in windows],
                )
                sizes = {"early_mb": first / 1e6, "late_mb": last / 1e6, "growth": last / first - 1}
                opened = {"early_files": statistics.median(files[0]), "late_files": statistics.median(files[1])}
                found.append({"process": name} | sizes | opened)
        return found


def _within(by_count: dict[int, list[int]], window: range) -> list[int]:
    return [one for count in window for one in by_count.get(count, ())]


def _role(process: psutil.Process, program: Program) -> str:
    """The run itself, a worker, or what starts and watches workers."""
    if process.pid == program.process.pid:
        return "run"
    return "worker" if process.memory_info().rss > 150e6 else "helper of workers"


def soak(folder: Path, workers: int, options: argparse.Namespace) -> dict[str, Any]:
    """A run over all targets; its row, without the comparison of the results."""
    out, samples = folder / f"out_{workers}", Samples()
    began = time.monotonic()
    program = Program(folder / "log", *command(fasta(folder, range(options.targets)), out, workers, options))
    while program.process.poll() is None:
        samples.take(program, len(list(out.glob("*/report.html"))))
        time.sleep(0.5)
    program.end(0)
    left = [path.relative_to(out).as_posix() for path in out.rglob("*") if ".tmp" in path.name]
    return {
        "workers": workers,
        "targets": options.targets,
        "relax": options.relax,
        "seconds": time.monotonic() - began,
        "processes": samples.rows(options.targets, workers),
        "temporary_files_left": left,
    }


def command(source: Path, out: Path, workers: int, options: argparse.Namespace) -> tuple[object, ...]:
    """The workers of two have the threads of the one."""
    fixed = ("--params", "demo", "--db", "demo", "--relax", options.relax, "--threads", workers)
    return ("predict", source, "-o", out, "--workers", workers, *fixed)


def of_targets(out: Path) -> dict[str, dict[str, bytes]]:
    """The files of each target."""
    found: dict[str, dict[str, bytes]] = defaultdict(dict)
    for name, content in files(out).items():
        target, _, rest = name.partition("/")
        found[target][rest] = content
    return found


def _results(found: dict[str, bytes]) -> dict[str, bytes]:
    """Without the records, which name the place of a sequence in its file."""
    return {name: content for name, content in found.items() if name not in RECORDS}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", type=int, default=200)
    parser.add_argument("--relax", choices=["none", "best"], default="none")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [soak(folder, workers, options) for workers in (1, 2)]
        one, two = of_targets(folder / "out_1"), of_targets(folder / "out_2")
        numbers = [options.targets * share // 4 for share in range(4)] + [options.targets - 1]
        for number in numbers:  # each in a process of its own
            out = folder / f"alone_{number}"
            Program(folder / "log", *command(fasta(folder, [number]), out, 1, options)).end(0)
            target = f"t{number:03d}"
            pair = (_results(found[target]) for found in (one, of_targets(out)))
            one[f"alone {number}"], two[f"alone {number}"] = pair
        different = [target for target in one if one[target] != two[target]]
    for row in rows:
        row |= {"compared": len(one), "different": different}
        print(row)
    merge_rows("soak", rows, ("workers", "relax"), "torch", "openmm", "dask", "pyhmmer")
    grown = [one for row in rows for one in row["processes"] if one["growth"] > MOST_GROWTH]
    return 1 if different or grown or any(row["temporary_files_left"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
