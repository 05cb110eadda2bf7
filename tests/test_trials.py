# SPDX-License-Identifier: Apache-2.0
"""The recorded stress tests cover all readers, signals and kinds of run, and report no failure."""

from __future__ import annotations

from typing import Any

from measured import records_of_this_version
from strangers import STRANGERS


def _rows(benchmark: str) -> list[dict[str, Any]]:
    return records_of_this_version().read(benchmark)["rows"]


def test_every_reader_was_fuzzed_and_none_failed() -> None:
    rows = {row["reader"]: row for row in _rows("fuzz")}
    assert set(rows) == set(STRANGERS)
    assert [name for name, row in rows.items() if row["foreign"]] == []
    assert [name for name, row in rows.items() if row["peak_large_mb"] > 500 or row["slowest_large_s"] > 10] == []


def test_every_signal_ended_the_program_rightly() -> None:
    rows = _rows("signals")
    assert sum(row["moments"] for row in rows) >= 300
    assert [row for row in rows if row["wrong"]] == []


def test_every_kill_left_the_same_files_and_no_work_was_lost() -> None:
    rows = _rows("crashes")
    assert {row["case"] for row in rows} == {"protein", "complex", "batch"}
    assert [row for row in rows if row["different"] or row["lost"]] == []
