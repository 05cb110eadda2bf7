# SPDX-License-Identifier: Apache-2.0
"""Aligned rows that a user of the Python API gives: strings, or an array of letters or of numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from af2cpu.chemistry.residues import HHBLITS_AA_TO_ID, HHBLITS_ORDER, RESTYPES_WITH_X
from af2cpu.errors import InputError
from af2cpu.formats.characters import character_at
from af2cpu.formats.rows import CODES, ILLEGAL, RowBuffer
from af2cpu.records import CHAIN_BREAK, Alignment

Rows = Sequence[str] | np.ndarray

# Letters by number, as the array's elements: aatype's order, 20 X, 21 a gap.
_LETTERS = np.frombuffer(f"{RESTYPES_WITH_X}-".encode(), np.uint8)
_ASCII = 45  # of the gap: numbers from here on are characters
_BREAK = ord(CHAIN_BREAK)
_LOWER = re.compile(b"[a-z]")


def alignment_of_rows(sequence: str, rows: Rows | str, place: str = "rows") -> Alignment:
    """The alignment that these rows are; the first one is the query.

    Args:
      sequence: upper case, of a complex those of its chains joined by ':'.
      rows: as for `af2cpu.features_from_msa`.
      place: what the rows are called in messages.

    Raises InputError that names row and column (from 1) for another shape, another letter, or another first row.
    """
    chains = sequence.split(CHAIN_BREAK)
    letters = "".join(chains)
    buffer = RowBuffer(len(letters))
    number = 0
    for number, row in enumerate(_texts(rows, place), start=1):
        columns, inserted = _split(row, [len(chain) for chain in chains], f"{place}, row {number}")
        if number == 1:
            _check_query(columns, letters, rows, place)
            columns = np.frombuffer(letters.encode(), np.uint8)  # X where the row has a gap for it
        buffer.append(columns, inserted)
    if number == 0:
        raise InputError(
            f"{place}: no row at all; the first one must be the sequence itself, and [sequence] alone predicts from it"
        )
    msa, deletions, digests = buffer.finish()
    names = ("query", *(f"row_{k}" for k in range(2, number + 1)))
    return Alignment("rows", names, msa, deletions, digests, letters)


def _texts(rows: Rows | str, place: str) -> Sequence[bytes]:
    """Each row as bytes."""
    if isinstance(rows, str):
        rows = [rows]
    if isinstance(rows, np.ndarray) and rows.ndim != 1:
        return [row.tobytes() for row in _letters(rows, place)]
    texts = []
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, str | bytes):
            raise InputError(
                f"{place}, row {number}: a {type(row).__name__} where a string is expected; give strings, or an array "
                "of shape [n_seq, n_res]"
            )
        texts.append(row.encode() if isinstance(row, str) else bytes(row))
    return texts


def _letters(rows: np.ndarray, place: str) -> np.ndarray:
    """uint8 [n_seq, n_res], characters."""
    if rows.ndim != 2:
        raise InputError(f"{place}: an array of shape {list(rows.shape)}; it must be [n_seq, n_res], a row for each")
    if rows.dtype.kind == "O":
        rows = rows.astype(str)
    if rows.dtype.kind in "US":
        characters = rows.astype("U")
        bad = np.argwhere((np.char.str_len(characters) != 1) | (characters > "~"))
        if len(bad):
            row, column = bad[0].tolist()
            found = str(characters[row, column])
            raise InputError(
                f"{place}, row {row + 1}, column {column + 1}: {found!r} is no letter of a residue; an array has one "
                "for each column, '-' for gaps"
            )
        codes = characters.astype("<U1", order="C").view(np.uint32).reshape(rows.shape)
        return _upper(codes.astype(np.uint8), place)
    if rows.dtype.kind not in "iu":
        raise InputError(f"{place}: an array of {rows.dtype}; give letters or whole numbers")
    if rows.size and rows.min() >= _ASCII and rows.max() < 128:
        return _upper(rows.astype(np.uint8), place)
    wrong = np.argwhere((rows < 0) | (rows >= len(_LETTERS)))
    if len(wrong):
        row, column = wrong[0].tolist()
        raise InputError(
            f"{place}, row {row + 1}, column {column + 1}: the number {rows[row, column]} is no residue; 0 to 19 are "
            f"{RESTYPES_WITH_X[:-1]} in this order, 20 is X and 21 a gap"
        )
    return _LETTERS[rows]


def _upper(letters: np.ndarray, place: str) -> np.ndarray:
    """The same characters. Raises InputError for lower case: in strings it is an insertion."""
    lower = np.argwhere((letters >= ord("a")) & (letters <= ord("z")))
    if len(lower):
        row, column = lower[0].tolist()
        raise InputError(
            f"{place}, row {row + 1}, column {column + 1}: {chr(letters[row, column])!r} is lower case, which stands "
            "for an insertion, and an array has the sequence's columns only; give upper case, or rows as strings"
        )
    return letters


def _split(row: bytes, lengths: Sequence[int], place: str) -> tuple[np.ndarray, np.ndarray | None]:
    """A row's letters, uint8 [n_res], and the residues inserted left of each, int64 [n_res] or None for none."""
    raw = np.frombuffer(row.replace(b".", b""), np.uint8)
    lower = (raw >= ord("a")) & (raw <= ord("z"))
    letters = raw[~lower]
    breaks = np.flatnonzero(letters == _BREAK)
    if breaks.size:
        ends = np.cumsum(lengths)[:-1] + np.arange(len(lengths) - 1)
        if not np.array_equal(breaks, ends):
            columns = CHAIN_BREAK.join(str(length) for length in lengths)
            raise InputError(f"{place}: its ':' are not where the chains of the sequence meet ({columns} columns)")
        kept = raw[raw != _BREAK]
        lower, letters = (kept >= ord("a")) & (kept <= ord("z")), letters[letters != _BREAK]
    if len(letters) != sum(lengths):
        dots = " ('.' counts as nothing, as in a3m; gaps are '-')" if b"." in row else ""
        raise InputError(
            f"{place}: {len(letters)} columns where the sequence has {sum(lengths)} residues{dots}; rows are aligned "
            "to the sequence, with '-' for gaps and lower case for insertions"
        )
    illegal = np.flatnonzero(CODES[letters] == ILLEGAL)
    if illegal.size:
        raise InputError(
            f"{place}, column {illegal[0] + 1}: {character_at(letters.tobytes(), int(illegal[0]))} is no residue; give "
            "letters of amino acids, X for unknown ones and '-' for gaps"
        )
    if not lower.any():
        return letters, None
    return letters, np.diff(np.cumsum(lower)[~lower], prepend=0)


