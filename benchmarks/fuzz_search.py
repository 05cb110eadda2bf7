"""The fuzz test of the search's filter for as long as asked: scores beside HMMER's, and no target lost.

    python benchmarks/fuzz_search.py [--pairs 1000000] [--seed 0] [--level avx2]

A round is one query against some 200 targets: random, homologs, repeats, low complexity, degenerate letters. One in 100
rounds has targets of up to 40,000 residues, one in 20 queries of up to 3,000. Stops at the first difference, with the
seed that repeats it. Written to benchmarks/results/<version>/<cpu>_fuzz_search.json.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from machine import merge_rows  # noqa: E402
from msv_cases import Fuzzed, fuzz  # noqa: E402

from af2cpu.ops import isa  # noqa: E402


def one_round(seed: int) -> Fuzzed:
    """Most rounds short, some long."""
    if seed % 100 == 0:
        return fuzz(seed, longest_query=300, longest_target=40_000)
    return fuzz(seed, longest_query=3000) if seed % 20 == 0 else fuzz(seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first round")
    parser.add_argument("--level", default=isa.level())
    options = parser.parse_args()
    isa.kernels().use_level(options.level)
    found, seed, began = Fuzzed(), options.seed, time.perf_counter()
    while found.pairs < options.pairs:
        found.add(one_round(seed))
        seed += 1
        if seed % 50 == 0:
            print(f"{found.pairs:,} pairs", file=sys.stderr)
    row: dict[str, Any] = {"level": options.level, "first_seed": options.seed, "rounds": seed - options.seed}
    row |= vars(found) | {"seconds": time.perf_counter() - began}
    print(row)
    merge_rows("fuzz_search", [row], ("level", "first_seed"), "pyhmmer")


if __name__ == "__main__":
    main()
