# SPDX-License-Identifier: Apache-2.0
"""The targets of a database in parts that a thread searches at a time: from a packed file, or from shards of FASTA."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from af2cpu import events
from af2cpu.errors import DatabaseError
from af2cpu.formats.characters import character_at
from af2cpu.formats.streams import name_of, naming
from af2cpu.ops import isa
from af2cpu.search.blocks import LANES, arrange, offsets
from af2cpu.search.databases import Way
from af2cpu.search.index import Index, Shard
from af2cpu.search.packed import PackedFile, open_packed
from af2cpu.search.packed.reader import PackedReader
from af2cpu.search.shards import kept_ranges


class Part(Protocol):
    """Some targets of a database, in blocks. Valid until its reader reads the next one."""

    @property
    def residues(self) -> np.ndarray:
        """uint8, rows * 64 bytes per block."""
        ...

    @property
    def offsets(self) -> np.ndarray:
        """int64 [n_blocks]: where each block starts in the residues."""
        ...

    @property
    def lengths(self) -> np.ndarray:
        """int32 [n_blocks, 64]; 0 for an empty lane."""
        ...

    def fasta(self, lanes: np.ndarray) -> bytes:
        """FASTA of the targets in these lanes (block * 64 + lane), in the order of the database."""
        ...


class PartReader(Protocol):
    """Reads parts by number. One per thread."""

    def read(self, number: int) -> Part:
        """Raises DatabaseError if the database is not what was indexed or packed."""
        ...


@dataclass(frozen=True)
class Targets:
    """A database as parts."""

    way: Way
    n_res: Sequence[int]  # of each part
    open: Callable[[], AbstractContextManager[PartReader]]


def targets_of(fasta: Path, index: Index, threads: int) -> Targets:
    """The parts of a database: of its packed file where it is current, else of the FASTA file.

    Raises DatabaseError for a damaged packed file, and for an outdated one without the FASTA file.
    """
    packed = current_packed(fasta, index)
    if packed:
        sizes = [piece.n_res for piece in packed.pieces]
        return Targets("packed", sizes, partial(PackedReader, packed, ahead=threads))
    return Targets("plain", [shard.n_res for shard in index.shards], partial(FastaReader, fasta, index.shards))


def current_packed(fasta: Path, index: Index) -> PackedFile | None:
    """The packed file of a database, if it is of the FASTA file that was indexed; a warning where it is of another."""
    packed = open_packed(fasta)
    if packed is None or packed.origin.hash == index.hash:
        return packed
    message = f"{name_of(packed.path)}: was made of another version of the database"
    if not fasta.exists():
        raise DatabaseError(f"{message} than {fasta.name}'s index; make both again with af2cpu db pack")
    events.emit("warning", f"{message}, and the FASTA file is read instead; run af2cpu db pack {name_of(fasta)}")
    return None


@dataclass(frozen=True)
class FastaPart:
    """The targets of a shard."""

    residues: np.ndarray
    offsets: np.ndarray
    lengths: np.ndarray
    text: memoryview  # of the records
    targets: np.ndarray  # int64 [n_blocks, 64]: record of each lane
    records: np.ndarray  # int64 [n_records + 1]: where each record starts in the text

    def fasta(self, lanes: np.ndarray) -> bytes:
        """As `Part.fasta`."""
        numbers = np.sort(self.targets.reshape(-1)[lanes])
        starts, ends = self.records[numbers].tolist(), self.records[numbers + 1].tolist()
        return b"".join(self.text[start:end] for start, end in zip(starts, ends, strict=True))


class FastaReader:
    """Reads shards of a FASTA file into blocks in memory. A context manager."""

    def __init__(self, fasta: Path, shards: Sequence[Shard]) -> None:
        self._fasta = fasta
        self._shards = shards
        longest = max((shard.length for shard in shards), default=0)
        self._text = np.empty(longest + 1, np.uint8)
        self._digital = np.empty(longest, np.uint8)
        self._blocks = np.empty(0, np.uint8)
        self._stack = ExitStack()

    def __enter__(self) -> FastaReader:
        with naming(self._fasta):
            self._file = self._stack.enter_context(self._fasta.open("rb", buffering=0)).fileno()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def read(self, number: int) -> FastaPart:
        """The targets of a shard. Raises DatabaseError if it does not hold what the index says."""
        shard = self._shards[number]
        size = self._load(shard)
        text = self._text[:size]
        records, bad = isa.kernels().digitise(text, self._digital)
        if bad >= 0:
            raise unreadable(self._fasta, shard, f"{character_at(text.tobytes(), bad)} is no residue")
        check_counts(self._fasta, shard, max(len(records) - 1, 0), int(records[-1, 2]) if len(records) else 0)
        lanes = arrange(np.diff(records[:, 2]))
        sizes = lanes.rows.astype(np.int64) * LANES
        places = offsets(sizes)
        blocks = self._room(int(sizes.sum()))
        starts = lanes.starts(np.ascontiguousarray(records[:, 2]))
        isa.kernels().interleave(self._digital, starts, lanes.lengths, places, blocks)
        return FastaPart(blocks, places, lanes.lengths, self._text.data, lanes.targets, self._record_starts(records))

    def _record_starts(self, records: np.ndarray) -> np.ndarray:
        """Starts of the records in the text, and the end; a line end follows the last one in any case."""
        starts = records[:, 0].copy()
        end = int(starts[-1])
        if self._text[end - 1] != ord("\n"):
            self._text[end] = ord("\n")
            starts[-1] += 1
        return starts

    def _load(self, shard: Shard) -> int:
        """Reads the records that are not skipped; the number of bytes."""
        size = 0
        for start, end in kept_ranges(shard):
            at, left = shard.offset + start, end - start
            while left:
                with naming(self._fasta):
                    got = os.preadv(self._file, [self._text.data[size : size + left]], at)
                if not got:
                    raise cut_off(self._fasta, at + left)
                at, left, size = at + got, left - got, size + got
        return size

    def _room(self, size: int) -> np.ndarray:
        if len(self._blocks) < size:
            self._blocks = np.empty(size, np.uint8)
        return self._blocks[:size]


def check_counts(fasta: Path, shard: Shard, n_seq: int, n_res: int) -> None:
    """Raises DatabaseError if a shard does not hold as many sequences and residues as its index says."""
    if (n_seq, n_res) != (shard.n_seq, shard.n_res):
        raise DatabaseError(
            f"{fasta}: bytes {shard.offset:,} to {shard.offset + shard.length:,} hold {n_seq} sequences "
            f"and {n_res} residues where the index says {shard.n_seq} and {shard.n_res}; the file has changed "
            "since it was indexed, fetch it again or run af2cpu db index"
        )


def unreadable(fasta: Path, shard: Shard, reason: object) -> DatabaseError:
    """The error for a shard that is no FASTA."""
    return DatabaseError(
        f"{fasta}: bytes {shard.offset:,} to {shard.offset + shard.length:,} can't be read as FASTA ({reason}); the "
        "file has changed since it was indexed, fetch it again"
    )


def cut_off(fasta: Path, end: int) -> DatabaseError:
    """The error for a file that ends before a byte that was indexed."""
    return DatabaseError(f"{fasta}: ends before byte {end:,}; it was cut off since it was indexed, fetch it again")
