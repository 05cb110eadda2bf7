# SPDX-License-Identifier: Apache-2.0
"""a3m: an alignment in the query's columns, with insertions as lower-case letters.

HHblits', ColabFold's and MMseqs2's dialects: '#' lines before the first header, NUL between parts, '.' for columns that
other rows insert into, hh-suite's rows of secondary structure; the columns of a complex's distinct sequences side by
side. Sequences are read one at a time: memory is 3 bytes per kept cell and the names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from af2cpu.errors import InputError
from af2cpu.formats.characters import character_at
from af2cpu.formats.fasta import FastaRecord, read_fasta
from af2cpu.formats.rows import CODES, ILLEGAL, RowBuffer
from af2cpu.formats.streams import Source, name_of
from af2cpu.records import Alignment

_LOWER = np.zeros(256, bool)
_LOWER[ord("a") : ord("z") + 1] = True
_GAP = ord("-")
_SEGMENTS = re.compile(rb"#(\d+(?:,\d+)*)\s+(\d+(?:,\d+)*)")
_MAX_DIGITS = 9  # of a number in it
_MAX_RESIDUES = 100_000  # of a complex: the network of it fits no memory, and a few digits could ask for any number
_BETWEEN_LABELS = "\t"  # of the parts of a paired row
# Rows that hh-suite (addss.pl, hhblits) puts among the sequences: secondary structure, solvent accessibility, and their
# confidence and sequence.
_ANNOTATION = re.compile(r"(ss|sa|aa)_(dssp|pred|conf)")


@dataclass(frozen=True)
class Segments:
    """ColabFold's first line, `#lengths<TAB>copies`: the distinct sequences whose columns an a3m joins, in order."""

    lengths: tuple[int, ...]  # residues of each distinct sequence
    copies: tuple[int, ...]  # chains that have it

    @property
    def n_chains(self) -> int:
        """Chains in the complex; 1 for the alignment of a single chain."""
        return sum(self.copies)

    @property
    def columns(self) -> list[slice]:
        """The columns of each sequence."""
        ends = list(accumulate(self.lengths))
        return [slice(end - length, end) for end, length in zip(ends, self.lengths, strict=True)]


@dataclass(frozen=True)
class JoinedAlignment:
    """An a3m of one or more distinct sequences side by side. The first row of each `Alignment` is its sequence.

    A row with residues of two sequences or more is paired; the others are rows of the sequence whose residues they
    have. Residues inserted between two sequences belong to the second one.
    """

    segments: Segments
    labels: tuple[str, ...]  # names of the sequences; empty where the first header does not have one for each
    own: tuple[Alignment, ...]  # of each sequence the rows of it alone
    paired: tuple[Alignment, ...]  # of each sequence its part of the paired rows, as many each; none of one sequence
    notes: tuple[str, ...]


def segments_of(comments: Sequence[bytes], place: str) -> Segments | None:
    """The sequences that the first comment line of an a3m declares; None if it declares none.

    Raises InputError if the line does not have one number of copies, at least 1, for each length, or if the complex
    would have more residues than any that can be predicted.
    """
    match = _SEGMENTS.fullmatch(comments[0]) if comments else None
    if match is None:
        return None
    texts = [group.split(b",") for group in match.groups()]
    lengths, copies = (tuple(int(text[: _MAX_DIGITS + 1]) for text in group) for group in texts)
    if len(lengths) != len(copies) or 0 in lengths or 0 in copies:
        raise InputError(f"{place}, line 1: needs a length and a number of copies for each chain; the line is damaged")
    if sum(length * count for length, count in zip(lengths, copies, strict=True)) > _MAX_RESIDUES:
        raise InputError(
            f"{place}, line 1: says that the complex has more than {_MAX_RESIDUES:,} residues; the line is damaged"
        )
    return Segments(lengths, copies)


def read_a3m(source: Source, max_rows: int | None = None, database: str = "a3m", query: str | None = None) -> Alignment:
    """The alignment of one sequence in an a3m file, as `read_joined` reads it.

    `query` is the sequence that the first row should have, if known. Raises InputError also for several sequences.
    """
    joined = read_joined(source, max_rows, database, None if query is None else (query,))
    if len(joined.own) > 1:
        raise InputError(
            f"{name_of(source)}, line 1: the alignment of a complex of {len(joined.own)} different sequences; give the "
            "alignment of one"
        )
    return replace(joined.own[0], notes=joined.notes)


