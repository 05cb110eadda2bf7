# SPDX-License-Identifier: Apache-2.0
"""The formula for peak memory against every peak that benchmarks/memory.py has recorded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from af2cpu.model.config import model_config
from af2cpu.model.cost import full_sizes
from af2cpu.model.count import n_parameters
from af2cpu.model.memory import peak_bytes
from af2cpu.validate.synthetic import with_one_block

RESULTS = Path(__file__).parents[3] / "benchmarks" / "results"


def rows() -> Iterator[dict[str, Any]]:
    for path in sorted(RESULTS.glob("*/*_memory.json")):
        yield from (row for row in orjson.loads(path.read_bytes())["rows"] if not row["program"].startswith("jax"))


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: f"{row['program']}, {row['n_res']} residues")
def test_near_what_was_measured(row: dict[str, Any]) -> None:
    """Within 10 % or 150 MB."""
    engine, precision = row["program"].split()
    config = model_config(row["model"])
    config = with_one_block(config) if row["one_block"] else config
    sizes = replace(full_sizes(config, row["n_res"]), n_templ=row["templates"])
    estimated = peak_bytes(config, sizes, precision, engine, n_parameters(config))
    assert estimated == pytest.approx(row["peak_gb"] * 1e9, rel=0.1, abs=150e6)


def test_there_are_measurements() -> None:
    assert {row["n_res"] for row in rows()} >= {64, 256, 1000}
