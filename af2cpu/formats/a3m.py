"""a3m: an alignment in the query's columns, with insertions as lower-case letters.

HHblits', ColabFold's and MMseqs2's dialects: '#' lines before the first header, NUL between parts, '.' for columns that
other rows insert into, hh-suite's rows of secondary structure. Sequences are read one at a time: memory is 3 bytes per
kept cell and the names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from af2cpu.errors import InputError
from af2cpu.formats.characters import character_at
from af2cpu.formats.fasta import FastaRecord, read_fasta
from af2cpu.formats.rows import CODES, ILLEGAL, RowBuffer
from af2cpu.formats.streams import Source, name_of
from af2cpu.records import Alignment

_LOWER = np.zeros(256, bool)
_LOWER[ord("a") : ord("z") + 1] = True
_CHAINS = re.compile(rb"#(\d+(?:,\d+)*)\s+(\d+(?:,\d+)*)")
# Rows that hh-suite (addss.pl, hhblits) puts among the sequences: secondary structure, solvent accessibility, and their
# confidence and sequence.
_ANNOTATION = re.compile(r"(ss|sa|aa)_(dssp|pred|conf)")


@dataclass(frozen=True)
class Chains:
    """ColabFold's first line, `#lengths<TAB>copies`: the distinct chains whose columns an a3m joins, in order."""

    lengths: tuple[int, ...]  # residues of each distinct chain
    copies: tuple[int, ...]  # of each distinct chain in the complex

    @property
    def n_chains(self) -> int:
        """Chains in the complex; 1 for the alignment of a single chain."""
        return sum(self.copies)


def chains_of(comments: Sequence[bytes], place: str) -> Chains | None:
    """The chains that the first comment line of an a3m declares; None if it declares none.

    Raises InputError if the line does not have one number of copies, at least 1, for each length.
    """
    match = _CHAINS.fullmatch(comments[0]) if comments else None
    if match is None:
        return None
    lengths, copies = (tuple(int(number) for number in group.split(b",")) for group in match.groups())
    if len(lengths) != len(copies) or 0 in lengths or 0 in copies:
        raise InputError(f"{place}, line 1: needs a length and a number of copies for each chain; the line is damaged")
    return Chains(lengths, copies)


def read_a3m(source: Source, max_rows: int | None = None, database: str = "a3m", query: str | None = None) -> Alignment:
    """The alignment in an a3m file, plain or gzip. The first row is the query and sets the columns.

    Names are whole headers. `max_rows` counts the query. `query` is the sequence that the first row should have, if
    known: where it has X the row may have '-', as in ColabFold's files. hh-suite's rows of secondary structure are
    passed over with a note. Raises InputError that names file, row and fault: no rows, illegal letters, rows of another
    length than the query, a query with gaps, the alignment of a complex.
    """
    name = name_of(source)
    comments: list[bytes] = []
    passed: list[str] = []
    names: list[str] = []
    first, buffer = b"", RowBuffer(0)
    for record in read_fasta(source, comments):
        if max_rows is not None and len(names) >= max_rows:
            break
        word = record.header.partition(" ")[0]
        if _ANNOTATION.fullmatch(word):
            passed.append(word)
            continue
        if not names:
            letters, deletions = _query_row(record, name, query)
            _check_chains(chains_of(comments, name), len(letters), name)
            first, buffer = letters.tobytes(), RowBuffer(len(letters))
        else:
            letters, deletions = _split(record, name)
            _check_length(record, len(letters), buffer.n_res, name)
        buffer.append(letters, deletions)
        names.append(record.header)
    if not names:
        raise InputError(f"{name}: no row was read; the first row must be the query's sequence")
    msa, deletion_matrix, digests = buffer.finish()
    return Alignment(database, tuple(names), msa, deletion_matrix, digests, first.decode("ascii"), _notes(passed, name))


def _notes(passed: Sequence[str], name: str) -> tuple[str, ...]:
    if not passed:
        return ()
    return (f"{name}: hh-suite's annotation rows {', '.join(dict.fromkeys(passed))} are passed over",)


def _check_chains(chains: Chains | None, n_res: int, name: str) -> None:
    if chains is None:
        return
    if chains.n_chains > 1:
        raise InputError(
            f"{name}, line 1: the alignment of a complex of {chains.n_chains} chains; complexes are not supported yet, "
            "give the alignment of one chain"
        )
    if chains.lengths[0] != n_res:
        raise InputError(
            f"{name}, line 1: says that the query has {chains.lengths[0]} residues, and the first row has {n_res}; "
            "the file is damaged"
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


def _query_row(record: FastaRecord, name: str, query: str | None) -> tuple[np.ndarray, np.ndarray | None]:
    """The first row as `_split` gives it, with X for each gap where `query` has X."""
    letters, deletions = _split(record, name)
    if letters.size == 0:
        raise InputError(f"{_row(record, name)}: is empty; the first row must be the query's sequence")
    expected = np.frombuffer((query or "").encode(), np.uint8)
    if expected.size == letters.size:
        letters = np.where((letters == ord("-")) & (expected == ord("X")), np.uint8(ord("X")), letters)
    if deletions is not None or (letters == ord("-")).any():
        remedy = "" if query else "; if its gaps are unknown residues (X), give the sequence as FASTA and this as --msa"
        raise InputError(
            f"{_row(record, name)}: has gaps or lower-case letters; the first row must be the query, complete and in "
            f"upper case{remedy}"
        )
    return letters, deletions


def _row(record: FastaRecord, name: str) -> str:
    return f"{name}, row {record.number} ({record.header[:60]})"
