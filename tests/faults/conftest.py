# SPDX-License-Identifier: Apache-2.0
"""Input that several tests of runs share, and what an undisturbed run makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from program_cases import Program, files, inputs, predict


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return inputs(tmp_path_factory.mktemp("in"), "a", "b")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return inputs(tmp_path_factory.mktemp("in"), "a")


@pytest.fixture(scope="module")
def expected(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("alone")
    Program(out / "log", *predict(source, out / "out", "--workers", 1, "--threads", 1)).end()
    return files(out / "out")
