# SPDX-License-Identifier: Apache-2.0
"""The a3m of a complex, read back by ColabFold's rules."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from colabfold_a3m import Row, colabfold_reads
from output_cases import complex_features, features

from af2cpu.chemistry.residues import HHBLITS_AA_TO_ID
from af2cpu.outputs.alignment import a3m_text, numbered_names, paired_rows
from af2cpu.records import Features

A, B, C = "MKVLAX", "GAVLKDEF", "WYW"
GAP = HHBLITS_AA_TO_ID["-"]


def _columns(f: Features, entity: int) -> np.ndarray:
    return np.flatnonzero((f.entity_id == entity) & (f.sym_id == 1))


def _expected(f: Features, entity: int, rows: list[int], names: list[str]) -> list[Row]:
    columns = _columns(f, entity)
    return [
        (name, f.msa[row, columns].tolist(), f.deletion_matrix_int[row, columns].tolist())
        for row, name in zip(rows, names, strict=True)
    ]


def test_colabfold_reads_a_complex() -> None:
    """A:B:A:C with 4 paired rows, the first of which lacks C, and 3 rows of each sequence."""
    f = complex_features([A, B, A, C], 4, 3)
    names = []
    for letter in "ABC":
        own = [f"{other}{k}" if other == letter else "" for other in "ABC" for k in range(3)]
        names.append(["q", *("" if (letter, k) == ("C", 1) else f"P{k}\t{letter}" for k in range(1, 5)), *own])
    text = a3m_text(f, names).decode()
    assert text.startswith(f"#6,8,3\t2,1,1\n>101\t102\t103\n{A}{B}{C}\n>P1 A\tP1 B\t-\n")
    sequences, copies, paired, own = colabfold_reads(text)
    assert (sequences, copies) == ([A, B, C], [2, 1, 1])
    assert paired_rows(f) == [1, 2, 3, 4]
    for entity, letter in enumerate("ABC", start=1):
        pair_names = [f"P{k} {letter}" for k in range(1, 5)]
        pair_names[0] = "-" if letter == "C" else pair_names[0]
        rows = [0, 1, 2, 3, 4]
        assert paired[entity - 1] == _expected(f, entity, rows, [str(100 + entity), *pair_names])
        first = 5 + 3 * (entity - 1)
        own_names = [f"{letter}{k}" for k in range(3)]
        assert own[entity - 1] == _expected(f, entity, [0, *range(first, first + 3)], [str(100 + entity), *own_names])
    assert sum(f.deletion_matrix_int[:, _columns(f, 2)[0]]) > 0  # an insertion where two sequences meet


def test_colabfold_reads_a_homodimer() -> None:
    f = complex_features([A, A], 0, 5)
    text = a3m_text(f, [[f"hit {k}" for k in range(6)]]).decode()
    assert text.startswith(f"#6\t2\n>101\n{A}\n>hit 1\n")
    sequences, copies, (paired,), (own,) = colabfold_reads(text)
    assert (sequences, copies, paired) == ([A], [2], [])
    assert own == _expected(f, 1, list(range(6)), ["101", *(f"hit {k}" for k in range(1, 6))])


def test_paired_rows_alone() -> None:
    f = complex_features([A, B], 2, 3)
    text = a3m_text(f, numbered_names("job", f), paired_only=True).decode()
    assert [line for line in text.splitlines() if line.startswith(">")] == [
        ">101\t102",
        ">job_1\tjob_1",
        ">job_2\tjob_2",
    ]


def test_a_row_without_residues_is_left_out() -> None:
    f = complex_features([A, B], 1, 2)
    msa = f.msa.copy()
    msa[3] = GAP
    text = a3m_text(replace(f, msa=msa), numbered_names("x", f)).decode()
    assert ">x_2\n" in text
    assert ">x_3\n" not in text


@pytest.mark.parametrize("f", [features("MKV", 3), complex_features(["MKV", "G"], 1, 1)])
def test_each_row_needs_a_name(f: Features) -> None:
    with pytest.raises(ValueError, match=r"the names are not those of \d rows of [12] sequences"):
        a3m_text(f, [["q", "one"]] * len(np.unique(f.entity_id)))
