# SPDX-License-Identifier: Apache-2.0
"""The measured tables of README and the pages are those of the records under benchmarks/results."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import measured
import pytest
from measured import TABLES
from measured_tables import MissingError, faster, seconds, small

ROOT = Path(__file__).parents[1]


def test_documents_have_the_numbers_of_the_records() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "documents" / "measured.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}run: python scripts/documents/measured.py"


def test_every_table_is_in_a_document() -> None:
    text = "".join(path.read_text() for path in measured.documents())
    assert set(re.findall(r"^<!-- measured: (\w+) -->$", text, re.MULTILINE)) == set(TABLES)


def test_a_changed_number_is_noticed() -> None:
    text = (ROOT / "docs" / "performance.md").read_text()
    records = measured.Records(ROOT / "benchmarks" / "results", "999.0.0")

    def slower(name: str) -> dict[str, Any]:
        record = records.read(name)
        if name == "end_to_end":
            record["rows"] = [row | {"median_s": 2 * row["median_s"]} for row in record["rows"]]
        return record

    assert measured.filled(text, slower) != measured.filled(text, records.read)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Records of three versions; the newest lacks one, and only a later one has the third."""
    for version, names in (("0.1.0", "ab"), ("0.2.0.dev0", "a"), ("0.2.0", "a"), ("0.10.0", "abc")):
        (tmp_path / version).mkdir()
        for name in names:
            path = tmp_path / version / f"{measured.MACHINE}_{name}.json"
            path.write_text(json.dumps({"version": version}))
    return tmp_path


def test_the_newest_record_up_to_the_version_counts(results: Path) -> None:
    records = measured.Records(results, "0.2.0")
    assert records.read("a") == {"version": "0.2.0"}
    assert records.read("b") == {"version": "0.1.0"}
    with pytest.raises(MissingError):
        records.read("c")
    assert measured.Records(results, "0.2.0.dev0").read("a") == {"version": "0.2.0.dev0"}


def test_a_missing_record_is_said(results: Path) -> None:
    block = "<!-- measured: loading -->\n<!-- end -->"
    text = measured.filled(block, measured.Records(results, "0.2.0").read)
    assert "No record of it exists yet: `python benchmarks/load.py` makes one." in text
    assert measured.filled(text, measured.Records(results, "0.2.0").read) == text


def test_a_name_without_a_table_is_an_error() -> None:
    with pytest.raises(SystemExit, match="no table is called unknown"):
        measured.filled("<!-- measured: unknown -->\n<!-- end -->", lambda name: {})


@pytest.mark.parametrize(("value", "text"), [(132.8, "133 s"), (36.15, "36.1 s"), (0.3336, "0.33 s")])
def test_seconds_have_three_digits(value: float, text: str) -> None:
    assert seconds(value) == text


@pytest.mark.parametrize(("value", "text"), [(5.49e-5, "5.5e-5"), (0.0, "0.00"), (0.9158, "0.92"), (0.00432, "4.3e-3")])
def test_small_differences(value: float, text: str) -> None:
    assert small(value) == text


@pytest.mark.parametrize(("factor", "text"), [(3.67, "3.7 times faster"), (0.85, "1.2 times slower")])
def test_a_factor_below_one_is_said_the_other_way_round(factor: float, text: str) -> None:
    assert faster(factor) == text
