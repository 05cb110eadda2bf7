# SPDX-License-Identifier: Apache-2.0
"""ColabFold's a3m of complexes: which rows belong to which sequence, and which are paired."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from af2cpu.chemistry.residues import HHBLITS_ORDER
from af2cpu.errors import InputError
from af2cpu.formats.a3m import JoinedAlignment, Segments, read_a3m, read_joined
from af2cpu.records import Alignment


def joined(text: str, **more: object) -> JoinedAlignment:
    return read_joined(io.BytesIO(text.encode()), **more)  # type: ignore[arg-type]


def rows(alignment: Alignment) -> list[tuple[str, str]]:
    """Name and letters of each row."""
    texts = ("".join(HHBLITS_ORDER[code] for code in row) for row in alignment.msa)
    return list(zip(alignment.names, texts, strict=True))


def test_rows_belong_to_the_sequences_whose_residues_they_have() -> None:
    found = joined(
        "#3,2\t2,1\n>101\t102\nMKVLA\n>u1\tu2 x\nM-VXA\n>101\nMKV--\n>own\nM----\n>102\n---LA\n>gaps\n-----\n"
        ">none of it\n---L-\n>u3\nMKVL-\n"
    )
    assert found.segments == Segments((3, 2), (2, 1))
    assert found.labels == ("101", "102")
    assert rows(found.own[0]) == [("101", "MKV"), ("101", "MKV"), ("own", "M--")]
    assert rows(found.own[1]) == [("102", "LA"), ("102", "LA"), ("none of it", "L-")]
    assert rows(found.paired[0]) == [("101", "MKV"), ("u1", "M-V"), ("u3", "MKV")]
    assert rows(found.paired[1]) == [("102", "LA"), ("u2 x", "XA"), ("u3", "L-")]
    assert [one.query for one in (*found.own, *found.paired)] == ["MKV", "LA"] * 2


def test_insertions_count_to_the_sequence_in_which_they_are() -> None:
    """Between the last column of one and the first of the next they belong to the next; at the end to none."""
    found = joined("#3,2\t1,1\n>q\nMKVLA\n>a\nMaaKVlLkAii\n>b\n---llLA\n>c\nMK-ll--\n")
    assert [one.deletions.tolist() for one in found.paired] == [[[0, 0, 0], [0, 2, 0]], [[0, 0], [1, 1]]]
    assert found.own[0].deletions.tolist() == [[0, 0, 0], [0, 0, 0]]
    assert found.own[1].deletions.tolist() == [[0, 0], [2, 0]]


def test_a_row_of_two_of_three_sequences_is_paired() -> None:
    found = joined("#2,1,2\t1,1,1\n>1\t2\t3\nMKVLA\n>a\tb\nMK-LA\n>c\n--VL-\n>d\n--V--\n")
    assert [rows(one)[1:] for one in found.paired] == [
        [("a", "MK"), ("c", "--")],
        [("b", "-"), ("c", "V")],
        [("b", "LA"), ("c", "L-")],  # the last name serves for those that have none, as in ColabFold
    ]
    assert [len(one.names) for one in found.own] == [1, 2, 1]


def test_copies_of_one_sequence_have_no_paired_rows() -> None:
    text = "#3\t4\n>101\nMKV\n>a\nM-V\n"
    found = joined(text)
    assert (found.segments.n_chains, found.paired, rows(found.own[0])[1:]) == (4, (), [("a", "M-V")])
    assert rows(read_a3m(io.BytesIO(text.encode()))) == rows(found.own[0])


def test_several_sequences_are_no_alignment_of_one() -> None:
    with pytest.raises(InputError, match="line 1: the alignment of a complex of 2 different sequences"):
        read_a3m(io.BytesIO(b"#2,3\t1,1\n>q\nMKVLA\n"))


def test_lengths_may_be_known_elsewhere() -> None:
    for head in ("", "#5\t1\n"):
        found = joined(f"{head}>q\nMKVLA\n>a\nMK-LA\n", lengths=(2, 3))
        assert [rows(one)[1:] for one in found.paired] == [[("a", "MK")], [("a", "-LA")]]
    declared = joined("#3,2\t1,1\n>q\nMKVLA\n", lengths=(2, 3))
    assert declared.segments.lengths == (3, 2)
    with pytest.raises(InputError, match=r"the first row has 4 columns, and the sequences have 2 \+ 3 = 5 side by"):
        joined(">q\nMKVL\n", lengths=(2, 3))


def test_gaps_in_the_first_row_are_unknown_residues_where_the_sequences_are_known() -> None:
    text = "#3,2\t1,1\n>q\nM-VL-\n>a\nMKVLA\n"
    found = joined(text, known=("LX", "MXV"))
    assert [one.query for one in found.own] == ["MXV", "LX"]
    with pytest.raises(InputError, match=r"row 1 \(q\): has gaps"):
        joined(text)


def test_rows_of_hh_suite_are_passed_over_with_a_note() -> None:
    found = joined("#2,1\t1,1\n>q\nMKV\n>ss_pred\nHHH\n")
    assert found.notes == ("input: hh-suite's annotation rows ss_pred are passed over",)
    assert not any(one.notes for one in found.own)


def test_memory_is_that_of_the_residues(tmp_path: Path) -> None:
    """Rows of one of ten sequences take no room in the columns of the others."""
    n_seq, n_res, n_parts = 1000, 300, 10
    path = tmp_path / "big.a3m"
    row = np.resize(np.frombuffer(b"ACDEFGHIKLMNPQRSTVWY", np.uint8), n_res)
    with path.open("wb") as file:
        whole = b"".join(np.roll(row, k).tobytes() for k in range(n_parts))
        file.write(b"#%s\t%s\n>q\n%s\n" % (b",".join([b"300"] * n_parts), b",".join([b"1"] * n_parts), whole))
        for i in range(n_seq * n_parts):
            before = i % n_parts * n_res
            after = len(whole) - before - n_res
            file.write(b">%d\n%s%s%s\n" % (i, b"-" * before, whole[before : before + n_res], b"-" * after))
    tracemalloc.start()
    found = read_joined(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [one.msa.shape for one in found.own] == [(n_seq + 1, n_res)] * n_parts
    assert all((one.msa == one.msa[0]).all() for one in found.own)
    names = 100 * n_seq * n_parts
    assert peak < 4 * n_seq * n_parts * n_res + names + (30 << 20)
