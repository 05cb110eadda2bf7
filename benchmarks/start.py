# SPDX-License-Identifier: Apache-2.0
"""From the command to the first work of it, in new processes on a warm machine.

    python benchmarks/start.py [--repeats 7]

`search`: the whole of af2cpu search in the demo's databases, where the scans take next to nothing. `first pass`: until
the first pass of a network in full size begins (model_1_ptm, a parameter file of 373 MB, features made before):
imports, plan, loading and packing. `import torch`: a process that does nothing else. Python's bytecode is there, as
after an installation. Medians go to the record.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from machine import ROOT, describe, write_result

from af2cpu.model.config import model_config
from af2cpu.weights.synthetic import synthetic_parameters, write_parameters

MODEL = "model_1_ptm"
FASTA = str(ROOT / "examples" / "trp_cage.fasta")
_PASS_SECONDS = re.compile(r"pass 1 of 1, .* ([0-9.]+) s$")


def run(*arguments: str) -> float:
    """Seconds of a process of this Python."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, env=environment, cwd=ROOT)
    return time.perf_counter() - began


def search(folder: Path, number: int) -> float:
    return run("-m", "af2cpu", "search", FASTA, "--db", "demo", "--quiet", "-o", str(folder / f"search_{number}"))


def first_pass(folder: Path, number: int) -> float:
    """Seconds until the pass begins: an event tells its end and how long it took, to 0.1 s."""
    log, began = folder / f"log_{number}.json", time.time()
    options = ["--db", "demo", "--params", str(folder), "--models", MODEL, "--relax", "none", "--recycles", "0"]
    options += ["--seed", str(number), "--log-json", str(log), "--quiet", "-o", str(folder / "predict")]
    run("-m", "af2cpu", "predict", FASTA, *options)
    for event in map(json.loads, log.read_text().splitlines()):
        told = _PASS_SECONDS.search(event["text"])
        if told:
            return datetime.fromisoformat(event["time"]).timestamp() - float(told[1]) - began
    raise SystemExit(f"{log}: no event tells of a pass")


def import_torch(_: Path, __: int) -> float:
    return run("-c", "import torch")


JOBS = {"search": search, "first pass": first_pass, "import torch": import_torch}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    seconds: dict[str, list[float]] = {name: [] for name in JOBS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_parameters(folder / f"params_{MODEL}.npz", synthetic_parameters(model_config(MODEL), 0))
        for number in range(repeats + 1):
            for job, measure in JOBS.items():
                taken = measure(folder, number)
                if number:  # the first round warms the files and makes the features
                    seconds[job].append(taken)
    figures = {job: {"median_s": statistics.median(all_s), "all_s": all_s} for job, all_s in seconds.items()}
    for job, one in figures.items():
        print(f"{job:14} {one['median_s']:.2f} s   ({min(one['all_s']):.2f} to {max(one['all_s']):.2f})")
    write_result("start", {"machine": describe("torch", "pyhmmer"), "repeats": repeats, "figures": figures})


if __name__ == "__main__":
    main()
