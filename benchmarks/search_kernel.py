# SPDX-License-Identifier: Apache-2.0
"""The filter of the search by itself: Gcells/s on every instruction set, and what it leaves to pyhmmer.

    python benchmarks/search_kernel.py [--levels avx2 avx512] [--seconds 0.5]

Cells are query length times residues of targets; lanes that are padding do not count. Targets are in memory, unrelated,
of a database's lengths, sorted by length. `rest`, without and with 0.3 % homologs of the query, gives the time of
pyhmmer's stages on the survivors, each as the difference of two searches. Written to
benchmarks/results/<version>/<cpu>_search_kernel.json.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts" / "demo"), str(ROOT / "tests")]

from machine import describe, write_result  # noqa: E402
from msv_cases import Blocks, Codes, blocks, digital, random_codes  # noqa: E402
from pyhmmer.easel import DigitalSequenceBlock  # noqa: E402
from pyhmmer.plan7 import OptimizedProfile, Pipeline  # noqa: E402
from synthetic.evolution import LETTERS, homolog, random_sequences  # noqa: E402

from af2cpu.ops import isa  # noqa: E402
from af2cpu.search.msv import MsvFilter  # noqa: E402
from af2cpu.search.profiles import sequence_profile  # noqa: E402
from af2cpu.search.reading import ALPHABET  # noqa: E402
from af2cpu.search.thresholds import JACKHMMER  # noqa: E402

SEED = 20261128
QUERY_LENGTHS = (100, 300, 1000)
N_QUERIES = (1, 16)
THREADS = (1, 2)
N_RES = 6_000_000
REST_RES = 40_000_000
HOMOLOGS = (0.0, 0.003)  # share of the targets
_CODE = np.zeros(256, np.uint8)
_CODE[LETTERS] = np.arange(20)


def make_targets(n_res: int) -> list[Codes]:
    """Unrelated sequences in HMMER's codes, sorted by length."""
    return sorted((_CODE[letters] for letters in random_sequences(np.random.default_rng(SEED), n_res)), key=len)


def seconds_of(call: Callable[[], Any], at_least: float) -> float:
    """The median of five runs, or of as many as the time allows."""
    call()
    runs: list[float] = []
    while len(runs) < 2 or (len(runs) < 5 and sum(runs) < at_least):
        began = time.perf_counter()
        call()
        runs.append(time.perf_counter() - began)
    return statistics.median(runs)


def rates(levels: Sequence[str], seconds: float) -> Iterator[dict[str, Any]]:
    """Gcells/s of the filter, undecided targets included; pyhmmer on one thread beside it."""
    rng, targets = np.random.default_rng(SEED), make_targets(N_RES)
    packed, n_res = blocks(targets), sum(map(len, targets))
    sequences = DigitalSequenceBlock(ALPHABET, [digital(target) for target in targets])
    for length in QUERY_LENGTHS:
        profiles = [sequence_profile(digital(random_codes(rng, length), "q")) for _ in range(max(N_QUERIES))]
        for n_queries in N_QUERIES:
            for level in levels:
                for threads in THREADS:
                    yield _rate(profiles[:n_queries], packed, level, threads, seconds) | {
                        "query_length": length,
                        "queries": n_queries,
                        "cells": n_queries * length * n_res,
                    }
        pipeline = _pipeline(F1=1e-300, bias_filter=False)
        taken = seconds_of(lambda p=profiles[0], q=pipeline: q.search_hmm(p, sequences), seconds)
        yield {"level": "pyhmmer", "threads": 1, "query_length": length, "queries": 1, "cells": length * n_res} | {
            "seconds": taken
        }


def _rate(
    profiles: Sequence[OptimizedProfile], packed: Blocks, level: str, threads: int, seconds: float
) -> dict[str, Any]:
    name, _, without = level.partition(" without ")
    before = isa.level()
    isa.kernels().use_level(name)
    filtered = MsvFilter(profiles, JACKHMMER.F1)
    filtered.vbmi = not without
    taken = seconds_of(lambda: filtered.survivors(*packed, threads=threads), seconds)
    isa.kernels().use_level(before)
    return {"level": level, "threads": threads, "seconds": taken}


