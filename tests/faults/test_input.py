# SPDX-License-Identifier: Apache-2.0
"""FAULTS 1-9 and 18: bad input is refused in one line that names file, place and remedy, before any work."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from af2cpu.cli import app
from af2cpu.errors import InputError
from af2cpu.query import check_memory, check_unique, read_given, read_inputs
from af2cpu.records import Query


def inputs(tmp_path: Path, text: str | bytes, name: str = "in.fasta"):  # type: ignore[no-untyped-def]
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_inputs([path])


def refused(tmp_path: Path, text: str | bytes, *parts: str, name: str = "in.fasta") -> None:
    with pytest.raises(InputError) as caught:
        inputs(tmp_path, text, name)
    message = str(caught.value)
    assert "\n" not in message
    for part in (str(tmp_path / name), *parts):
        assert part in message


@pytest.mark.fault(1, "error that names file and record")
def test_fault_1_zero_length(tmp_path: Path) -> None:
    refused(tmp_path, ">a\nMK\n>b\n>c\nMK\n", "record 2 (b)", "empty")
    refused(tmp_path, ">a\n*\n", "record 1", "empty")
    refused(tmp_path, "id,sequence\nx,\n", "record 1 (x)", "empty", name="in.csv")


@pytest.mark.fault(2, "error that names file, record, position and letter")
@pytest.mark.parametrize(
    ("letters", "position", "letter"),
    [("MK1V", 3, "1"), ("M-KV", 2, "-"), ("MKV\u00c5", 4, "\u00c5"), ("MK \nV\u00a0L", 4, "\u00a0")],
)
def test_fault_2_illegal_letters(tmp_path: Path, letters: str, position: int, letter: str) -> None:
    refused(tmp_path, f">a\nMK\n>b\n{letters}\n", "record 2 (b)", f"position {position}", repr(letter))


@pytest.mark.fault(2)
def test_fault_2_letters_that_look_like_others_are_named(tmp_path: Path) -> None:
    refused(tmp_path, ">a\nMK\u00a0V\n", "position 3", r"'\xa0' (NO-BREAK SPACE)")
    refused(tmp_path, "id,sequence\nx,MK\u0410\n", "position 3", "CYRILLIC CAPITAL LETTER A", name="in.csv")
    refused(tmp_path, b">a\nMK\xc3\n", "position 3", "'\u00c3'")  # not UTF-8


@pytest.mark.fault(2)
def test_fault_2_chains_are_checked_one_by_one(tmp_path: Path) -> None:
    refused(tmp_path, ">a\nMK:M1K\n", "record 1 (a), chain 2, position 2", "'1'")
    refused(tmp_path, ">a\nMK:\n", "record 1 (a), chain 2", "empty")
    refused(tmp_path, ">a\nMK::MK\n", "chain 2", "empty")
    refused(tmp_path, ">a\n:MK\n", "chain 1", "empty")
    refused(tmp_path, ">a\nMK:XX\n", "chain 2", "none of the 20 amino acids")


@pytest.mark.fault(18)
@pytest.mark.parametrize(
    ("text", "part"),
    [
        (
            "#2,3\t1,1\n>101\t102\nMKVLAA\n",
            "line 1: says that the query has 2 + 3 = 5 residues, and the first row has 6",
        ),
        ("#2,3\t1\n>q\nMKVLA\n", "line 1: needs a length and a number of copies for each chain"),
        ("#2,3\t1,0\n>q\nMKVLA\n", "line 1: needs a length and a number of copies for each chain"),
        ("#2,3\t1,1\n>q\nMKVLA\n>a\nMKVL\n", "row 2 (a): 4 columns where the query has 5"),
        ("#2,3\t1,1\n>q\nMKV-A\n", "row 1 (q): has gaps"),
        ("#2,3\t1,1\n>q\nMKaVLA\n", "row 1 (q): has gaps or lower-case letters"),
        ("#2,3\t1,1\n>q\nMKVLA\n>a\nMKV1A\n", "row 2 (a), column 4: '1' is no residue"),
        ("#2,2\t1,1\n>q\nMKMK\n", "sequences 1 and 2 of the first row are equal"),
        ("#2,2\t1,1\n>q\nMKXX\n", "row 1, chain 2: has none of the 20 amino acids"),
    ],
)
def test_fault_18_alignments_of_complexes(tmp_path: Path, text: str, part: str) -> None:
    refused(tmp_path, text, part, name="in.a3m")


@pytest.mark.fault(3, "at the end it is dropped with a note, inside it is an error; blanks and line breaks are joined")
def test_fault_3_stars_and_blanks(tmp_path: Path) -> None:
    (item,) = inputs(tmp_path, ">a\nMK \tV\n\nLA*\n")
    assert item.query.sequence == "MKVLA"
    assert re.search(r"record 1 \(a\): the '\*' at the end is dropped", item.notes[0])
    refused(tmp_path, ">a\nMK*V\n", "record 1", "position 3", "stop codon")
    refused(tmp_path, ">a\nMKV**\n", "position 4")


@pytest.mark.fault(4, "searched as given, unknown (X) in the structure, with a note")
def test_fault_4_unusual_letters_are_kept_with_a_note(tmp_path: Path) -> None:
    (item,) = inputs(tmp_path, ">a\nMBZUOJXK\n")
    assert item.query.sequence == "MBZUOJXK"
    assert "B, J, O, U, X, Z" in item.notes[0]
    assert not inputs(tmp_path, ">a\nMK\n")[0].notes


@pytest.mark.fault(4, "a sequence of nothing else is an error")
@pytest.mark.parametrize("letters", ["XXXX", "xx", "BZJOUX", "X*"])
def test_fault_4_a_sequence_without_any_amino_acid_is_refused(tmp_path: Path, letters: str) -> None:
    refused(tmp_path, f">a\n{letters}\n", "record 1 (a)", "none of the 20 amino acids")
    assert inputs(tmp_path, f">a\nM{letters}\n")[0].query.n_res == 1 + len(letters.removesuffix("*"))


@pytest.mark.fault(5, "accepted")
def test_fault_5_lower_case_line_ends_bom_gzip(tmp_path: Path) -> None:
    text = b"\xef\xbb\xbf>a b\r\nmkv\r\nla\r\n"
    for content in (text, text.replace(b"\r\n", b"\r"), text.replace(b"\r\n", b"\r\r\n"), gzip.compress(text)):
        (item,) = inputs(tmp_path, content)
        assert (item.query.sequence, item.query.description) == ("MKVLA", "a b")


@pytest.mark.fault(6, "error that says what the file is")
@pytest.mark.parametrize(
    ("text", "part"),
    [
        (b"", "holds no sequence"),
        (b"\n\n", "holds no sequence"),
        (b"MKVLA\n", "line 1: text before the first header"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "binary"),
        (b"\x7fELF\x02\x01\x01\0>", "binary"),
        (">a\nMK\n".encode("utf-16"), "UTF-16"),
    ],
)
def test_fault_6_no_sequences(tmp_path: Path, text: bytes, part: str) -> None:
    refused(tmp_path, text, part)


@pytest.mark.fault(6)
def test_fault_6_other_kinds(tmp_path: Path) -> None:
    refused(tmp_path, b"a,b\n1,2\n", "line 1", "id,sequence", name="in.csv")
    refused(tmp_path, b"id,sequence\n", "no rows", name="in.csv")
    refused(tmp_path, b"\xff\xfe", "UTF-8", name="in.csv")
    huge = b"M" * 200_000
    refused(tmp_path, b"id,sequence\na,MK\nb," + huge + b"\n", "record 2", "CSV", name="in.csv")
    refused(tmp_path, huge + b",id,sequence\na,MK\n", "line 1", "CSV", name="in.csv")
    refused(tmp_path, gzip.compress(b">a\nMK\n")[:-9], "cut off or damaged")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"the folder has no \.fasta"):
        read_inputs([tmp_path / "folder"])
    with pytest.raises(InputError, match=r"missing\.fasta: no such file; check the path"):
        read_inputs([tmp_path / "missing.fasta"])


@pytest.mark.fault(7, "error that names both")
def test_fault_7_one_name_twice(tmp_path: Path) -> None:
    refused(tmp_path, ">a x\nMK\n>b\nMK\n>a x\nMKV\n", "record 1", "record 3", "'a x'")
    refused(tmp_path, "id,sequence\n1,MK\n1,MK\n", "record 1", "record 2", "'1'", name="in.csv")
    for name in ("one.fasta", "two.fasta"):
        (tmp_path / name).write_text(">same\nMK\n")
    with pytest.raises(InputError, match=r"one\.fasta, record 1 and .*two\.fasta, record 1"):
        read_inputs([tmp_path / "one.fasta", tmp_path / "two.fasta"])
    with pytest.raises(InputError, match="same"):
        read_inputs([tmp_path / "one.fasta", tmp_path / "one.fasta"])


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (">a\nMK\n>b\nMK1\n", ("record 2 (b), position 3", "'1'")),
        (">a\nMK\n>b\n>c\nMK\n", ("record 2 (b)", "empty")),
        (">a\nMK\n>b\nMK:\n", ("record 2 (b), chain 2", "empty")),
        (">a\nMK\n>b\nXX\n", ("record 2 (b)", "none of the 20 amino acids")),
        ("", ("holds no sequence",)),
    ],
)
def test_faults_of_the_chains_of_one_file(tmp_path: Path, text: str, parts: tuple[str, ...]) -> None:
    path = tmp_path / "in.fasta"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_inputs([path], as_complexes=True)
    assert all(part in str(caught.value) for part in (str(path), *parts))
    assert "\n" not in str(caught.value)


@pytest.mark.fault(8)
def test_fault_8_hostile_names_of_chains(tmp_path: Path) -> None:
    """They name no file: the complex is named after its own."""
    path = tmp_path / "in.fasta"
    path.write_text(">../../x\nMK\n>a\0b\x1b[31m\nMV\n")
    (item,) = read_inputs([path], as_complexes=True)
    assert item.query.name == "in"
    assert item.query.chain_names == ("../../x", r"a\x00b\x1b[31m")


@pytest.mark.fault(7)
def test_fault_7_folders_whose_names_differ_in_case_only(tmp_path: Path) -> None:
    queries = [Query("x", "MK", "x", "one"), Query("X", "MK", "X", "two")]
    with pytest.raises(InputError, match="one and two have the names 'x' and 'X', which differ in case only"):
        check_unique(queries)


@pytest.mark.fault(8, "made safe; nothing is written outside of the output folder")
@pytest.mark.parametrize(
    "header", ["/etc/passwd", "../../x", "a\0b", "a b", "x" * 300, "\u86cb\u767d", "CON", "nul.txt", ".", ".."]
)
def test_fault_8_hostile_names_stay_in_the_folder(tmp_path: Path, header: str) -> None:
    (item,) = inputs(tmp_path, f">{header}\nMK\n")
    out = tmp_path / "out"
    folder = out / item.query.name
    folder.mkdir(parents=True)
    assert folder.resolve().parent == out.resolve()
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", item.query.name)


@pytest.mark.fault(9, "refused before the search, with the estimate and what to lower")
def test_fault_9_too_long_for_the_memory(tmp_path: Path) -> None:
    queries = [
        Query("short", "M" * 100, "", "in.fasta, record 1"),
        Query("long", "M" * 20_000, "", "in.fasta, record 2"),
    ]
    with pytest.raises(
        InputError, match=r"record 2 \(long\): 20000 residues need about \d+\.\d GB and 24\.0 GB .*cut"
    ) as caught:
        check_memory(queries, 24 * 10**9, {query.name: 600 * query.n_res**2 for query in queries})
    assert "\n" not in str(caught.value)
    complex_ = Query("complex", ":".join(["M" * 10_000] * 2), "", "in.fasta, record 3")
    with pytest.raises(InputError, match=r"record 3 \(complex\): 20000 residues need about"):
        check_memory([complex_], 24 * 10**9, {"complex": 600 * complex_.n_res**2})
    check_memory(queries[:1], 24 * 10**9, {query.name: 600 * query.n_res**2 for query in queries})


@pytest.mark.fault(18, "error that names the row and what is wrong")
@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "holds no sequence"),
        (">q\nMKVLA\n>a\nMK\n", "cut off"),
        (">q\nMKVL\n", "has 4 residues where target"),
        (">q\nMKVLC\n", "differs from target (x, record 1) at 1 of 5 residues, first at 5"),
        (">q\nMKV-A\n", "row 1 (q): has gaps"),
        ("#2,3\t1,1\n>q\nMKVLA\n", "joins sequences of 2 + 3 residues, and none is that of target (x, record 1, 5"),
        ("#2,3\t1,1\n>q\nMKVLAA\n", "line 1: says that the query has 2 + 3 = 5 residues, and the first row has 6"),
        ("#2,3\t1\n>q\nMKVLA\n", "line 1: needs a length and a number of copies for each chain"),
        ("#4\t1\n>q\nMKVLA\n", "line 1: says that the query has 4 residues, and the first row has 5"),
        (">q\nMKVLA\n>a b\nMK\u00a0LA\n", r"row 2 (a b), column 3: '\xa0' (NO-BREAK SPACE) is no residue"),
        (">ss_pred\nHHHHH\n", "no row was read"),
    ],
)
def test_fault_18_given_alignments(tmp_path: Path, text: str, part: str) -> None:
    path = tmp_path / "given.a3m"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_given(path, Query("target", "MKVLA", "", "x, record 1"))
    assert part in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_fault_18_notes_on_given_alignments_reach_the_user(tmp_path: Path) -> None:
    (tmp_path / "q.fasta").write_text(">q\nMKVLA\n")
    folder = tmp_path / os.fsdecode(b"msas\xe9")
    folder.mkdir()
    (folder / "bfd_uniref_hits.a3m").write_text(">ss_dssp\nHHHHH\n>q\nMKVLA\n")
    (folder / "pdb_hits.sto").write_text("# STOCKHOLM 1.0\n//\n")
    (folder / "pdb_hits.hhr").write_text("Query q\n")
    arguments = ["search", str(tmp_path / "q.fasta"), "--msa", str(folder), "-o", str(tmp_path / "out"), "-v"]
    for _ in range(2):  # also where the features are reused
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        notes = orjson.loads((tmp_path / "out/q/search.json").read_bytes())["notes"]
        for text in ("annotation rows ss_dssp are passed over", "pdb_hits.hhr: not used, since pdb_hits.sto is given"):
            assert sum(text in note for note in notes) == 1
            assert text in result.output


def test_messages_are_one_printable_line(tmp_path: Path) -> None:
    assert str(InputError("x\ny\x1b\udce9\u2028 \u00e9")) == "x\\ny\\x1b\\udce9\\u2028 \u00e9"
    path = tmp_path / "line\nbreak.fasta"
    path.write_text(">a\x1b\nM1\n")
    with pytest.raises(InputError) as caught:
        read_inputs([path])
    assert str(caught.value).isprintable()
    assert r"line\nbreak.fasta, record 1 (a\x1b)" in str(caught.value)
