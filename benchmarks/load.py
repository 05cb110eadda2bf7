"""Time to load a parameter file of model_1_ptm (373 MB), warm: read, check, fill the network.

python benchmarks/load.py [--repeats 5] [--params params_model_1_ptm.npz]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from machine import describe, write_result

import af2cpu
from af2cpu.model.config import model_config
from af2cpu.weights.synthetic import synthetic_parameters, write_parameters

MODEL = "model_1_ptm"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--params", type=Path, help="by default a synthetic file of the published size")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = args.params or Path(folder) / f"params_{MODEL}.npz"
        if args.params is None:
            write_parameters(path, synthetic_parameters(model_config(MODEL), 0))
        seconds = []
        for _ in range(args.repeats + 1):  # the first one warms the file
            start = time.perf_counter()
            af2cpu.load_model(MODEL, path)
            seconds.append(time.perf_counter() - start)
        size = path.stat().st_size
    figures = {"median_s": statistics.median(seconds[1:]), "min_s": min(seconds[1:]), "max_s": max(seconds[1:])}
    print(f"{size / 1e6:.0f} MB: median {figures['median_s']:.2f} s, {figures['min_s']:.2f}-{figures['max_s']:.2f} s")
    write_result("load", {"machine": describe("torch", "numpy"), "bytes": size, "repeats": args.repeats, **figures})


if __name__ == "__main__":
    main()
