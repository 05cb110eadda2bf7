# SPDX-License-Identifier: Apache-2.0
"""Time and memory to load a parameter file of model_1_ptm (373 MB), warm: read, check, fill the network, pack.

    python benchmarks/load.py [--repeats 5] [--precision bf16] [--params params_model_1_ptm.npz]

Each load is in a process of its own; its memory is what the process has above that before the load.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from machine import describe, write_result
from sides import peak_gb

from af2cpu.model.config import model_config
from af2cpu.ops.dispatch import describe as engine
from af2cpu.ops.dispatch import use_engine
from af2cpu.weights.network import load_network
from af2cpu.weights.synthetic import synthetic_parameters, write_parameters

MODEL = "model_1_ptm"


def measure(path: Path, precision: str) -> dict[str, float]:
    """Seconds of loading and of packing, GB at the peak and afterwards, as the prediction stage loads a network."""
    process, config = psutil.Process(), model_config(MODEL)
    before = process.memory_info().rss / 1e9
    start = time.perf_counter()
    network = load_network(config, str(path), precision)
    loaded = time.perf_counter()
    network.prepare(release=True)
    packed = time.perf_counter()
    return {
        "load_s": loaded - start,
        "pack_s": packed - loaded,
        "total_s": packed - start,
        "peak_gb": peak_gb() - before,
        "kept_gb": process.memory_info().rss / 1e9 - before,
    }


def measured(path: Path, precision: str) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, __file__, "--precision", precision, "--params", str(path), "--one"]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--params", type=Path, help="by default a synthetic file of the published size")
    parser.add_argument("--one", action="store_true", help="one load in this process, its figures as JSON")
    args = parser.parse_args()
    use_engine("auto")
    if args.one:
        print(json.dumps(measure(args.params, args.precision)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = args.params or Path(folder) / f"params_{MODEL}.npz"
        if args.params is None:
            write_parameters(path, synthetic_parameters(model_config(MODEL), 0))
        _, *runs = [measured(path, args.precision) for _ in range(args.repeats + 1)]  # the first one warms the file
        size = path.stat().st_size
    figures = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    spread = {"min_s": min(run["total_s"] for run in runs), "max_s": max(run["total_s"] for run in runs)}
    print(f"{size / 1e6:.0f} MB, {args.precision}, {engine()}; medians of {args.repeats}:")
    print(
        f"load {figures['load_s']:.2f} s, pack {figures['pack_s']:.2f} s, together {figures['total_s']:.2f} s, {spread}"
    )
    print(f"peak {figures['peak_gb']:.2f} GB, afterwards {figures['kept_gb']:.2f} GB above the process before it")
    how = {"engine": engine(), "precision": args.precision, "bytes": size}
    write_result("load", {"machine": describe("torch", "numpy"), **how, "repeats": args.repeats, **figures, **spread})


if __name__ == "__main__":
    main()
