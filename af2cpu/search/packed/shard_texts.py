# SPDX-License-Identifier: Apache-2.0
"""The shards of a FASTA file that is to be packed: read from the file, or from a .gz stream."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from af2cpu.errors import DatabaseError, InputError
from af2cpu.formats.streams import name_of, open_bytes
from af2cpu.search import shards
from af2cpu.search.index import Index, Shard, load_index, make_index
from af2cpu.search.indexing import checked_file, current_index, holds_nucleotides
from af2cpu.shipped import is_shipped


@dataclass(frozen=True)
class ShardText:
    """A shard's place in the file, and its bytes where they had to be read in order."""

    offset: int
    length: int
    data: bytes | None = None


class ShardTexts:
    """Iterates over the shards of a file, in order."""

    def __init__(self, source: Path, fasta: Path, index: Index | None, stream: BinaryIO | None) -> None:
        """stream: the source's bytes, unpacked; None to read `fasta` itself."""
        self.source, self.fasta, self.index = source, fasta, index
        self.status = source.stat()
        self.identity = [source.name, self.status.st_size, self.status.st_mtime_ns]
        self.done = 0  # bytes of the source that have been handed out
        self._stream = stream
        self._known = {shard.offset: shard for shard in index.shards} if index else {}
        self._head = self._tail = b""

    def __iter__(self) -> Iterator[ShardText]:
        if self._stream is None:
            for offset, length in shards.boundaries(self.fasta, self.status.st_size):
                self.done = offset + length
                yield ShardText(offset, length)
            return
        for offset, data in shards.streamed_shards(self._stream):
            if offset == 0:
                self._head = data
                _check_first(self.source, data)
            self._tail = data[-1:]
            self.done = getattr(self._stream, "fileobj", self._stream).tell()
            yield ShardText(offset, len(data), data)

    def counted(self, text: ShardText) -> tuple[Shard, bytes]:
        """A shard and its bytes. Raises DatabaseError if it is not what the index says, or no FASTA."""
        data = shards.read_shard(self.fasta, text.offset, text.length) if text.data is None else text.data
        if not self.index:
            return shards.count_shard(self.fasta if text.data is None else self.source, text.offset, data), data
        known = self._known.get(text.offset)
        if known is None or hashlib.blake2b(data, digest_size=16).hexdigest() != known.hash:
            raise DatabaseError(
                f"{self.fasta}: bytes {text.offset:,} to {text.offset + text.length:,} have changed since it was "
                f"indexed; fetch it again, or if the change is meant run af2cpu db index {self.fasta}"
            )
        return known, data

    def finished(self, counted: tuple[Shard, ...]) -> Index:
        """The index, once all shards are counted. Raises DatabaseError if the file has changed meanwhile."""
        after = self.source.stat()
        if (after.st_size, after.st_mtime_ns) != (self.status.st_size, self.status.st_mtime_ns):
            raise DatabaseError(
                f"{self.source}: changed while it was packed; run af2cpu db pack again when it is complete"
            )
        if self.index:
            return self.index
        if self._stream is None:
            with self.fasta.open("rb") as file:
                self._head = file.read(shards.LEAST_SHARD_BYTES)
                file.seek(-1, os.SEEK_END)
                self._tail = file.read(1)
        mtime_ns = self.status.st_mtime_ns if self._stream is None else 0
        size = counted[-1].offset + counted[-1].length
        index = make_index(size, mtime_ns, counted, ends_with_newline=self._tail == b"\n")
        return replace(index, nucleotides=holds_nucleotides(self._head))


@contextmanager
def open_source(source: Path, threads: int) -> Iterator[ShardTexts]:
    """The shards of a FASTA file, or of the FASTA file in a .gz file. Raises DatabaseError, InputError."""
    if is_shipped(source):
        raise InputError(f"{name_of(source)}: comes with the program and is not packed")
    if source.suffix != ".gz":
        checked_file(source)
        index = current_index(source, threads) if load_index(source) else None
        yield ShardTexts(source, source, index, None)
        return
    fasta = source.with_suffix("")
    if fasta.exists():
        raise InputError(f"{name_of(source)}: {fasta.name} is beside it; pack that one, or remove it")
    with open_bytes(source) as stream:
        yield ShardTexts(source, fasta, None, stream)


def _check_first(source: Path, data: bytes) -> None:
    first = data[: shards.LEAST_SHARD_BYTES].lstrip()
    if not first:
        raise DatabaseError(f"{name_of(source)}: the database is empty; fetch it again")
    if not first.startswith(b">"):
        raise DatabaseError(f"{name_of(source)}: holds no FASTA, its first character is not '>'; check the path")
