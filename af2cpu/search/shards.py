# SPDX-License-Identifier: Apache-2.0
"""Cuts FASTA into shards of up to 2 MB, at record boundaries that depend on the contents alone, and counts them.

So shards can be counted on all cores and in any order, and a packed .gz has the shards of the file in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from af2cpu.errors import DatabaseError
from af2cpu.formats.streams import name_of
from af2cpu.search.index import Shard
from af2cpu.search.scan import BadRecord, scan

SHARD_BYTES = 2 << 20  # at most: some 30 ms of search per query, so that all cores end together
LEAST_SHARD_BYTES = 64 << 10
N_SHARDS = 64  # at least, where the file is large enough for it
_PROBE = 1 << 16


def shard_step(size: int) -> int:
    """Shards of a file of `size` bytes are cut at the first record at or after each multiple of this."""
    return min(SHARD_BYTES, max(size // N_SHARDS, LEAST_SHARD_BYTES))


def boundaries(fasta: Path, size: int) -> Iterator[tuple[int, int]]:
    """(offset, length) of each shard."""
    step = shard_step(size)
    start = 0
    with fasta.open("rb") as file:
        for target in range(step, size, step):
            if target <= start:
                continue
            cut = _next_record(file, target - 1)
            if cut is None:
                break
            yield start, cut - start
            start = cut
    yield start, size - start


def _next_record(file: BinaryIO, place: int) -> int | None:
    """Offset of the first '>' that follows a line end at or after `place`."""
    file.seek(place)
    carried = b""
    while part := file.read(_PROBE):
        text = carried + part
        found = text.find(b"\n>")
        if found >= 0:
            return place - len(carried) + found + 1
        carried, place = text[-1:], place + len(part)
    return None


def streamed_shards(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """(offset, content) of each shard of a stream, cut as `boundaries` cuts the same bytes in a file."""
    text = bytearray()
    while len(text) < N_SHARDS * SHARD_BYTES and (part := stream.read(SHARD_BYTES)):  # smaller files: smaller shards
        text += part
    step = shard_step(len(text))
    start = 0
    while True:
        target = (start // step + 1) * step
        found = text.find(b"\n>", target - 1 - start)
        if found >= 0:
            yield start, bytes(memoryview(text)[: found + 1])
            del text[: found + 1]
            start += found + 1
        elif part := stream.read(SHARD_BYTES):
            text += part
        else:
            yield start, bytes(text)
            return


def read_shard(fasta: Path, offset: int, length: int) -> bytes:
    """The bytes of a shard; fewer at the end of the file."""
    with fasta.open("rb") as file:
        file.seek(offset)
        return file.read(length)


def count_shard(fasta: Path, offset: int, data: bytes) -> Shard:
    """Counts the shard at `offset`. Raises DatabaseError that names file, record and character."""
    try:
        found = scan(data)
    except BadRecord as error:
        place = f"record {error.record + 1}" + (f" after byte {offset:,}" if offset else "")
        raise DatabaseError(
            f"{name_of(fasta)}, {place} ({error.header[:60]}): {error.reason}; {error.remedy}"
        ) from error
    return Shard(offset, len(data), found.n_seq, found.n_res, found.hash, found.skipped)


def kept_ranges(shard: Shard) -> Iterator[tuple[int, int]]:
    """Stretches of the shard, start and end from its own start on, of the records that are not skipped."""
    start = 0
    for record in shard.skipped:
        yield start, record.offset
        start = record.offset + record.length
    yield start, shard.length