def read_joined(
    source: Source,
    max_rows: int | None = None,
    database: str = "a3m",
    known: Sequence[str] | None = None,
    lengths: Sequence[int] | None = None,
) -> JoinedAlignment:
    """The alignment in an a3m file, plain or gzip. The first row is the query and sets the columns.

    Names are whole headers, of a paired row their parts. `max_rows` counts the query. `known`: the sequences that the
    first row may have, if known: where one has X the row may have '-', as in ColabFold's files. `lengths`: of the
    sequences, if the file does not declare several itself. hh-suite's rows of secondary structure are passed over with
    a note. Raises InputError that names file, row and fault: no rows, illegal letters, rows of another length than the
    query, a query with gaps, a first line that the first row contradicts.
    """
    name = name_of(source)
    comments: list[bytes] = []
    passed: list[str] = []
    rows: _Rows | None = None
    for record in read_fasta(source, comments):
        if rows is not None and max_rows is not None and rows.n_read >= max_rows:
            break
        word = record.header.partition(" ")[0]
        if _ANNOTATION.fullmatch(word):
            passed.append(word)
        elif rows is None:
            letters, inserted = _split(record, name)
            segments = _segments(segments_of(comments, name), len(letters), name, lengths)
            letters = _complete(record, letters, inserted, segments, known, name)
            _check_distinct(letters, segments, name)
            rows = _Rows(record.header, letters, segments, name)
        else:
            letters, inserted = _split(record, name)
            _check_length(record, len(letters), rows.n_res, name)
            rows.add(record.header, letters, inserted)
    if rows is None:
        raise InputError(f"{name}: no row was read; the first row must be the query's sequence")
    return rows.finish(database, _notes(passed, name))


class _Rows:
    """Collects the rows of a file: the rows of each sequence, and the paired rows."""

    def __init__(self, header: str, query: np.ndarray, segments: Segments, place: str) -> None:
        self.n_res, self.n_read = len(query), 1
        self._segments, self._header, self._query = segments, header, query
        self._columns = segments.columns
        n_parts = len(self._columns)
        share = 1 if n_parts == 1 else 2 * n_parts
        self._own = [_Part(columns, share, place) for columns in self._columns]
        self._paired = [_Part(columns, share, place) for columns in self._columns] if n_parts > 1 else []
        for label, part in zip(_parts_of(header, n_parts), self._own, strict=True):
            part.add(label, query, None)
        self._pair(header, query, None)

    def add(self, header: str, letters: np.ndarray, inserted: np.ndarray | None) -> None:
        """letters uint8 [n_res], inserted int [n_res] or None: as `_split` gives them."""
        self.n_read += 1
        if len(self._own) == 1:
            self._own[0].add(header, letters, inserted)
            return
        covered = [part for part in self._own if (letters[part.columns] != _GAP).any()]
        if len(covered) > 1:
            self._pair(header, letters, inserted)
        for part in covered if len(covered) == 1 else ():
            part.add(header, letters, inserted)

    def _pair(self, header: str, letters: np.ndarray, inserted: np.ndarray | None) -> None:
        for label, part in zip(_parts_of(header, len(self._paired)), self._paired, strict=True):
            part.add(label, letters, inserted)

    def finish(self, database: str, notes: tuple[str, ...]) -> JoinedAlignment:
        """All rows that were added. Can be called once."""
        queries = [self._query[columns].tobytes().decode("ascii") for columns in self._columns]
        own, paired = (
            tuple(part.alignment(database, query) for part, query in zip(parts, queries[: len(parts)], strict=True))
            for parts in (self._own, self._paired)
        )
        labels = tuple(self._header.split(_BETWEEN_LABELS))
        return JoinedAlignment(self._segments, labels if len(labels) == len(own) else (), own, paired, notes)


