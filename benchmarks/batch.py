# SPDX-License-Identifier: Apache-2.0
"""A batch on worker processes beside the same batch in one process, in turn, in one run.

    python benchmarks/batch.py [--rounds 3] [--batches short full]

`short`: 12 targets of 20 to 76 residues, the demo's parameters, five draws each: one process on one core, one process
on all cores, workers of one core each. Throughput is compared with one core's. `full`: four targets of 60 to 120
residues, random parameters in full size, two models, one recycle: one process and `--workers` left to the program.
Overhead of a task: a finished batch is run again, on workers and in one process, so that there is nothing to make.
Python's bytecode is there, as after an installation.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from machine import ROOT, describe, write_result

_LETTERS = "ACDEFGHIKLMNPQRSTVWY"
_BATCHES = {
    "short": (
        [20 + 5 * k for k in range(12)],
        "--params demo --db demo --num-seeds 5 --relax none",
        {"one core": "--workers 1 --threads 1", "one process": "--workers 1", "workers": f"--workers {os.cpu_count()}"},
    ),
    "full": (
        [60, 80, 100, 120],
        "--params synthetic:0 --db demo --models model_1_ptm,model_2_ptm --recycles 1 --relax none",
        {"one process": "--workers 1", "workers": ""},
    ),
}


def write_batch(path: Path, lengths: Sequence[int], seed: int = 0) -> None:
    """A FASTA file of random proteins."""
    draws = random.Random(seed)
    rows = (f">t{k:02d}\n{''.join(draws.choices(_LETTERS, k=n))}\n" for k, n in enumerate(lengths))
    path.write_text("".join(rows))


def timed(fasta: Path, out: Path, options: str) -> float:
    """Seconds of a run. Raises CalledProcessError if it fails."""
    command = [sys.executable, "-m", "af2cpu", "predict", str(fasta), "-o", str(out), "-q", *options.split()]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environment, cwd=ROOT)
    return time.perf_counter() - start


def measure(folder: Path, lengths: Sequence[int], common: str, kinds: Mapping[str, str], rounds: int) -> dict[str, Any]:
    """Seconds of each kind of run, in turn; then of a finished batch run again."""
    fasta, seconds, again = folder / "batch.fasta", {kind: [] for kind in kinds}, {kind: [] for kind in kinds}
    write_batch(fasta, lengths)
    for _ in range(rounds):
        for kind, options in kinds.items():
            out = folder / kind.replace(" ", "_")
            shutil.rmtree(out, ignore_errors=True)
            seconds[kind].append(timed(fasta, out, f"{common} {options}"))
            again[kind].append(timed(fasta, out, f"{common} {options}"))
            print(f"{kind:12} {seconds[kind][-1]:7.1f} s, finished {again[kind][-1]:5.2f} s", flush=True)
    return {"seconds": seconds, "finished": again, "medians": {k: statistics.median(v) for k, v in seconds.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", nargs="+", choices=list(_BATCHES), default=list(_BATCHES))
    options = parser.parse_args()
    record: dict[str, Any] = {"machine": describe("torch", "distributed")}
    for name in options.batches:
        lengths, common, kinds = _BATCHES[name]
        with tempfile.TemporaryDirectory() as folder:
            record[name] = measure(Path(folder), lengths, common, kinds, options.rounds)
        medians = record[name]["medians"]
        for kind, median in medians.items():
            others = ", ".join(f"{medians[other] / median:.2f} of {other}" for other in medians if other != kind)
            print(f"{name}: {kind}: {median:.1f} s; throughput {others}", flush=True)
    write_result("batch", record)


if __name__ == "__main__":
    main()
