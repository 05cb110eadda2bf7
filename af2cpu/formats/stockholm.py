# SPDX-License-Identifier: Apache-2.0
"""Stockholm alignments of any size, as HMMER writes them: blocks of columns, one line per row in each.

Two passes over the file, the first for the alignment's shape and the second for its cells: memory is 3 bytes per kept
cell, the names and a few thousand lines. Columns where the query has a gap are kept only as counts of inserted residues
(supplement 1.2.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from af2cpu.errors import InputError
from af2cpu.formats.characters import character_at
from af2cpu.formats.rows import CODES, GAP, ILLEGAL, check_room, digest, digest_weights
from af2cpu.formats.streams import BOM, MAX_LINE, Source, lines, name_of, open_rewindable
from af2cpu.records import Alignment

_BATCH_BYTES = 1 << 20  # of lines that are worked on at a time

# [256] byte -> upper-case letter, '-' for each of Stockholm's gap signs.
_UPPER = np.arange(256, dtype=np.uint8)
_UPPER[ord("a") : ord("z") + 1] -= 32
_UPPER[[ord("."), ord("_"), ord("~")]] = ord("-")


def read_stockholm(source: Source, max_rows: int | None = None, database: str = "stockholm") -> Alignment:
    """The alignment in a Stockholm file, plain or gzip, in the columns where its first row, the query, has residues.

    Equals AlphaFold 2's `parse_stockholm` on HMMER's files; other tools' '.' counts as a gap too. `max_rows` counts the
    query. Raises InputError: file, line, fault.
    """
    name = name_of(source)
    with open_rewindable(source) as stream:
        start = stream.tell()
        n_seq, query = _shape(stream, name, max_rows)
        stream.seek(start)
        cells = _Cells(n_seq, len(query), name)
        for batch in _batches(stream, name, n_seq):
            cells.add(batch)
    return cells.alignment(database, query.decode("ascii"))


def _lines(stream: BinaryIO, name: str) -> Iterator[tuple[int, bytes, bytes]]:
    """(line number, row name, its columns) of each row line up to '//'."""
    query: bytes | None = None
    separated = True  # whether a new block may begin: after a blank line or a line of column annotation
    number = 0
    for number, line in enumerate(lines(stream), start=1):
        if number == 1 and not line.removeprefix(BOM).startswith(b"# STOCKHOLM"):
            raise InputError(f"{name}: is not Stockholm; its first line must be '# STOCKHOLM 1.0'")
        if line.startswith(b"//"):
            return
        if number == 1 or line.startswith(b"#") or not line.strip():
            separated = separated or not line.strip() or line.startswith(b"#=GC")
            continue
        parts = line.split()
        if len(parts) != 2:
            raise InputError(f"{name}, line {number}: expected a row name and its columns; the file is damaged")
        query = query or parts[0]
        if parts[0] == query and not separated:
            label = query.decode(errors="replace")
            raise InputError(f"{name}, line {number}: a second row is named {label} as the query; rename that row")
        separated = False
        yield number, parts[0], parts[1]
    if number == 0:
        raise InputError(f"{name}: is empty; give an alignment whose first row is the query")
    raise InputError(f"{name}: ends at line {number} without '//'; the file is cut off, make or fetch it again")


def _shape(stream: BinaryIO, name: str, max_rows: int | None) -> tuple[int, bytes]:
    """Rows to keep, and the residues of the query as written."""
    query: bytes | None = None
    residues = []
    n_seq = 0
    for _, row, columns in _lines(stream, name):
        query = query or row
        if row == query:
            residues.append(columns.translate(None, b"-._~"))
        if len(residues) == 1:
            n_seq += 1
    sequence = b"".join(residues)
    if len(sequence) > MAX_LINE:
        raise InputError(f"{name}: its first row has {len(sequence):,} residues, which no protein has")
    if not sequence:
        raise InputError(f"{name}: holds no rows with residues; the first row must be the query")
    return (n_seq if max_rows is None else min(n_seq, max_rows)), sequence


def _batches(stream: BinaryIO, name: str, n_seq: int) -> Iterator[list[tuple[int, int, bytes, bytes]]]:
    """Runs of (row, line number, row name, columns) of one block, rows in order, only the first n_seq of each block."""
    query: bytes | None = None
    row = -1
    batch: list[tuple[int, int, bytes, bytes]] = []
    size = 0
    for number, label, columns in _lines(stream, name):
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
        check_room(3 * n_seq * n_res, name)
        self.name = name
        self.names: list[bytes] = []
        self.msa = np.full((n_seq, n_res), GAP, np.uint8)
        self.deletions = np.zeros((n_seq, n_res), np.uint16)
        self.digests = np.zeros((n_seq, 2), np.uint64)
        self.weights = digest_weights(n_res)
        self.carried = np.zeros(n_seq, np.int64)  # residues inserted since the row's last kept column
        self.first = self.last = 0  # the block's columns of the query
        self.kept = np.zeros(0, bool)  # which columns of the block the query has
        self.next_row = n_seq  # rows of the block read so far

    def add(self, batch: list[tuple[int, int, bytes, bytes]]) -> None:
        """The next batch of lines; a batch that starts with row 0 starts a block."""
        first_row = batch[0][0]
        if first_row == 0:
            self._end_block()
            query = _UPPER[np.frombuffer(batch[0][3], np.uint8)]
            self.kept = query != ord("-")
            self.first, self.last = self.last, self.last + int(self.kept.sum())
        self._check(batch)
        text = _UPPER[np.frombuffer(b"".join(columns for *_, columns in batch), np.uint8)].reshape(len(batch), -1)
        self.next_row = first_row + len(batch)
        rows = slice(first_row, self.next_row)
        columns = slice(self.first, self.last)
        letters = text[:, self.kept]
        codes = CODES[letters]
        self._check_letters(codes, batch)
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

    def _check(self, batch: list[tuple[int, int, bytes, bytes]]) -> None:
        for row, number, label, columns in batch:
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

    def _check_letters(self, codes: np.ndarray, batch: list[tuple[int, int, bytes, bytes]]) -> None:
        illegal = np.argwhere(codes == ILLEGAL)
        if illegal.size:
            row, kept = illegal[0]
            _, number, label, columns = batch[row]
            column = int(np.flatnonzero(self.kept)[kept])
            raise InputError(
                f"{self.name}, line {number}: row {label.decode(errors='replace')}, column {column + 1}: "
                f"{character_at(columns, column)} is no residue"
            )

    def alignment(self, database: str, query: str) -> Alignment:
        """The finished alignment. query: its first row's residues as written."""
        self._end_block()
        names = tuple(label.decode("utf-8", "replace") for label in self.names)
        return Alignment(database, names, self.msa, self.deletions, self.digests, query)
