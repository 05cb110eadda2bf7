# SPDX-License-Identifier: Apache-2.0
"""The page of faults is what the markers of the tests say; a fault without a test is seen."""

from __future__ import annotations

import pytest
from fault_catalogue import FAULTS, FINDINGS
from fault_table import PAGE, Row, outcome, page, rows


def test_the_page_is_what_the_tests_say() -> None:
    assert PAGE.read_text() == page(), "make it again: python tests/fault_table.py > docs/faults.md"


def test_every_fault_has_a_test_and_says_what_happens() -> None:
    assert list(FAULTS) == list(range(1, 41))
    assert [row.key for row in rows()] == [*FAULTS, *FINDINGS]
    assert [row.key for row in rows() if not row.tests or not row.happens] == []


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ({"a": {"passed"}, "b": {"passed"}}, "passed"),
        ({"a": {"passed"}, "b": {"skipped"}}, "passed"),
        ({"a": {"passed"}, "b": {"passed", "failed"}}, "FAILED"),
        ({"a": {"error"}}, "FAILED"),
        ({"a": {"skipped"}, "b": {"skipped"}}, "NOT RUN"),
        ({}, "NOT RUN"),
    ],
)
def test_what_counts_as_proved(states: dict[str, set[str]], expected: str) -> None:
    assert outcome(Row(1, "x", ["y"], ["a", "b"]), states) == expected
    assert outcome(Row(1, "x"), states) == "NO TEST"