def _check_query(letters: np.ndarray, sequence: str, rows: Rows | str, place: str) -> None:
    """Raises InputError unless the first row is the sequence; where that has X the row may have a gap."""
    expected = np.frombuffer(sequence.encode(), np.uint8)
    unknown = (expected == ord("X")) & (letters == ord("-"))
    different = np.flatnonzero((CODES[letters] != CODES[expected]) & ~unknown)
    if not different.size:
        return
    first = int(different[0])
    hint = "put the sequence before the others"
    if isinstance(rows, np.ndarray) and rows.dtype.kind in "iu" and rows.max() < len(_LETTERS):
        in_hhblits = "".join(HHBLITS_ORDER[code] for code in rows[0])
        if [HHBLITS_AA_TO_ID[x] for x in in_hhblits] == [HHBLITS_AA_TO_ID[x] for x in sequence]:
            hint = (
                f"its numbers are in HHblits' order ({HHBLITS_ORDER}), as in AlphaFold's raw features; number the "
                f"residues in the order {RESTYPES_WITH_X}-"
            )
    raise InputError(
        f"{place}, row 1: is not the sequence, from which it differs at {different.size} of {len(expected)} residues, "
        f"first at {first + 1} ({chr(letters[first])} for {chr(expected[first])}); the first row must be the query: "
        f"{hint}"
    )
