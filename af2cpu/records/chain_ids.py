# SPDX-License-Identifier: Apache-2.0
"""Identifiers of chains in files and folders."""

from __future__ import annotations

import string

# As in PDB files, whose column for the chain has one character.
_SINGLE = string.ascii_uppercase + string.ascii_lowercase + string.digits
MAX_IN_PDB = len(_SINGLE)  # chains


def chain_id(number: int) -> str:
    """The identifier of a chain by its number from 0: A to Z, a to z, 0 to 9, then AA, BA, CA, ... as in the PDB's
    mmCIF files. Those of two letters and more have no place in a PDB file."""
    if number < len(_SINGLE):
        return _SINGLE[number]
    number -= len(_SINGLE) - 26  # AA follows Z
    letters = ""
    while number >= 0:
        letters += string.ascii_uppercase[number % 26]
        number = number // 26 - 1
    return letters
