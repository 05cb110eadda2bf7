"""FAULTS 1-9 and 18: bad input is refused in one line that names file, place and remedy, before any work."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from af2cpu.errors import InputError
from af2cpu.query import check_memory, read_given, read_inputs
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


def test_fault_1_zero_length(tmp_path: Path) -> None:
    refused(tmp_path, ">a\nMK\n>b\n>c\nMK\n", "record 2 (b)", "empty")
    refused(tmp_path, ">a\n*\n", "record 1", "empty")
    refused(tmp_path, "id,sequence\nx,\n", "record 1 (x)", "empty", name="in.csv")


@pytest.mark.parametrize(
    ("letters", "position", "letter"), [("MK1V", 3, "1"), ("M-KV", 2, "-"), ("MKV\u00c5", 4, "\u00c3")]
)
def test_fault_2_illegal_letters(tmp_path: Path, letters: str, position: int, letter: str) -> None:
    refused(tmp_path, f">a\nMK\n>b\n{letters}\n", "record 2 (b)", f"position {position}", repr(letter))


def test_fault_2_complexes_are_refused_with_one_line(tmp_path: Path) -> None:
    refused(tmp_path, ">a\nMK:MK\n", "complex")


def test_fault_3_stars_and_blanks(tmp_path: Path) -> None:
    (item,) = inputs(tmp_path, ">a\nMK \tV\n\nLA*\n")
    assert item.query.sequence == "MKVLA"
    assert re.search(r"record 1 \(a\): the '\*' at the end is dropped", item.notes[0])
    refused(tmp_path, ">a\nMK*V\n", "record 1", "position 3", "stop codon")
    refused(tmp_path, ">a\nMKV**\n", "position 4")


def test_fault_4_unusual_letters_are_kept_with_a_note(tmp_path: Path) -> None:
    (item,) = inputs(tmp_path, ">a\nMBZUOJXK\n")
    assert item.query.sequence == "MBZUOJXK"
    assert "B, J, O, U, X, Z" in item.notes[0]
    assert not inputs(tmp_path, ">a\nMK\n")[0].notes


def test_fault_5_lower_case_crlf_bom_gzip(tmp_path: Path) -> None:
    text = b"\xef\xbb\xbf>a b\r\nmkv\r\nla\r\n"
    for content in (text, gzip.compress(text)):
        (item,) = inputs(tmp_path, content)
        assert (item.query.sequence, item.query.description) == ("MKVLA", "a b")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (b"", "holds no sequence"),
        (b"\n\n", "holds no sequence"),
        (b"MKVLA\n", "line 1: text before the first header"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "binary"),
        (b"\x7fELF\x02\x01\x01\0>", "binary"),
    ],
)
def test_fault_6_no_sequences(tmp_path: Path, text: bytes, part: str) -> None:
    refused(tmp_path, text, part)


def test_fault_6_other_kinds(tmp_path: Path) -> None:
    refused(tmp_path, b"a,b\n1,2\n", "line 1", "id,sequence", name="in.csv")
    refused(tmp_path, b"id,sequence\n", "no rows", name="in.csv")
    refused(tmp_path, b"\xff\xfe", "UTF-8", name="in.csv")
    refused(tmp_path, gzip.compress(b">a\nMK\n")[:-9], "cut off or damaged")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"the folder has no \.fasta"):
        read_inputs([tmp_path / "folder"])
    with pytest.raises(InputError, match="can't be read"):
        read_inputs([tmp_path / "missing.fasta"])


def test_fault_7_one_name_twice(tmp_path: Path) -> None:
    refused(tmp_path, ">a x\nMK\n>A y\nMKV\n", "record 1", "record 2", "'A'")
    for name in ("one.fasta", "two.fasta"):
        (tmp_path / name).write_text(">same\nMK\n")
    with pytest.raises(InputError, match=r"one\.fasta, record 1 and .*two\.fasta, record 1"):
        read_inputs([tmp_path / "one.fasta", tmp_path / "two.fasta"])
    with pytest.raises(InputError, match="same"):
        read_inputs([tmp_path / "one.fasta", tmp_path / "one.fasta"])


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


def test_fault_9_too_long_for_the_memory(tmp_path: Path) -> None:
    queries = [
        Query("short", "M" * 100, "", "in.fasta, record 1"),
        Query("long", "M" * 20_000, "", "in.fasta, record 2"),
    ]
    with pytest.raises(
        InputError, match=r"record 2 \(long\): 20000 residues need about \d+\.\d GB and 24\.0 GB .*cut"
    ) as caught:
        check_memory(queries, 24 * 10**9, lambda n_res: 600 * n_res**2)
    assert "\n" not in str(caught.value)
    check_memory(queries[:1], 24 * 10**9, lambda n_res: 600 * n_res**2)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "holds no sequence"),
        (">q\nMKVLA\n>a\nMK\n", "cut off"),
        (">q\nMKVL\n", "has 4 residues where target"),
        (">q\nMKVLC\n", "differs from target (x, record 1) at 1 of 5 residues, first at 5"),
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
