# SPDX-License-Identifier: Apache-2.0
"""docs/trust.md: stress tests, from the records of benchmarks/fuzz.py, crashes.py, signals.py and soak.py.

python benchmarks/trust.py > docs/trust.md
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "trust.md"

_INTRODUCTION = """# Stress tests

Each [fault that the program survives](faults.md) has a test. This page has the results of longer experiments: damaged
files, kills, long runs. The numbers come from the records in `benchmarks/results`;
`python benchmarks/trust.py > docs/trust.md` makes this page."""

_FUZZ = """
## Damaged files

The inputs are damaged copies of valid files: bytes flipped, cut out, doubled and moved, lines and words replaced, also
inside archives and below checksums, which are then corrected. A reader must either read such a file or refuse it with
one line that names the file. Any other outcome, such as an unexpected exception, is a failure. The large files have
10 MB; a reader may take 10 seconds of processor time and 500 MB for one.

Fuzzing for this record found four faults, which are fixed and have a test each: an a3m file whose first line asks for
10^20 chains took all memory, a packed database could ask for memory in the same way, npz files with old names of types
made numpy print warnings, and a download failed where the server's ETag has letters that can't be sent back. These
readers were then fuzzed again from their first seed.

    python benchmarks/fuzz.py [--seconds 60] [--large 20] [--first-seed 0 | --more]

| reader | inputs | read | refused | failures | slowest, s | slowest of 10 MB, s | memory for 10 MB, MB | processor, s |
|---|---|---|---|---|---|---|---|---|"""

_CRASHES = """
## Kills

Runs with the demo's parameters and databases are killed (SIGKILL), and the same command is run again: a protein, a
complex of two chains, and a batch on two workers. Then all files of the targets are compared with those of an
undisturbed run, bit by bit except for times. An artefact is lost if it was complete before the kill and was made again.

    python benchmarks/crashes.py [--moments 50] [--minutes M]

| run | killed | process | moments | equal | lost |
|---|---|---|---|---|---|"""

_SIGNALS = """
## Ctrl-C and SIGTERM

The program gets a signal at a random moment of its first three seconds. The signal goes to the process alone, as `kill`
sends it, or to its whole group, as terminals and batch systems send it. The expected outcome is one line, no traceback,
and exit code 130 or 143. Before the program has installed its handlers, Python itself reacts: it may print a traceback,
and nothing has begun by then.

    python benchmarks/signals.py [--moments 320] [--seed 0]

| started as | signal | to | moments | right | before the handlers | after the end | wrong |
|---|---|---|---|---|---|---|---|"""

_SOAK = """
## Long runs

Many short targets with the demo's parameters, in one process and on two workers. Memory is the resident set size, first
during targets 11 to 20 (with two workers 21 to 40), then during the last ones. The results of the two runs are compared
with each other, and five of them with runs in separate processes. The main process keeps a record of each result until
the end of the run, about 40 kB for each target.

    python benchmarks/soak.py [--targets 200]

| workers | targets | process | memory, MB | at the end, MB | growth | open files | at the end | results that differ |
|---|---|---|---|---|---|---|---|---|"""

_REST = """
## Reproducibility

With the same input, seed, engine and number of threads, two runs write the same files, to the last bit. With the native
kernels any number of threads gives the same unrelaxed coordinates and scores; a relaxation on several threads
(`--relax-threads`) may differ in the last digits. Only these may differ between two runs:

- `timings.json` and `log.txt`, which hold times,
- `report.html`, which shows times,
- the fields `timings` and `seconds` in `run.json` and `search.json`,
- the content of the hidden folders `.af2cpu`, and `status.json`, `summary.json` and `index.html` beside the targets.

`tests/golden/test_determinism.py` tests it.

## Dependencies

- [Licences](licences.md) lists all packages that the program needs. A test compares the list with pyproject.toml, and
  the bytes of 3Dmol.js with those of its release.
- `make oldest` installs the oldest versions that pyproject.toml allows into a separate environment and runs some of the
  tests there, of which 529 passed; `make test` uses the newest ones, which tests/constraints.txt pins.
- `make audit` checks the installed packages for known vulnerabilities (pip-audit), and fails if it cannot check one. It
  has no result yet: no vulnerability database could be reached from the machine on which this version was made.
"""


def record(name: str) -> dict[str, Any]:
    """The record of a benchmark, of the newest version; without rows if there is none."""
    found = sorted((ROOT / "benchmarks" / "results").glob(f"*/*_{name}.json"))
    return dict(orjson.loads(found[-1].read_bytes())) if found else {"rows": []}


def fuzz_rows() -> Iterator[str]:
    """A line for each reader, and their sum."""
    rows = record("fuzz")["rows"]
    for row in rows:
        counts = [f"{row[name]:,}" for name in ("inputs", "read", "refused", "foreign")]
        limits = [f"{row['slowest_s']:.2f}", f"{row['slowest_large_s']:.1f}", f"{max(row['peak_large_mb'], 0):.0f}"]
        limits += [f"{row['processor_s']:.0f}"]
        yield _line(row["reader"], *counts, *limits)
    sums = [f"{sum(row[name] for row in rows):,}" for name in ("inputs", "read", "refused", "foreign")]
    yield _line("together", *sums, "", "", "", f"{sum(row['processor_s'] for row in rows):.0f}")
    minutes, large = sum(row["seconds"] for row in rows) / 60, sum(row["large"] for row in rows)
    yield f"\nAll inputs took {minutes:.0f} minutes on a busy machine; {large} of them have 10 MB."


def crash_rows() -> Iterator[str]:
    """A line for each kind of moment, and their sum."""
    tried, equal, lost = Counter[tuple[str, ...]](), Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    for row in record("crashes")["rows"]:
        key = tuple(row[name] for name in ("case", "kind", "process"))
        tried[key] += 1
        equal[key] += not row["different"]
        lost[key] += len(row["lost"])
    for key in sorted(tried):
        yield _line(*key, str(tried[key]), str(equal[key]), str(lost[key]))
    yield _line("together", "", "", *(str(count.total()) for count in (tried, equal, lost)))


def signal_rows() -> Iterator[str]:
    """A line for each way, signal and receiver, and their sum."""
    rows, names = record("signals")["rows"], ("moments", "right", "before_handlers", "after_the_end", "wrong")
    for row in rows:
        yield _line(row["way"], row["signal"], row["to"], *(str(row[name]) for name in names))
    yield _line("together", "", "", *(str(sum(row[name] for row in rows)) for name in names))


def soak_rows() -> Iterator[str]:
    """A line for each process."""
    for row in record("soak")["rows"]:
        for one in row["processes"]:
            memory = [f"{one['early_mb']:.0f}", f"{one['late_mb']:.0f}", f"{100 * one['growth']:+.1f} %"]
            files = [str(one["early_files"]), str(one["late_files"])]
            different = f"{len(row['different'])} of {row['compared']}"
            yield _line(str(row["workers"]), str(row["targets"]), one["process"], *memory, *files, different)


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def page() -> str:
    """docs/trust.md."""
    tables = {_FUZZ: fuzz_rows, _CRASHES: crash_rows, _SIGNALS: signal_rows, _SOAK: soak_rows}
    parts = (line for text, rows in tables.items() for line in (text, *rows()))
    return "\n".join((_INTRODUCTION, *parts, _REST))


if __name__ == "__main__":
    print(page(), end="")
