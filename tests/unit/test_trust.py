# SPDX-License-Identifier: Apache-2.0
"""The page of what was tried is what the records say, and they say that nothing was lost."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from strangers import STRANGERS
from trust import PAGE, page, record


def test_the_page_is_what_the_records_say() -> None:
    assert PAGE.read_text() == page(), "make it again: python benchmarks/trust.py > docs/trust.md"


def test_every_reader_was_fuzzed_and_nothing_foreign_came() -> None:
    rows = {row["reader"]: row for row in record("fuzz")["rows"]}
    assert set(rows) == set(STRANGERS)
    assert [name for name, row in rows.items() if row["foreign"]] == []
    assert [name for name, row in rows.items() if row["peak_large_mb"] > 500 or row["slowest_large_s"] > 10] == []


def test_every_signal_ended_the_program_rightly() -> None:
    rows = record("signals")["rows"]
    assert sum(row["moments"] for row in rows) >= 300
    assert [row for row in rows if row["wrong"]] == []


def test_every_kill_left_the_same_files_and_no_work_was_lost() -> None:
    rows = record("crashes")["rows"]
    assert {row["case"] for row in rows} == {"protein", "complex", "batch"}
    assert [row for row in rows if row["different"] or row["lost"]] == []
