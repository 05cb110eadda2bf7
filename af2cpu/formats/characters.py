# SPDX-License-Identifier: Apache-2.0
"""Characters of text that should be letters of sequences, as a person sees them."""

from __future__ import annotations

import unicodedata


def character_at(data: bytes, index: int) -> str:
    """The character at byte `index` of UTF-8 text, quoted; with its Unicode name unless it is printable ASCII.

    A byte that is not UTF-8 is read as Latin-1.
    """
    character = chr(data[index])
    for length in range(1, 5):
        try:
            character = data[index : index + length].decode()
            break
        except UnicodeDecodeError:
            continue
    if character.isascii() and character.isprintable():
        return repr(character)
    return f"{character!r} ({unicodedata.name(character, f'U+{ord(character):04X}')})"
