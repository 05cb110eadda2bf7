# SPDX-License-Identifier: Apache-2.0
"""The measured tables of docs/trust.md, as those of measured_tables.py: damaged files, kills, signals, long runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from measured_tables import Read, table

_OUTCOMES = ("inputs", "read", "refused", "foreign")  # of fuzzing
_MOMENTS = ("moments", "right", "before_handlers", "after_the_end", "wrong")  # of signals


def damaged_files(read: Read) -> Iterator[str]:
    """A line for each reader, and their sum."""
    heads = ("reader", "inputs", "read", "refused", "failures")
    limits = ("slowest, s", "slowest of 10 MB, s", "memory for 10 MB, MB", "processor, s")
    yield from table((*heads, *limits), _damaged_rows(read))


def _damaged_rows(read: Read) -> Iterator[list[str]]:
    rows = read("fuzz")["rows"]
    for row in rows:
        limits = [f"{row['slowest_s']:.2f}", f"{row['slowest_large_s']:.1f}", f"{max(row['peak_large_mb'], 0):.0f}"]
        counts = [f"{row[name]:,}" for name in _OUTCOMES]
        yield [row["reader"], *counts, *limits, f"{row['processor_s']:.0f}"]
    sums = [f"{sum(row[name] for row in rows):,}" for name in _OUTCOMES]
    yield ["together", *sums, "", "", "", f"{sum(row['processor_s'] for row in rows):.0f}"]


def damaged_files_in_words(read: Read) -> Iterator[str]:
    """How long fuzzing took."""
    rows = read("fuzz")["rows"]
    minutes, large = sum(row["seconds"] for row in rows) / 60, sum(row["large"] for row in rows)
    yield f"All inputs took {minutes:.0f} minutes on a busy machine; {large} of them have 10 MB."


def kills(read: Read) -> Iterator[str]:
    """A line for each kind of moment, and their sum."""
    tried, equal, lost = Counter[tuple[str, ...]](), Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    for row in read("crashes")["rows"]:
        key = tuple(row[name] for name in ("case", "kind", "process"))
        tried[key] += 1
        equal[key] += not row["different"]
        lost[key] += len(row["lost"])
    rows = [[*key, *(str(count[key]) for count in (tried, equal, lost))] for key in sorted(tried)]
    rows.append(["together", "", "", *(str(count.total()) for count in (tried, equal, lost))])
    yield from table(("run", "killed", "process", "moments", "equal", "lost"), rows)


def signals(read: Read) -> Iterator[str]:
    """A line for each way of starting, signal and receiver, and their sum."""
    found = read("signals")["rows"]
    rows = [[row["way"], row["signal"], row["to"], *(str(row[name]) for name in _MOMENTS)] for row in found]
    rows.append(["together", "", "", *(str(sum(row[name] for row in found)) for name in _MOMENTS)])
    yield from table(("started as", "signal", "to", *(name.replace("_", " ") for name in _MOMENTS)), rows)


def long_runs(read: Read) -> Iterator[str]:
    """A line for each process."""
    head = ("workers", "targets", "process", "memory, MB", "at the end, MB", "growth", "open files", "at the end")
    yield from table((*head, "results that differ"), _long_rows(read))


def _long_rows(read: Read) -> Iterator[list[str]]:
    for row in read("soak")["rows"]:
        different = f"{len(row['different'])} of {row['compared']}"
        for one in row["processes"]:
            memory = [f"{one['early_mb']:.0f}", f"{one['late_mb']:.0f}", f"{100 * one['growth']:+.1f} %"]
            files = [f"{one['early_files']:.0f}", f"{one['late_files']:.0f}"]
            yield [str(row["workers"]), str(row["targets"]), one["process"], *memory, *files, different]


TRIALS: dict[str, Callable[[Read], Iterator[str]]] = {
    "damaged_files": damaged_files,
    "damaged_files_in_words": damaged_files_in_words,
    "kills": kills,
    "signals": signals,
    "long_runs": long_runs,
}
