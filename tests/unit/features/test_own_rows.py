# SPDX-License-Identifier: Apache-2.0
"""Rows that a user gives: what each form means, and which line refuses what."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from af2cpu.errors import InputError
from af2cpu.features.own_rows import alignment_of_rows

SEQUENCE = "MKVLATTWYGG"
ROWS = [SEQUENCE, "MKV-ATTFYGG", "--VLAXTWY--"]
IN_ORDER = "ARNDCQEGHILKMFPSTWYVX-"  # of the numbers
IN_HHBLITS_ORDER = "ACDEFGHIKLMNPQRSTVWYX-"


def _numbers(rows: list[str], order: str = IN_ORDER) -> np.ndarray:
    return np.array([[order.index(letter) for letter in row] for row in rows])


def _decoded(msa: np.ndarray) -> list[str]:
    return ["".join(IN_HHBLITS_ORDER[code] for code in row) for row in msa]


LETTERS = np.array([list(row) for row in ROWS])


@pytest.mark.parametrize(
    "rows",
    [
        ROWS,
        tuple(row.encode() for row in ROWS),
        np.array(ROWS),
        LETTERS,
        LETTERS.astype("S1"),
        LETTERS.astype(object),
        LETTERS.T.copy().T,  # columns first in memory
        LETTERS.astype("U4"),
        _numbers(ROWS),
        _numbers(ROWS).astype(np.int8),
        np.frombuffer("".join(ROWS).encode(), np.uint8).reshape(3, -1),
    ],
    ids="strings bytes 1D letters S1 objects transposed U4 numbers int8 ascii".split(),
)
def test_all_forms_are_one(rows: Any) -> None:
    alignment = alignment_of_rows(SEQUENCE, rows)
    assert _decoded(alignment.msa) == ROWS
    assert not alignment.deletions.any()
    assert alignment.names == ("query", "row_2", "row_3")


def test_one_string_is_one_row() -> None:
    assert _decoded(alignment_of_rows(SEQUENCE, SEQUENCE).msa) == [SEQUENCE]


def test_lower_case_is_inserted() -> None:
    alignment = alignment_of_rows(SEQUENCE, [SEQUENCE, "MKgg.VLATTWYGGa", "aMK-LATTWYGG"])
    assert _decoded(alignment.msa) == [SEQUENCE, SEQUENCE, "MK-LATTWYGG"]
    assert alignment.deletions.tolist() == [[0] * 11, [0, 0, 2, *[0] * 8], [1, *[0] * 10]]


def test_chains_side_by_side() -> None:
    """With and without the ':' between them; insertions count to the residue after them."""
    alignment = alignment_of_rows("MKV:GGHH", ["MKV:GGHH", "MKVGGHH", "M-Va:a---H", "----GHH"])
    assert _decoded(alignment.msa) == ["MKVGGHH", "MKVGGHH", "M-V---H", "----GHH"]
    assert alignment.deletions[2].tolist() == [0, 0, 0, 2, 0, 0, 0]
    assert alignment.query == "MKVGGHH"


def test_unusual_letters_keep_rows_apart() -> None:
    """As in an a3m: B counts as D, but the rows are not the same."""
    alignment = alignment_of_rows("MKD", ["MKD", "MKB"])
    assert alignment.row_digests is not None
    assert _decoded(alignment.msa) == ["MKD", "MKD"]
    assert (alignment.row_digests[0] != alignment.row_digests[1]).any()


def test_a_gap_may_stand_for_an_unknown_residue_of_the_sequence() -> None:
    assert _decoded(alignment_of_rows("MXK", ["M-K"]).msa) == ["MXK"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], r"rows: no row at all; the first one must be the sequence itself"),
        (np.zeros((0, 11), int), r"rows: no row at all"),
        ([SEQUENCE, "MKV"], r"rows, row 2: 3 columns where the sequence has 11 residues; rows are aligned"),
        ([SEQUENCE, "MKV.ATTFYGG"], r"row 2: 10 columns where the sequence has 11 residues \('\.' counts as nothing"),
        ([SEQUENCE, "MKV1ATTFYGG"], r"rows, row 2, column 4: '1' is no residue"),
        ([SEQUENCE, "MKVÄATTFYG"], r"rows, row 2, column 4: 'Ä' .*is no residue"),
        ([SEQUENCE, 7], r"rows, row 2: a int where a string is expected"),
        ([SEQUENCE, None], r"rows, row 2: a NoneType where"),
        (ROWS[1:], r"row 1: is not the sequence, from which it differs at 2 of 11 residues, first at 4 \(- for L\)"),
        (np.zeros((2, 3, 4), int), r"shape \[2, 3, 4\]; it must be \[n_seq, n_res\]"),
        (np.array(7), r"an array of shape \[\]; it must be"),
        (_numbers(ROWS) + 0.0, r"an array of float64; give letters or whole numbers"),
        (_numbers(ROWS) + 2, r"rows, row 2, column 4: the number 23 is no residue; 0 to 19 are ARNDCQEGHILKMFPSTWYV"),
        (_numbers(ROWS) - 1, r"rows, row 1, column 5: the number -1 is no residue"),
        (_numbers(ROWS)[:, :-1], r"rows, row 1: 10 columns where the sequence has 11"),
        (
            _numbers(ROWS, IN_HHBLITS_ORDER),
            r"its numbers are in HHblits' order .*number the residues in the order ARND",
        ),
        (np.array([list(row) for row in (SEQUENCE, SEQUENCE.lower())]), r"row 2, column 1: 'm' is lower case"),
        (
            np.array([[*SEQUENCE], [*SEQUENCE[:-1], "GG"]]),
            r"row 2, column 11: 'GG' is no letter of a residue; an array has one for",
        ),
        (np.array([[*SEQUENCE], [*SEQUENCE[:-1], "Ä"]]), r"row 2, column 11: 'Ä' is no letter of a residue"),
    ],
)
def test_refused(rows: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        alignment_of_rows(SEQUENCE, rows)


@pytest.mark.parametrize("row", ["MK:VGGHH", "MKV:GG:HH", ":MKVGGHH"])
def test_breaks_must_be_those_of_the_sequence(row: str) -> None:
    with pytest.raises(
        InputError, match=re.escape("rows, row 2: its ':' are not where the chains of the sequence meet (3:4")
    ):
        alignment_of_rows("MKV:GGHH", ["MKV:GGHH", row])
