"""Damaged copies of files: bytes flipped, cut out, doubled, moved, and numbers replaced."""

from __future__ import annotations

import random

_WORDS = (b"-1", b"0", b"99999999999999999999", b"1e400", b"nan", b"\xff\xfe", b"\0", b"\xc3\xa9", b"\n", b" ", b"")


def mutant(content: bytes, seed: int) -> bytes:
    """A damaged copy; the same for the same seed."""
    rng = random.Random(seed)
    found = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 5))):
        place = rng.randrange(len(found) + 1)
        length = rng.choice((1, 2, 8, 60, 400))
        match rng.randrange(6):
            case 0 if found:
                found[min(place, len(found) - 1)] ^= 1 << rng.randrange(8)
            case 1:
                del found[place : place + length]
            case 2:
                found[place:place] = found[place : place + length]
            case 3:
                found[place : place + length] = rng.choice(_WORDS)
            case 4:
                other = rng.randrange(len(found) + 1)
                found[place:place] = found[other : other + length]
            case _:
                del found[place:]
    return bytes(found)
