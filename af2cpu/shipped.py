# SPDX-License-Identifier: Apache-2.0
"""Files that come with the program: the demo parameters and the demo databases."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def _folder() -> Path:
    """Inside the installed package, or beside it in a checkout, which an editable install runs from."""
    package = Path(__file__).resolve().parent
    inside = package / "params"
    return inside if inside.is_dir() else package.parent / "params"


def shipped(*parts: str) -> Path:
    """A file or folder by its path under params/. Nothing may be written there."""
    return _folder().joinpath(*parts)


def is_shipped(path: Path) -> bool:
    """Whether a file came with the program."""
    return _folder() in path.resolve().parents
