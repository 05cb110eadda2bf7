# SPDX-License-Identifier: Apache-2.0
"""Layout of a packed database, and its directory.

    magic, padding to 64 bytes
    chunk: pieces, then the headers of all records of the chunk in the order of the FASTA file (length, checksum, text)
    ...
    directory: JSON line, then the table of pieces, int64 [n_pieces, 7]
    footer

A piece holds blocks of 64 targets of like length at 5 bits per residue (kernels/core/targets.h). Before the blocks it
has three tables: checksums of the blocks (uint64 [n_blocks]), the lengths of the targets (int32 [n_blocks, 64], 0 for
an empty lane), and where their headers start in the chunk (uint32 [n_blocks, 64]). Numbers are little-endian.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import orjson

from af2cpu.errors import DatabaseError
from af2cpu.formats.streams import name_of, naming
from af2cpu.search.blocks import LANES
from af2cpu.search.index import fasta_of_packed, packed_path

MAGIC = b"AF2CPUpk"
VERSION = 1
ALIGNMENT = 64  # bytes, of pieces and of the blocks in them
GROUP_ROWS, GROUP_BYTES = 8, 5 * LANES  # of packed blocks
_FOOTER = struct.Struct("<8sIIQQ")  # magic, version, CRC-32 of the directory, its offset and length
_TABLES_PER_LANE, _TABLES_PER_BLOCK = 8, 8  # bytes


@dataclass(frozen=True)
class Piece:
    """A part of the file that is read at once."""

    offset: int  # bytes
    n_blocks: int
    n_groups: int  # of 8 rows, in all blocks together
    n_targets: int
    n_res: int
    headers: int  # bytes: offset of the chunk's headers
    checksum: int  # CRC-32 of the tables

    @property
    def tables_bytes(self) -> int:
        """Length of the tables, padded."""
        return aligned(self.n_blocks * (_TABLES_PER_BLOCK + LANES * _TABLES_PER_LANE))

    @property
    def n_bytes(self) -> int:
        """Length of tables and blocks."""
        return self.tables_bytes + self.n_groups * GROUP_BYTES


_PIECE_FIELDS = fields(Piece)


@dataclass(frozen=True)
class Origin:
    """The FASTA file that was packed, as in its index."""

    size: int  # bytes
    hash: str
    n_seq: int
    n_res: int
    source: list[Any]  # name, size and modification time of the file that was read: this one, or a .gz


@dataclass(frozen=True)
class PackedFile:
    """A packed database and its directory."""

    path: Path
    origin: Origin
    pieces: tuple[Piece, ...]


def aligned(size: int) -> int:
    """The size, rounded up to whole alignments."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def write_end(file: BinaryIO, origin: Origin, pieces: list[Piece]) -> None:
    """Writes directory and footer at the end of the file."""
    table = np.array([astuple(piece) for piece in pieces], "<i8").tobytes()
    directory = orjson.dumps({"origin": asdict(origin), "n_pieces": len(pieces)}) + b"\n" + table
    offset = file.seek(0, os.SEEK_END)
    file.write(directory + _FOOTER.pack(MAGIC, VERSION, zlib.crc32(directory), offset, len(directory)))


def open_packed(fasta: Path) -> PackedFile | None:
    """The packed file beside a FASTA file, or None. Raises DatabaseError if it is cut off, damaged or of another
    version."""
    path = packed_path(fasta)
    if not path.is_file():
        return None
    try:
        with naming(path), path.open("rb") as file:
            return _read(path, file)
    except (ValueError, KeyError, TypeError, struct.error) as error:
        raise damaged(path, str(error)) from error


def _read(path: Path, file: BinaryIO) -> PackedFile:
    size = file.seek(0, os.SEEK_END)
    if size < _FOOTER.size:
        raise ValueError("it is too short")
    file.seek(size - _FOOTER.size)
    magic, version, checksum, offset, length = _FOOTER.unpack(file.read(_FOOTER.size))
    if magic != MAGIC:
        raise ValueError("its end is missing")
    if version != VERSION:
        raise ValueError(f"it has format {version}, this version of af2cpu reads {VERSION}")
    file.seek(offset)
    directory = file.read(length)
    if offset + length + _FOOTER.size != size or zlib.crc32(directory) != checksum:
        raise ValueError("the checksum of its directory differs")
    head, _, table = directory.partition(b"\n")
    known = orjson.loads(head)
    rows = np.frombuffer(table, "<i8").reshape(known["n_pieces"], len(_PIECE_FIELDS))
    pieces = tuple(Piece(*row) for row in rows.tolist())
    if (rows < 0).any() or any(max(piece.offset + piece.n_bytes, piece.headers) > offset for piece in pieces):
        raise ValueError("its directory names places outside of the file")
    return PackedFile(path, Origin(**known["origin"]), pieces)


def damaged(path: Path, reason: str) -> DatabaseError:
    """The error for a packed file that can't be used."""
    return DatabaseError(
        f"{name_of(path)}: the packed database is damaged ({reason}); remove it, and make it again with af2cpu db pack "
        f"{name_of(fasta_of_packed(path))}"
    )
