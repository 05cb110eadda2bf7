# SPDX-License-Identifier: Apache-2.0
"""Input that several tests of worker processes share."""

from __future__ import annotations

from pathlib import Path

import pytest
from program_cases import inputs


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return inputs(tmp_path_factory.mktemp("in"), "a", "b")
