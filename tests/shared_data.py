# SPDX-License-Identifier: Apache-2.0
"""Real alignments and structures that some tests read where they are at hand; they are not part of the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def shared_data(*parts: str) -> Path:
    """A file or folder of the shared data; skips the test where it is absent."""
    root = Path(os.environ.get("AF2CPU_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
    path = root.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no shared data at {path}")
    return path
