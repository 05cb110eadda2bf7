# SPDX-License-Identifier: Apache-2.0
"""What every benchmark records of the machine and the program, and where its JSON goes."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import orjson

from af2cpu.ops import isa

ROOT = Path(__file__).parents[1]


def cpu_name() -> str:
    """As the kernel gives it, without the family where the model says it all."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _isa() -> list[str]:
    flags = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    wanted = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_tile", "amx_bf16", "amx_int8")
    return [flag for flag in wanted if flags and flag in flags[1].split()]


def commit_of(checkout: Path = ROOT) -> str:
    """The commit of a checkout of this program, `-dirty` if files other than records were changed since."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=checkout, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    commit = git("rev-parse", "--short=12", "HEAD")
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!benchmarks/results")
    return f"{commit}-dirty" if commit and changed else commit or "unknown"


def describe(*packages: str) -> dict[str, Any]:
    """CPU, instruction sets, load, commit, and the versions of the packages that the figures depend on."""
    return {
        "cpu": cpu_name(),
        "isa": _isa(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "commit": commit_of(),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in ("af2cpu", *packages)},
    }


def machine_rates() -> dict[str, float]:
    """GFLOP/s of products in registers and the L1 cache on all cores, now: what shares are shares of."""
    return {precision: isa.rate(precision) / 1e9 for precision in ("bf16", "fp32")}


def with_rates(measure: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The rows that are measured, each with the machine's rates before and after and its load."""
    rates, rows = machine_rates(), measure()
    state = {"rates_before": rates, "rates_after": machine_rates(), "load_after": os.getloadavg()}
    return [row | state for row in rows]


def result_path(benchmark: str) -> Path:
    """benchmarks/results/<version>/<cpu>_<benchmark>.json."""
    name = re.sub(r"[^A-Za-z0-9.-]+", "_", f"{cpu_name()}_{os.cpu_count()}_cores")
    return ROOT / "benchmarks" / "results" / metadata.version("af2cpu") / f"{name}_{benchmark}.json"


def rows_of(benchmark: str) -> list[dict[str, Any]]:
    """The rows in this machine's record of a benchmark; none if there is no record."""
    path = result_path(benchmark)
    return list(orjson.loads(path.read_bytes())["rows"]) if path.is_file() else []


def merge_rows(benchmark: str, rows: list[dict[str, Any]], by: Sequence[str], *packages: str) -> Path:
    """Write rows into the record of a benchmark; those measured earlier stay, but for the ones that are equal in `by`.

    Each row says how the machine was: an hour's measurement need not be made again with a minute's. A name in `by` that
    an older row lacks counts as None.
    """
    machine, old = describe(*packages), rows_of(benchmark)
    new = {tuple(row.get(name) for name in by) for row in rows}
    kept = [row for row in old if tuple(row.get(name) for name in by) not in new]
    made = [{"commit": machine["commit"], "load": machine["load"]} | row for row in rows]
    order = sorted(kept + made, key=lambda row: [str(row.get(name)).rjust(8) for name in by])
    return write_result(benchmark, {"machine": machine, "rows": order})


def write_result(benchmark: str, result: dict[str, Any]) -> Path:
    """Write the JSON of a benchmark under its name."""
    path = result_path(benchmark)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY))
    print(f"written: {path.relative_to(ROOT)}", file=sys.stderr)
    return path
