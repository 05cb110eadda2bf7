"""a3m: an alignment in the query's columns, with insertions as lower-case letters.

HHblits', ColabFold's and MMseqs2's dialects: '#' lines before the first header, NUL between parts, '.' for columns that
other rows insert into. Sequences are read one at a time: memory is 3 bytes per kept cell and the names.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from af2cpu.errors import InputError
from af2cpu.formats.fasta import FastaRecord, read_fasta
from af2cpu.formats.rows import CODES, ILLEGAL, RowBuffer
from af2cpu.formats.streams import Source, name_of
from af2cpu.records import Alignment

_LOWER = np.zeros(256, bool)
_LOWER[ord("a") : ord("z") + 1] = True


def read_a3m(source: Source, max_rows: int | None = None, database: str = "a3m") -> Alignment:
    """The alignment in an a3m file, plain or gzip. The first row is the query and sets the columns.

    Names are whole headers. `max_rows` counts the query. Raises InputError that names file, row and what is wrong:
    no rows, illegal letters, rows of another length than the query, a query with gaps.
    """
    name = name_of(source)
    records = read_fasta(source)
    first = next(records)
    buffer: RowBuffer | None = None
    names: list[str] = []
    for record in _chain(first, records):
        if max_rows is not None and len(names) >= max_rows:
            break
        letters, deletions = _split(record, name)
        if buffer is None:
            _check_query(record, letters, deletions, name)
            buffer = RowBuffer(len(letters))
        elif len(letters) != buffer.n_res:
            raise InputError(
                f"{name}, row {record.number} ({record.header[:60]}): {len(letters)} columns where the query has "
                f"{buffer.n_res}; the file is cut off or not an a3m alignment"
            )
        buffer.append(letters, deletions)
        names.append(record.header)
    if buffer is None:
        raise InputError(f"{name}: no row was read; max_rows must be at least 1")
    msa, deletion_matrix, digests = buffer.finish()
    return Alignment(database, tuple(names), msa, deletion_matrix, digests)


def _chain(first: FastaRecord, rest: Iterator[FastaRecord]) -> Iterator[FastaRecord]:
    yield first
    yield from rest


def _split(record: FastaRecord, name: str) -> tuple[np.ndarray, np.ndarray | None]:
    """A row's letters, uint8 [n_res], and the residues inserted left of each, int64 [n_res] or None for none."""
    raw = np.frombuffer(record.letters.replace(b".", b""), np.uint8)
    inserted = _LOWER[raw]
    letters, deletions = raw, None
    if inserted.any():
        kept = ~inserted
        letters = raw[kept]
        before = np.cumsum(inserted)[kept]
        deletions = np.diff(before, prepend=0)
    illegal = np.flatnonzero(CODES[letters] == ILLEGAL)
    if illegal.size:
        letter = chr(letters[illegal[0]])
        raise InputError(
            f"{name}, row {record.number} ({record.header[:60]}), column {illegal[0] + 1}: {letter!r} is no residue; "
            "a3m rows hold letters and '-' only"
        )
    return letters, deletions


def _check_query(record: FastaRecord, letters: np.ndarray, deletions: np.ndarray | None, name: str) -> None:
    if letters.size == 0:
        raise InputError(f"{name}, row 1 ({record.header[:60]}): is empty; the first row must be the query's sequence")
    if deletions is not None or (letters == ord("-")).any():
        raise InputError(
            f"{name}, row 1 ({record.header[:60]}): has gaps or lower-case letters; the first row must be the query, "
            "complete and in upper case"
        )