class _Part:
    """Rows in the columns of one sequence."""

    def __init__(self, columns: slice, share: int, place: str) -> None:
        """share: of how many parts it is one; they grow by less each. place: the file."""
        self.columns = columns
        self._names: list[str] = []
        self._buffer = RowBuffer(columns.stop - columns.start, share, place)

    def add(self, name: str, letters: np.ndarray, inserted: np.ndarray | None) -> None:
        self._buffer.append(letters[self.columns], None if inserted is None else inserted[self.columns])
        self._names.append(name)

    def alignment(self, database: str, query: str) -> Alignment:
        msa, deletions, digests = self._buffer.finish()
        return Alignment(database, tuple(self._names), msa, deletions, digests, query)


def _parts_of(header: str, n_parts: int) -> list[str]:
    """The name of a row for each sequence; if there are too few names the last one is repeated, as in ColabFold."""
    labels = header.split(_BETWEEN_LABELS) if n_parts > 1 else [header]
    return [labels[min(part, len(labels) - 1)] for part in range(n_parts)]


def _notes(passed: Sequence[str], name: str) -> tuple[str, ...]:
    if not passed:
        return ()
    return (f"{name}: hh-suite's annotation rows {', '.join(dict.fromkeys(passed))} are passed over",)


def _segments(declared: Segments | None, n_res: int, name: str, lengths: Sequence[int] | None) -> Segments:
    """The sequences of a file whose first row has `n_res` residues."""
    if lengths is not None and (declared is None or len(declared.lengths) == 1):
        declared = Segments(tuple(lengths), (1,) * len(lengths))
        if sum(lengths) != n_res:
            raise InputError(
                f"{name}: the first row has {n_res} columns, and the sequences have {_sum_of(lengths)} side by side; "
                "give each distinct sequence once, in the order of the chains"
            )
    declared = declared or Segments((n_res,), (1,))
    if sum(declared.lengths) != n_res:
        raise InputError(
            f"{name}, line 1: says that the query has {_sum_of(declared.lengths)} residues, and the first row has "
            f"{n_res}; the file is damaged"
        )
    return declared


def _sum_of(lengths: Sequence[int]) -> str:
    total = str(sum(lengths))
    return f"{' + '.join(map(str, lengths))} = {total}" if len(lengths) > 1 else total


def _check_distinct(letters: np.ndarray, segments: Segments, name: str) -> None:
    first: dict[bytes, int] = {}
    for number, columns in enumerate(segments.columns, start=1):
        same = first.setdefault(letters[columns].tobytes(), number)
        if same != number:
            raise InputError(
                f"{name}: sequences {same} and {number} of the first row are equal; an a3m has the columns of each "
                "distinct sequence once, and the first line says how many copies there are"
            )


def _check_length(record: FastaRecord, n_columns: int, n_res: int, name: str) -> None:
    if n_columns != n_res:
        raise InputError(
            f"{_row(record, name)}: {n_columns} columns where the query has {n_res}; the file is cut off or not an "
            "a3m alignment"
        )


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
        raise InputError(
            f"{_row(record, name)}, column {illegal[0] + 1}: {character_at(letters.tobytes(), int(illegal[0]))} is no "
            "residue; a3m rows hold letters and '-' only"
        )
    return letters, deletions


def _complete(
    record: FastaRecord,
    letters: np.ndarray,
    inserted: np.ndarray | None,
    segments: Segments,
    known: Sequence[str] | None,
    name: str,
) -> np.ndarray:
    """The letters of the first row with X for each gap where the query has X; of a complex, whose sequences may be in
    another order than the user's, for each gap.
    """
    if letters.size == 0:
        raise InputError(f"{_row(record, name)}: is empty; the first row must be the query's sequence")
    gaps = letters == _GAP
    if len(segments.lengths) == 1:
        expected = np.frombuffer(known[0].encode() if known else b"", np.uint8)
        gaps &= expected == ord("X") if expected.size == letters.size else False
    elif known is None:
        gaps[:] = False
    letters = np.where(gaps, np.uint8(ord("X")), letters)
    if inserted is not None or (letters == _GAP).any():
        remedy = "" if known else "; if its gaps are unknown residues (X), give the sequence as FASTA and this as --msa"
        raise InputError(
            f"{_row(record, name)}: has gaps or lower-case letters; the first row must be the query, complete and in "
            f"upper case{remedy}"
        )
    return letters


def _row(record: FastaRecord, name: str) -> str:
    return f"{name}, row {record.number} ({record.header[:60]})"
