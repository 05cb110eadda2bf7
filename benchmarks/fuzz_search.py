# SPDX-License-Identifier: Apache-2.0
"""The fuzz test of the search's filter for as long as asked: scores beside HMMER's, and no target lost.

    python benchmarks/fuzz_search.py [--pairs 1000000] [--level avx2]

A round is one query against some 200 targets: random, homologs, repeats, low complexity, degenerate letters. One in 100
rounds has targets of up to 40,000 residues, one in 20 queries of up to 3,000. Stops at the first difference, with the
seed that repeats it; a second run with the same filter goes on where the first one ended. Written to
benchmarks/results/<version>/<cpu>_fuzz_search.json.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from pathlib import Path
from typing import Any

import orjson

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from machine import merge_rows, result_path  # noqa: E402
from msv_cases import Fuzzed, fuzz  # noqa: E402

from af2cpu.ops import isa  # noqa: E402

SOURCES = (
    "kernels/core/msv.h",
    "kernels/core/ssv.h",
    "kernels/core/targets.h",
    "kernels/base/bytes.h",
    "kernels/bind/msv.cpp",
    "af2cpu/search/msv.py",
)


def one_round(seed: int) -> Fuzzed:
    """Most rounds short, some long."""
    if seed % 100 == 0:
        return fuzz(seed, longest_query=300, longest_target=40_000)
    return fuzz(seed, longest_query=3000) if seed % 20 == 0 else fuzz(seed)


def sources() -> str:
    """Hash of the sources of the filter: what was found holds as long as they are the same."""
    return hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in SOURCES)).hexdigest()[:16]


def earlier(level: str) -> dict[str, Any]:
    """The row of this level, if it was made with the same sources: a run goes on where the last one ended."""
    path = result_path("fuzz_search")
    rows = orjson.loads(path.read_bytes())["rows"] if path.is_file() else []
    return next((row for row in rows if (row["level"], row["sources"]) == (level, sources())), {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1_000_000, help="in this run")
    parser.add_argument("--level", default=isa.level())
    options = parser.parse_args()
    isa.kernels().use_level(options.level)
    row = earlier(options.level)
    found, first, began = Fuzzed(), row.get("rounds", 0), time.perf_counter()
    seed = first
    while found.pairs < options.pairs:
        found.add(one_round(seed))
        seed += 1
    counts = vars(found) | {"seconds": time.perf_counter() - began}
    total = {name: value + row.get(name, 0) for name, value in counts.items()}
    total = {"level": options.level, "sources": sources(), "rounds": seed} | total
    print(total)
    merge_rows("fuzz_search", [total], ("level",), "pyhmmer")


if __name__ == "__main__":
    main()
