"""Time to load a parameter file of model_1_ptm (373 MB), warm: read, check, fill the network, pack for the kernels.

    python benchmarks/load.py [--repeats 5] [--precision bf16] [--params params_model_1_ptm.npz]

The kernels pack a layer's parameters when it first runs: what the first pass through the smallest protein takes longer
than the second one is counted as packing.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from machine import describe, write_result
from sides import peak_gb

import af2cpu
from af2cpu.model.config import model_config
from af2cpu.ops.dispatch import describe as engine
from af2cpu.ops.dispatch import use_engine
from af2cpu.validate.synthetic import synthetic_features
from af2cpu.weights.synthetic import synthetic_parameters, write_parameters

MODEL = "model_1_ptm"


def measure(path: Path, precision: str) -> dict[str, float]:
    """Seconds of loading and of packing."""
    draws = [synthetic_features(model_config(MODEL), 2, n_seq=1, n_extra=1, n_templ=1)]
    start = time.perf_counter()
    network = af2cpu.load_model(MODEL, path, precision=precision)
    loaded = time.perf_counter()
    network.predict(draws, recycles=0)
    first = time.perf_counter()
    network.predict(draws, recycles=0)
    second = time.perf_counter()
    pack = (first - loaded) - (second - first)
    return {"load_s": loaded - start, "pack_s": pack, "total_s": loaded - start + pack}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--params", type=Path, help="by default a synthetic file of the published size")
    args = parser.parse_args()
    use_engine("auto")
    with tempfile.TemporaryDirectory() as folder:
        path = args.params or Path(folder) / f"params_{MODEL}.npz"
        if args.params is None:
            write_parameters(path, synthetic_parameters(model_config(MODEL), 0))
        _, *runs = [measure(path, args.precision) for _ in range(args.repeats + 1)]  # the first one warms the file
        size = path.stat().st_size
    figures = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    spread = {"min_s": min(run["total_s"] for run in runs), "max_s": max(run["total_s"] for run in runs)}
    print(f"{size / 1e6:.0f} MB, {args.precision}, {engine()}, peak {peak_gb():.2f} GB; medians:")
    print(
        f"load {figures['load_s']:.2f} s, pack {figures['pack_s']:.2f} s, together {figures['total_s']:.2f} s, {spread}"
    )
    how = {"engine": engine(), "precision": args.precision, "bytes": size, "peak_gb": peak_gb()}
    write_result("load", {"machine": describe("torch", "numpy"), **how, "repeats": args.repeats, **figures, **spread})


if __name__ == "__main__":
    main()
