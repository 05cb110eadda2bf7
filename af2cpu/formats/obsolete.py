# SPDX-License-Identifier: Apache-2.0
"""The PDB's list of obsolete entries, obsolete.dat."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from af2cpu.errors import InputError


def read_obsolete(path: str | os.PathLike[str]) -> dict[str, str | None]:
    """Entry -> the entry that replaced it (the first where there are several), None where it was withdrawn.

    Identifiers are in lower case. Raises InputError where the file can't be read or lists nothing.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError as error:
        raise InputError(f"{path}: the list of obsolete entries can't be read ({error.strerror})") from error
    obsolete: dict[str, str | None] = {}
    for line in lines:
        # OBSLTE    31-JUL-94 116L     216L
        match line.lower().split():
            case ["obslte", _, entry, successor, *_]:
                obsolete[entry] = successor
            case ["obslte", _, entry]:
                obsolete[entry] = None
    if not obsolete:
        raise InputError(f"{path}: no line of it reads as 'OBSLTE date entry successor'")
    return obsolete


def current_entry(entry: str, obsolete: Mapping[str, str | None]) -> str | None:
    """Follow the successors of an entry to one that is not obsolete; None where the chain ends or runs in a circle.

    DEVIATION: AlphaFold 2 goes one step only, and then looks for a file that the PDB no longer has.
    tests/faults/test_templates.py
    """
    seen: set[str] = set()
    while entry in obsolete:
        successor = obsolete[entry]
        if successor is None or entry in seen:
            return None
        seen.add(entry)
        entry = successor
    return entry
