# SPDX-License-Identifier: Apache-2.0
"""Alignments from an answer, as files of the results: one of a sequence, and one of a complex with paired rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from af2cpu.chemistry.residues import RESTYPES
from af2cpu.errors import InputError
from af2cpu.formats.fasta import FastaRecord, read_fasta
from af2cpu.formats.streams import atomic_write
from af2cpu.records import Query
from af2cpu.search.stockholm_text import row_header

_STANDARD = frozenset(RESTYPES)


def write_alignment(query: Query, parts: Sequence[Path], file: Path) -> list[int]:
    """Joins the alignments of a sequence from several databases; the query is in it once, as its first row.

    Returns the rows of each part, its query among them. Raises InputError for a part of another sequence, OSError.
    """
    counts = []
    with atomic_write(file) as target:
        _write(target, row_header(query)[0].decode(), query.sequence)
        for part in parts:
            count = 0
            for count, row in enumerate(_rows_of(part, query), start=1):
                if count > 1:
                    _write(target, row.header, row.letters.decode("ascii", "replace"))
            counts.append(count)
    return counts


def write_pairs(queries: Sequence[Query], parts: Sequence[Path | None], copies: Sequence[int], file: Path) -> int:
    """Writes rows of several sequences side by side in ColabFold's form: row k of each part belongs to row k of others.

    parts: of each sequence; None for one that was not sent, which has gaps in all rows but the first. copies: chains
    that have it. Returns the number of rows. Raises InputError for parts of other sequences or with unequal numbers of
    rows, OSError.
    """
    count = 0
    with atomic_write(file) as target:
        lengths = ",".join(str(query.n_res) for query in queries)
        target.write(f"#{lengths}\t{','.join(map(str, copies))}\n".encode())
        names = "\t".join(row_header(query)[0].decode() for query in queries)
        _write(target, names, "".join(query.sequence for query in queries))
        given = [_rows_of(part, query) for part, query in zip(parts, queries, strict=True) if part]
        try:
            for count, rows in enumerate(zip(*given, strict=True), start=1):
                if count > 1:
                    left = iter(rows)
                    row = [next(left) if part else _gaps(query) for part, query in zip(parts, queries, strict=True)]
                    names = "\t".join((one.header.split() or ["-"])[0] for one in row)
                    _write(target, names, "".join(one.letters.decode("ascii", "replace") for one in row))
        except ValueError as error:
            if isinstance(error, InputError):
                raise
            raise InputError("has different numbers of paired rows for the sequences") from error
    return count


def _write(target: BinaryIO, header: str, letters: str) -> None:
    target.write(f">{header}\n{letters}\n".encode())


def _gaps(query: Query) -> FastaRecord:
    return FastaRecord(0, "-", b"-" * query.n_res)


def _rows_of(part: Path, query: Query) -> Iterator[FastaRecord]:
    """The rows of an alignment. Raises InputError unless the first one is the query's sequence."""
    for row in read_fasta(part):
        if row.number == 1:
            _check_query(row, query)
        yield row


def _check_query(row: FastaRecord, query: Query) -> None:
    """Letters beyond the 20 may come back as others."""
    letters = row.letters.decode("ascii", "replace").upper()
    same = len(letters) == query.n_res and all(
        mine == its or mine not in _STANDARD or its == "X" for mine, its in zip(query.sequence, letters, strict=True)
    )
    if not same:
        raise InputError(f"has the alignment of another sequence where that of {query.name} was asked for")
