# SPDX-License-Identifier: Apache-2.0
"""A file of a stranger: a valid one in parts, how it is damaged, and what becomes of it when it is read.

A file is given in parts where a damaged byte would only be noticed by a checksum: members of archives, text under a
checksum. The parts are damaged one by one and then put together as a program would have done it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mutants import Edit, edited, random_edit, swollen

from af2cpu.errors import InputError

Parts = Mapping[str, bytes]


@dataclass(frozen=True)
class Stranger:
    """A kind of file: a valid one, and what reads it."""

    file: str  # its name
    parts: Parts
    read: Callable[[Path], object]
    join: Callable[[Parts], bytes] = lambda parts: b"".join(parts.values())
    beside: Parts = field(default_factory=dict)  # other files that are read with it

    @property
    def content(self) -> bytes:
        return self.join(self.parts)

    def damaged(self, edits: Sequence[Edit], where: int) -> bytes:
        """The file with harms in one of its parts, or in what they make together."""
        names = list(self.parts)
        if where % (len(names) + 1) == len(names) or len(names) == 1:
            return edited(self.content, edits)
        name = names[where % (len(names) + 1)]
        return self.join({**self.parts, name: edited(self.parts[name], edits)})

    def mutant(self, seed: int) -> bytes:
        """The same for the same seed."""
        rng = random.Random(seed)
        where = rng.randrange(len(self.parts) + 1)
        return self.damaged([random_edit(rng) for _ in range(rng.choice((1, 1, 2, 5)))], where)

    def swollen(self, seed: int, size: int) -> bytes:
        """One of its parts with a slice repeated until it has `size` bytes."""
        name = random.Random(seed).choice(list(self.parts))
        return self.join({**self.parts, name: swollen(self.parts[name], seed, size)})


def outcome(stranger: Stranger, folder: Path, content: bytes) -> str:
    """`read` or `refused`. Raises what is not our own error, and AssertionError for one of more than a line."""
    for name, other in stranger.beside.items():
        (folder / name).write_bytes(other)
    path = folder / stranger.file
    path.write_bytes(content)
    try:
        stranger.read(path)
    except InputError as error:
        if "\n" in str(error):
            raise AssertionError(f"more than a line: {error!r}") from error
        return "refused"
    return "read"
