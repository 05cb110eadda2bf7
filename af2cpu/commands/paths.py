# SPDX-License-Identifier: Apache-2.0
"""Paths of the command line."""

from __future__ import annotations

from pathlib import Path

import typer


def path(text: str) -> Path:
    """A path as it was typed. An empty one is refused: it would be the current folder, which nobody meant.

    Raises typer.BadParameter. The help shows this function's name as the kind of value.
    """
    if not text:
        raise typer.BadParameter("is empty; give a path (. is the current folder)")
    return Path(text)
