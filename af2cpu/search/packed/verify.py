# SPDX-License-Identifier: Apache-2.0
"""Reads all of a packed database and compares it with its checksums."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from af2cpu import events
from af2cpu.search.packed.layout import PackedFile
from af2cpu.search.packed.reader import PackedReader


def verify_packed(packed: PackedFile, threads: int) -> None:
    """Raises DatabaseError that names the file and the block, or header, that has changed since it was packed."""
    done = 0
    with ThreadPoolExecutor(threads) as pool:
        for number, _ in enumerate(pool.map(lambda number: _verify(packed, number), range(len(packed.pieces)))):
            done += packed.pieces[number].n_bytes
            total = sum(piece.n_bytes for piece in packed.pieces)
            events.emit("progress", f"read {packed.path.name}", done=done, total=total)


def _verify(packed: PackedFile, number: int) -> None:
    with PackedReader(packed, ahead=0) as reader:
        part = reader.read(number)
        part.fasta(np.flatnonzero(part.lengths.reshape(-1)))
