# SPDX-License-Identifier: Apache-2.0
"""The version of the program and the commit that it was built from."""

from __future__ import annotations

import subprocess
from importlib import metadata
from pathlib import Path

__version__ = metadata.version("af2cpu")

_PACKAGE = Path(__file__).resolve().parent
_RECORDED = "commit.txt"  # written into the installed package by kernels/CMakeLists.txt


def commit() -> str | None:
    """The commit as `git describe` names it, -dirty where files differ from it; None where that is not known.

    In a checkout that of the checkout now, in an installed package the one recorded when it was built.
    """
    if (_PACKAGE.parent / ".git").exists():
        return _described(_PACKAGE.parent)
    recorded = _PACKAGE / _RECORDED
    return (recorded.read_text().strip() or None) if recorded.is_file() else None


def _described(checkout: Path) -> str | None:
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--abbrev=10"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):  # no git, or the checkout is another user's
        return None
