# SPDX-License-Identifier: Apache-2.0
"""How a pass grows faster with cores: measured from one to all of them, and predicted from its parts for more.

    python benchmarks/scaling.py [--n-res 128 256] [--rows full 50] [--repeats 3] [--predict 16 64 128]

Synthetic parameters and features, bf16. Thread counts take turns. Each kernel call is timed: what is left of the pass
is the part outside of kernels, which is taken to stay as it is. For each kernel, seconds = alone + shared / threads is
fitted to the measured thread counts; its loops say how many items there are to share. A prediction shares the fewest
items of the kernel's loops (n items on t threads take as long as ceil(n / t) of them) and knows nothing of memory
bandwidth, of NUMA nodes, or of the clock of a full socket: it is a bound, not a measurement.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from machine import machine_rates, merge_rows
from sides import PARAMS, Case, features_of

from af2cpu.ops.dispatch import use_engine
from af2cpu.ops.isa import kernels
from af2cpu.weights.network import load_network

KERNELS = (
    "attention",
    "pair_bias",
    "global_attention",
    "linear",
    "outer_product",
    "point_attention",
    "template_gather",
    "template_close",
    "transition",
    "triangle",
)
Kind = tuple[str, int]  # a kernel, and the fewest items of its loops: calls on one shape of one stack


@dataclass
class Pass:
    """Seconds of a pass, and of its calls of each kind."""

    seconds: float = 0.0
    calls: dict[Kind, list[float]] = field(default_factory=lambda: defaultdict(list))

    def inside(self) -> float:
        return sum(map(sum, self.calls.values()))


@contextmanager
def timed_kernels(record: Pass) -> Iterator[None]:
    """Every kernel call within goes into the record."""
    module = kernels()
    originals = {name: getattr(module, name) for name in KERNELS}

    def timed(name: str, kernel: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            start = time.perf_counter()
            items = module.loops_of(lambda: kernel(*args, **named))
            record.calls[name, max(1, min(items, default=1))].append(time.perf_counter() - start)

        return call

    for name, kernel in originals.items():
        setattr(module, name, timed(name, kernel))
    try:
        yield
    finally:
        for name, kernel in originals.items():
            setattr(module, name, kernel)


def one_pass(run: Callable[[], Any], threads: int) -> Pass:
    torch.set_num_threads(threads)
    record = Pass()
    with timed_kernels(record):
        start = time.perf_counter()
        run()
        record.seconds = time.perf_counter() - start
    return record


def fit(seconds: dict[int, float]) -> tuple[float, float]:
    """(alone, shared) of seconds = alone + shared / threads, neither below zero."""
    if len(seconds) == 1:
        ((threads, value),) = seconds.items()
        return 0.0, value * threads
    inverse = np.array([[1.0, 1 / threads] for threads in seconds])
    alone, shared = np.linalg.lstsq(inverse, np.array(list(seconds.values())), rcond=None)[0]
    if alone >= 0:
        return float(alone), float(shared)
    return 0.0, float(np.mean([value * threads for threads, value in seconds.items()]))


def predicted(parts: list[dict[str, Any]], outside: float, threads: int) -> float:
    """Seconds of a pass: each part's `alone_s`, and of its `shared_s` the share of the thread with the most items."""
    shares = [part["shared_s"] * math.ceil(part["items"] / threads) / part["items"] for part in parts]
    return outside + sum(part["alone_s"] for part in parts) + sum(shares)


def split(passes: dict[int, list[Pass]]) -> tuple[list[dict[str, Any]], float]:
    """What each kind of call takes in a pass, and the seconds outside of kernels: medians."""
    parts = []
    for kernel, items in sorted(next(iter(passes.values()))[0].calls):
        seconds = {t: statistics.median(sum(one.calls[kernel, items]) for one in done) for t, done in passes.items()}
        alone, shared = fit(seconds)
        calls = len(next(iter(passes.values()))[0].calls[kernel, items])
        parts.append({"kernel": kernel, "items": items, "calls": calls, "alone_s": alone, "shared_s": shared})
    outside = statistics.median(one.seconds - one.inside() for done in passes.values() for one in done)
    return parts, outside


def measure(case: Case, cores: int, repeats: int, asked: list[int]) -> dict[str, Any]:
    """The record's row of a case."""
    features = [features_of(case, padded_rows=False)]
    network = load_network(case.config(), PARAMS, "bf16").prepare(release=True)
    counts = sorted({*(2**k for k in range(cores.bit_length()) if 2**k <= cores), cores})
    passes: dict[int, list[Pass]] = {threads: [] for threads in counts}
    rates = machine_rates()
    for _ in range(repeats):
        for threads in counts:
            passes[threads].append(one_pass(lambda: network.predict(features, recycles=0), threads))
    parts, outside = split(passes)
    measured = {threads: statistics.median(one.seconds for one in done) for threads, done in passes.items()}
    return {
        "model": case.model,
        "n_res": case.n_res,
        "rows": case.rows or "full",
        "repeats": repeats,
        "measured_s": {str(threads): seconds for threads, seconds in measured.items()},
        "times_faster": measured[1] / measured[cores],
        "outside_kernels_s": outside,
        "alone_in_kernels_s": sum(part["alone_s"] for part in parts),
        "fewest_items": min(part["items"] for part in parts),
        "parts": parts,
        "predicted_s": {str(threads): predicted(parts, outside, threads) for threads in [*counts, *asked]},
        "rates_before": rates,
        "rates_after": machine_rates(),
    }


def show(row: dict[str, Any]) -> None:
    print(f"{row['model']} {row['n_res']} residues, MSA {row['rows']}")
    for threads, seconds in row["measured_s"].items():
        print(f"  {threads:>4} threads measured  {seconds:8.2f} s   (the fit: {row['predicted_s'][threads]:.2f} s)")
    one = row["measured_s"]["1"]
    for threads, seconds in row["predicted_s"].items():
        if threads not in row["measured_s"]:
            print(f"  {threads:>4} threads predicted {seconds:8.2f} s   {one / seconds:.0f} times one thread")
    print(f"  outside of kernels {row['outside_kernels_s']:.2f} s; in kernels, alone {row['alone_in_kernels_s']:.2f} s")
    for part in sorted(row["parts"], key=lambda part: part["items"]):
        print(
            f"    {part['kernel']:18}{part['calls']:5} calls {part['items']:7} items {part['shared_s']:8.3f} s shared"
            f" {part['alone_s']:7.3f} s alone",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="model_1_ptm")
    parser.add_argument("--n-res", type=int, nargs="+", default=[128, 256])
    parser.add_argument("--rows", nargs="+", default=["full"], help="full, or a number of MSA rows")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--predict", type=int, nargs="+", default=[16, 64, 128], help="threads")
    args = parser.parse_args()
    use_engine("native")
    cores = torch.get_num_threads()
    for n_res in args.n_res:
        for rows in args.rows:
            case = Case(args.model, n_res, None if rows == "full" else int(rows))
            row = measure(case, cores, args.repeats, args.predict)
            show(row)
            merge_rows("scaling", [row], ("model", "n_res", "rows"), "torch")


if __name__ == "__main__":
    main()
