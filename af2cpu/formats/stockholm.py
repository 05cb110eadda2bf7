"""Stockholm alignments of any size, as HMMER writes them: blocks of columns, one line per row in each.

The file is read twice: once for its shape, once for its cells, so that memory is 3 bytes per kept cell, the names and a
few thousand lines. Columns where the query has a gap are kept only as counts of inserted residues (supplement 1.2.2).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import numpy as np

from af2cpu.errors import InputError
from af2cpu.formats.rows import CODES, GAP, ILLEGAL, digest, digest_weights
from af2cpu.formats.streams import Source, name_of, open_bytes
from af2cpu.records import Alignment

_BATCH_BYTES = 1 << 20  # of lines that are worked on at a time

# [256] byte -> upper-case letter, '-' for each of Stockholm's gap signs.
_UPPER = np.arange(256, dtype=np.uint8)
_UPPER[ord("a") : ord("z") + 1] -= 32
_UPPER[[ord("."), ord("_"), ord("~")]] = ord("-")


def read_stockholm(source: Source, max_rows: int | None = None, database: str = "stockholm") -> Alignment:
    """The alignment in a Stockholm file, plain or gzip, in the columns where its first row, the query, has residues.

    Equals AlphaFold 2's `parse_stockholm` on HMMER's files; other tools' '.' counts as a gap too. A stream that can't
    be rewound is copied to a temporary file. `max_rows` counts the query. Raises InputError: file, line, fault.
    """
    name = name_of(source)
    if not isinstance(source, str | os.PathLike) and not source.seekable():
        with tempfile.TemporaryFile() as copy:
            while part := source.read(1 << 20):
                copy.write(part)
            copy.seek(0)
            return _read(copy, name, max_rows, database)
    return _read(source, name, max_rows, database)


def read_first_row(source: str | os.PathLike[str]) -> bytes:
    """The residues of the first row, the query, without gaps, as they are written."""
    query: bytes | None = None
    parts = []
    for _, row, columns in _lines(source, name_of(source)):
        query = query or row
        if row == query:
            parts.append(columns.translate(None, b"-._~"))
    return b"".join(parts)


def _read(source: Source, name: str, max_rows: int | None, database: str) -> Alignment:
    start = None if isinstance(source, str | os.PathLike) else source.tell()
    n_seq, n_res = _shape(source, name, max_rows)
    if start is not None and not isinstance(source, str | os.PathLike):
        source.seek(start)
    cells = _Cells(n_seq, n_res, name)
    for lines in _batches(source, name, n_seq):
        cells.add(lines)
    return cells.alignment(database)


def _lines(source: Source, name: str) -> Iterator[tuple[int, bytes, bytes]]:
    """(line number, row name, its columns) of each row line up to '//'."""
    with open_bytes(source) as stream:
        ended = False
        number = 0
        for number, line in enumerate(stream, start=1):
            if number == 1 and not line.startswith(b"# STOCKHOLM"):
                raise InputError(f"{name}: is not Stockholm; its first line must be '# STOCKHOLM 1.0'")
            if line.startswith(b"//"):
                ended = True
                break
            if line.startswith(b"#") or not line.strip():
                continue
            parts = line.split()
            if len(parts) != 2:
                raise InputError(f"{name}, line {number}: expected a row name and its columns; the file is damaged")
            yield number, parts[0], parts[1]
        if number == 0:
            raise InputError(f"{name}: is empty; give an alignment whose first row is the query")
        if not ended:
            raise InputError(f"{name}: ends at line {number} without '//'; the file is cut off, make or fetch it again")


def _shape(source: Source, name: str, max_rows: int | None) -> tuple[int, int]:
    """Rows to keep and query residues."""
    query: bytes | None = None
    n_seq = n_res = blocks = 0
    for _, row, columns in _lines(source, name):
        query = query or row
        if row == query:
            blocks += 1
            n_res += len(columns.translate(None, b"-._~"))
        if blocks == 1:
            n_seq += 1
    if n_res == 0:
        raise InputError(f"{name}: holds no rows with residues; the first row must be the query")
    return (n_seq if max_rows is None else min(n_seq, max_rows)), n_res


def _batches(source: Source, name: str, n_seq: int) -> Iterator[list[tuple[int, int, bytes, bytes]]]:
    """Runs of (row, line number, row name, columns) of one block, rows in order, only the first n_seq of each block."""
    query: bytes | None = None
    row = -1
    batch: list[tuple[int, int, bytes, bytes]] = []
    size = 0
    for number, label, columns in _lines(source, name):
        query = query or label
        row = 0 if label == query else row + 1
        if row >= n_seq:
            continue
        if batch and (row == 0 or size > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((row, number, label, columns))
        size += len(columns)
    yield batch


class _Cells:
    """Fills the arrays from the batches of each block."""

    def __init__(self, n_seq: int, n_res: int, name: str) -> None:
        self.name = name
        self.names: list[bytes] = []
        self.msa = np.full((n_seq, n_res), GAP, np.uint8)
        self.deletions = np.zeros((n_seq, n_res), np.uint16)
        self.digests = np.zeros((n_seq, 2), np.uint64)
        self.weights = digest_weights(n_res)
        self.carried = np.zeros(n_seq, np.int64)  # residues inserted since the row's last kept column
        self.first = self.last = 0  # the block's columns of the query
        self.kept = np.zeros(0, bool)  # which columns of the block the query has
        self.next_row = n_seq  # where the block's rows end so far

    def add(self, lines: list[tuple[int, int, bytes, bytes]]) -> None:
        """The next batch of lines; a batch that starts with row 0 starts a block."""
        first_row = lines[0][0]
        if first_row == 0:
            self._end_block()
            query = _UPPER[np.frombuffer(lines[0][3], np.uint8)]
            self.kept = query != ord("-")
            self.first, self.last = self.last, self.last + int(self.kept.sum())
        self._check(lines)
        text = _UPPER[np.frombuffer(b"".join(columns for *_, columns in lines), np.uint8)].reshape(len(lines), -1)
        self.next_row = first_row + len(lines)
        rows = slice(first_row, self.next_row)
        columns = slice(self.first, self.last)
        letters = text[:, self.kept]
        codes = CODES[letters]
        self._check_letters(codes, lines)
        self.msa[rows, columns] = codes
        self.digests[rows] += digest(letters, self.weights[columns])
        self._count_insertions(text, rows, columns)

    def _end_block(self) -> None:
        if self.next_row != self.msa.shape[0]:
            raise InputError(
                f"{self.name}: a block has {self.next_row} rows where the first has more; the file is damaged"
            )

    def _count_insertions(self, text: np.ndarray, rows: slice, columns: slice) -> None:
        inserted = np.cumsum((text != ord("-")) & ~self.kept, axis=1, dtype=np.int32)
        if not self.kept.any():
            self.carried[rows] += inserted[:, -1]
            return
        before = inserted[:, self.kept]
        counts = np.diff(before, axis=1, prepend=0)
        counts[:, 0] += self.carried[rows]
        if self.deletions.dtype == np.uint16 and counts.max() > np.iinfo(np.uint16).max:
            self.deletions = self.deletions.astype(np.int32)
        self.deletions[rows, columns] = counts
        self.carried[rows] = inserted[:, -1] - before[:, -1]

    def _check(self, lines: list[tuple[int, int, bytes, bytes]]) -> None:
        for row, number, label, columns in lines:
            if self.first == 0 and row == len(self.names):
                self.names.append(label)
            if row >= len(self.names) or self.names[row] != label:
                raise InputError(
                    f"{self.name}, line {number}: row {label.decode(errors='replace')} is not in the order of the "
                    "first block; the file is damaged"
                )
            if len(columns) != len(self.kept):
                raise InputError(
                    f"{self.name}, line {number}: {len(columns)} columns where the block's first row has "
                    f"{len(self.kept)}; the file is damaged"
                )

    def _check_letters(self, codes: np.ndarray, lines: list[tuple[int, int, bytes, bytes]]) -> None:
        illegal = np.argwhere(codes == ILLEGAL)
        if illegal.size:
            _, number, label, _ = lines[illegal[0][0]]
            raise InputError(
                f"{self.name}, line {number}: row {label.decode(errors='replace')} has a character that is no residue"
            )

    def alignment(self, database: str) -> Alignment:
        self._end_block()
        names = tuple(label.decode("utf-8", "replace") for label in self.names)
        return Alignment(database, names, self.msa, self.deletions, self.digests)
