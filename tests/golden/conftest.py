# SPDX-License-Identifier: Apache-2.0
"""What several tests of whole runs watch."""

from __future__ import annotations

from typing import Any

import pytest

from af2cpu.pipeline.stages import prediction
from af2cpu.workspace import Work


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The predictions for which the network ran."""
    found: list[str] = []
    compute = prediction._computed

    def counted(work: Work[Any], cores: int) -> Any:
        found.append(f"{work.targets[0]} {work.task.who.index}")
        return compute(work, cores)

    monkeypatch.setattr(prediction, "_computed", counted)
    return found