def _pipeline(**changes: Any) -> Pipeline:
    t = JACKHMMER
    settings = {"Z": 10**8, "E": t.E, "incE": t.incE, "domE": t.domE, "incdomE": t.incdomE, "seed": 42}
    return Pipeline(ALPHABET, **(settings | {"F1": t.F1, "F2": t.F2, "F3": t.F3} | changes))


def rest(length: int, homologs: float) -> dict[str, Any]:
    """Seconds of the filter and of pyhmmer's stages on its survivors, one thread, one query."""
    rng = np.random.default_rng(SEED + length)
    query = random_codes(rng, length)
    targets = make_targets(REST_RES)
    text = LETTERS[query].tobytes()
    for t in np.flatnonzero(rng.random(len(targets)) < homologs):
        targets[t] = np.concatenate([targets[t][:50], _CODE[homolog(rng, text, float(rng.uniform(0.1, 0.6)))]])
    targets.sort(key=len)
    packed, profile = blocks(targets), sequence_profile(digital(query, "q"))
    filtered = MsvFilter([profile], JACKHMMER.F1)
    survive = filtered.survivors(*packed)[0, : len(targets)]
    through_msv = filtered.through_msv
    kept = DigitalSequenceBlock(ALPHABET, [digital(targets[t], f"t{t}") for t in np.flatnonzero(survive)])
    stages = {  # a threshold of -1 stops all: P-values of scores that overflow are 0
        "msv": {"F1": -1.0},
        "viterbi": {"bias_filter": False, "F2": -1.0},
        "bias": {"F2": -1.0},
        "forward": {"F3": -1.0},
        "domains": {},
    }
    found: dict[str, Any] = {
        "query_length": length,
        "homologs": homologs,
        "residues": sum(map(len, targets)),
        "targets": len(targets),
        "through_msv": through_msv,
        "survivors": int(survive.sum()),
        "init_s": seconds_of(lambda: MsvFilter([profile], JACKHMMER.F1), 0.5),
        "filter_s": seconds_of(lambda: filtered.survivors(*packed), 1.0),
    }
    return found | _stages(profile, kept, stages)


def _stages(profile: OptimizedProfile, kept: DigitalSequenceBlock[Any], stages: dict[str, Any]) -> dict[str, Any]:
    """Of each stage: seconds beyond those of the stages before it, and how many targets reach its end."""
    found: dict[str, Any] = {}
    before = 0.0
    for name, changes in stages.items():
        pipeline = _pipeline(**changes)
        taken = seconds_of(lambda p=pipeline: p.search_hmm(profile, kept), 1.0)
        found[f"{name}_s"] = taken - before
        before = taken
    counts = _pipeline().search_hmm(profile, kept).__getstate__()["pipeline"]
    return found | {name: counts[name] for name in ("n_past_msv", "n_past_bias", "n_past_vit", "n_past_fwd")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kernels = isa.kernels()
    have = [name for name in kernels.levels() if name not in ("scalar", "amx_model")]
    parser.add_argument("--levels", nargs="+", default=[*have, "avx512 without VBMI"] if kernels.has_vbmi() else have)
    parser.add_argument("--seconds", type=float, default=0.5, help="time of a measurement")
    options = parser.parse_args()
    record: dict[str, Any] = {"machine": describe("pyhmmer"), "F1": JACKHMMER.F1}
    record["rates"] = [row | {"gcells_per_s": row["cells"] / row["seconds"] / 1e9} for row in rates(**vars(options))]
    record["rest"] = [rest(length, homologs) for length in QUERY_LENGTHS for homologs in HOMOLOGS]
    record["load_after"] = os.getloadavg()
    for row in record["rates"]:
        print(
            "{level:>20} {threads} threads {queries:>2} x {query_length:>4}: {gcells_per_s:6.1f} Gcells/s".format(**row)
        )
    print(orjson.dumps(record["rest"], option=orjson.OPT_INDENT_2).decode())
    write_result("search_kernel", record)


if __name__ == "__main__":
    main()
