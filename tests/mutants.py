# SPDX-License-Identifier: Apache-2.0
"""Damaged copies of files: bytes flipped, cut out, doubled, moved, lines lost, and words replaced."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

WORDS = (
    b"-1",
    b"0",
    b"99999999999999999999",
    b"1e400",
    b"nan",
    b"\xff\xfe",
    b"\0",
    b"\xc3\xa9",
    b"\n",
    b" ",
    b"",
    b"null",
)
LENGTHS = (1, 2, 8, 60, 400)
KINDS = 9


@dataclass(frozen=True)
class Edit:
    """One harm to a file. Places are shares of its length: an edit fits any file."""

    kind: int  # 0 to KINDS - 1
    place: float  # in [0, 1)
    other: float  # in [0, 1): a second place, or which bit
    length: int
    word: bytes


def edited(content: bytes, edits: Sequence[Edit]) -> bytes:
    """A copy with some harms, done one after the other."""
    for edit in edits:
        content = _edited(content, edit)
    return content


def _edited(content: bytes, edit: Edit) -> bytes:
    place, other = (int(share * (len(content) + 1)) for share in (edit.place, edit.other))
    end = place + edit.length
    match edit.kind:
        case 0 if content:
            place = min(place, len(content) - 1)
            return content[:place] + bytes([content[place] ^ 1 << int(edit.other * 8)]) + content[place + 1 :]
        case 1:
            return content[:place] + content[end:]
        case 2:
            return content[:end] + content[place:]
        case 3:
            return content[:place] + edit.word + content[end:]
        case 4:
            return content[:place] + content[other : other + edit.length] + content[place:]
        case _:
            return content[:place] if edit.kind == 5 else _line_edited(content, edit, place)


def _line_edited(content: bytes, edit: Edit, place: int) -> bytes:
    """A whole line is left out or doubled, or a word between blanks, commas or colons is replaced."""
    if edit.kind < KINDS - 1:
        start, end = content.rfind(b"\n", 0, place) + 1, content.find(b"\n", place) + 1 or len(content)
        return content[:start] + content[start:end] * (2 if edit.kind == 6 else 0) + content[end:]
    marks = b" ,:\t\n"
    start = 1 + max(content.rfind(bytes([mark]), 0, place) for mark in marks)
    ends = [found for mark in marks if (found := content.find(bytes([mark]), place)) >= 0]
    return content[:start] + edit.word + content[min(ends, default=len(content)) :]


def mutant(content: bytes, seed: int) -> bytes:
    """A damaged copy; the same for the same seed."""
    rng = random.Random(seed)
    return edited(content, [random_edit(rng) for _ in range(rng.choice((1, 1, 2, 5)))])


def random_edit(rng: random.Random) -> Edit:
    """Any harm."""
    return Edit(rng.randrange(KINDS), rng.random(), rng.random(), rng.choice(LENGTHS), rng.choice(WORDS))


def swollen(content: bytes, seed: int, size: int) -> bytes:
    """A copy in which one slice is repeated until it has `size` bytes."""
    rng = random.Random(seed)
    place, length = rng.randrange(len(content) + 1), rng.choice((1, 8, 60, 400, 4000))
    part = content[place : place + length] or b"A"
    return content[:place] + part * ((size - len(content)) // len(part)) + content[place:]
