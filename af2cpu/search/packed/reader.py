# SPDX-License-Identifier: Apache-2.0
"""Reads the pieces of a packed database. The file is read, not mapped: memory is bounded, errors are exceptions."""

from __future__ import annotations

import errno
import os
import zlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from af2cpu.formats.streams import name_of, naming
from af2cpu.ops import isa
from af2cpu.search.blocks import LANES, offsets
from af2cpu.search.packed.layout import GROUP_BYTES, GROUP_ROWS, PackedFile, Piece, damaged

_DAMAGED = -2  # as kernels/bind/targets.cpp returns it


@dataclass(frozen=True)
class PackedPart:
    """The targets of a piece."""

    residues: np.ndarray  # uint8, rows * 64 bytes per block
    offsets: np.ndarray  # int64 [n_blocks]: of the blocks in residues
    lengths: np.ndarray  # int32 [n_blocks, 64]
    headers: np.ndarray  # int64 [n_blocks * 64]: offset of each target's header in the file
    reader: PackedReader

    def fasta(self, lanes: np.ndarray) -> bytes:
        """FASTA of the targets in these lanes (block * 64 + lane), in the order of the database."""
        lanes = lanes[np.argsort(self.headers[lanes])]
        places = self.offsets[lanes // LANES] + lanes % LANES
        return self.reader.fasta(self.headers[lanes], self.residues, places, self.lengths.reshape(-1)[lanes])


class PackedReader:
    """Reads pieces of one packed file. One per thread; a context manager. A part is valid until the next is read."""

    def __init__(self, packed: PackedFile, ahead: int) -> None:
        """ahead: how many pieces are asked of the disk in advance."""
        self._packed = packed
        self._ahead = ahead
        self._bytes = np.empty(0, np.uint8)
        self._residues = np.empty(0, np.uint8)
        self._stack = ExitStack()

    def __enter__(self) -> PackedReader:
        with naming(self._packed.path):
            self._file = self._stack.enter_context(self._packed.path.open("rb", buffering=0)).fileno()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def read(self, number: int) -> PackedPart:
        """Piece `number`, verified. Raises DatabaseError that names the file and the damaged block."""
        pieces = self._packed.pieces
        piece, ahead = pieces[number], pieces[number + self._ahead : number + self._ahead + 1]
        content = self._content(piece, ahead)
        tables = content[: piece.tables_bytes]
        if zlib.crc32(tables.data) != piece.checksum:
            raise damaged(self._packed.path, f"the tables of piece {number} differ from their checksum")
        n_lanes, at = piece.n_blocks * LANES, piece.n_blocks * 8
        checksums = tables[:at].view("<u8")
        lengths = tables[at : at + 4 * n_lanes].view("<i4").reshape(-1, LANES)
        headers = tables[at + 4 * n_lanes : at + 8 * n_lanes].view("<u4")
        groups = -(-lengths.max(axis=1) // GROUP_ROWS)
        residues = self._unpacked(number, content[piece.tables_bytes :], groups, checksums)
        starts = offsets(groups * (GROUP_ROWS * LANES))
        return PackedPart(residues, starts, lengths, piece.headers + headers.astype(np.int64), self)

    def fasta(self, headers: np.ndarray, residues: np.ndarray, places: np.ndarray, lengths: np.ndarray) -> bytes:
        """FASTA of targets: offsets of their headers in the file, first bytes in `residues`, lengths."""
        text, failure = isa.kernels().fasta_of(self._file, headers, residues, places, lengths)
        if failure > 0:
            raise OSError(failure, os.strerror(failure), name_of(self._packed.path))
        if failure:
            reason = "a header differs from its checksum" if failure == _DAMAGED else "it is cut off"
            raise damaged(self._packed.path, reason)
        return bytes(text)

    def _content(self, piece: Piece, ahead: Sequence[Piece]) -> np.ndarray:
        if len(self._bytes) < piece.n_bytes:
            self._bytes = np.empty(piece.n_bytes, np.uint8)
        content = self._bytes[: piece.n_bytes]
        with naming(self._packed.path):
            done = self._cached(content, piece.offset)
            if done < piece.n_bytes:
                self._advise(ahead)
            while done < piece.n_bytes:
                got = os.preadv(self._file, [content.data[done:]], piece.offset + done)
                if not got:
                    raise damaged(self._packed.path, "it is cut off")
                done += got
        return content

    def _cached(self, content: np.ndarray, offset: int) -> int:
        """Reads what the page cache has; the number of bytes. Asking the disk for more then costs 5 % of a search."""
        if not hasattr(os, "RWF_NOWAIT"):
            return 0
        try:
            return os.preadv(self._file, [content.data], offset, os.RWF_NOWAIT)
        except OSError as error:
            if error.errno in {errno.EAGAIN, errno.EOPNOTSUPP, errno.EINVAL}:  # nothing, or not on this file system
                return 0
            raise

    def _unpacked(self, number: int, blocks: np.ndarray, groups: np.ndarray, checksums: np.ndarray) -> np.ndarray:
        n_bytes = int(groups.sum()) * GROUP_ROWS * LANES
        if len(self._residues) < n_bytes:
            self._residues = np.empty(n_bytes, np.uint8)
        residues = self._residues[:n_bytes]
        found = np.empty(len(groups), np.uint64)
        isa.kernels().unpack_blocks(blocks, residues, groups.astype(np.int32), found)
        if (found != checksums).any():
            block = int(np.argmax(found != checksums))
            start = self._packed.pieces[number].offset + self._packed.pieces[number].tables_bytes
            start += int(groups[:block].sum()) * GROUP_BYTES
            end = start + int(groups[block]) * GROUP_BYTES
            place = f"piece {number}, block {block}, bytes {start:,} to {end:,}"
            raise damaged(self._packed.path, f"{place}: residues differ from their checksum")
        return residues

    def _advise(self, pieces: Sequence[Piece]) -> None:
        if hasattr(os, "posix_fadvise"):
            for piece in pieces:
                os.posix_fadvise(self._file, piece.offset, piece.n_bytes, os.POSIX_FADV_WILLNEED)
