"""Every kind of input that CONVENTIONS names, and what comes out of it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from af2cpu.errors import InputError
from af2cpu.query import given_alignments, read_given, read_inputs
from af2cpu.query.names import safe_name
from af2cpu.records import Query


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_many_records(tmp_path: Path) -> None:
    path = write(tmp_path / "x.fasta", ">a first protein\nMKV\nLA\n\n>sp|P1|B_C second\nmk v\n")
    queries = [item.query for item in read_inputs([path])]
    assert queries == [
        Query("a", "MKVLA", "a first protein", f"{path}, record 1"),
        Query("sp_P1_B_C", "MKV", "sp|P1|B_C second", f"{path}, record 2"),
    ]
    assert queries[0].n_res == 5


def test_a_header_without_name_takes_the_files(tmp_path: Path) -> None:
    assert read_inputs([write(tmp_path / "lysozyme.fa.gz", gzip.compress(b">\nMKV\n"))])[0].query.name == "lysozyme_1"


def test_folders_are_read_in_order_and_other_files_left_alone(tmp_path: Path) -> None:
    write(tmp_path / "b.fa", ">b\nMK\n")
    write(tmp_path / "a.fasta.gz", gzip.compress(b">a\nMK\n"))
    write(tmp_path / "notes.txt", "not for us")
    assert [item.query.name for item in read_inputs([tmp_path])] == ["a", "b"]


def test_colabfolds_csv(tmp_path: Path) -> None:
    path = write(tmp_path / "jobs.csv", "\ufeffid,sequence\r\nfirst,MKV LA\r\n5AWL_1, yydpetgtwy\r\n")
    queries = [item.query for item in read_inputs([path])]
    assert [(q.name, q.sequence) for q in queries] == [("first", "MKVLA"), ("5AWL_1", "YYDPETGTWY")]
    assert queries[1].source == f"{path}, record 2"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mine.a3m", "#4\t1\n>101\nMKUL\n>hit\n-KaCL\n"),
        ("mine.sto", "# STOCKHOLM 1.0\n\nq MK-UL\nhit -KACL\n//\n"),
    ],
)
def test_alignments_are_queries_with_their_alignment(tmp_path: Path, name: str, text: str) -> None:
    path = write(tmp_path / name, text)
    (item,) = read_inputs([path])
    assert (item.query.name, item.query.sequence, item.alignment) == ("mine", "MKUL", path)
    assert read_given(path, item.query).msa.shape == (2, 4)


def test_stockholm_is_known_by_its_content(tmp_path: Path) -> None:
    (item,) = read_inputs([write(tmp_path / "mine", "# STOCKHOLM 1.0\nq MK\n//\n")])
    assert item.query.sequence == "MK"
    assert item.alignment is not None


def test_af2s_folder_of_alignments_in_af2s_order(tmp_path: Path) -> None:
    for name in ("mgnify_hits.sto", "uniref90_hits.sto", "bfd_uniref_hits.a3m", "pdb_hits.sto"):
        write(tmp_path / name, "")
    assert [p.name for p in given_alignments([tmp_path])] == [
        "uniref90_hits.sto",
        "bfd_uniref_hits.a3m",
        "mgnify_hits.sto",
    ]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="none of AlphaFold's alignments"):
        given_alignments([tmp_path / "empty"])
    with pytest.raises(InputError, match="no such alignment"):
        given_alignments([tmp_path / "gone.a3m"])
    with pytest.raises(InputError, match=r"must be \.a3m or \.sto"):
        given_alignments([write(tmp_path / "x.txt", "")])


def test_given_alignments_are_named_after_their_database(tmp_path: Path) -> None:
    path = write(tmp_path / "uniref90_hits.sto.gz", gzip.compress(b"# STOCKHOLM 1.0\nq MK\n//\n"))
    assert read_given(path, Query("q", "MK", "q", "x")).database == "uniref90"


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("P0CG47.2", "P0CG47.2"),
        ("sp|P1|X", "sp_P1_X"),
        ("Ubiquitin\u03b2", "Ubiquitin_"),
        ("..", "_.."),
        (".hidden", "_.hidden"),
        ("-rf", "_-rf"),
        ("COM1.txt", "_COM1.txt"),
        ("../../etc/passwd", "_.._.._etc_passwd"),
        ("a\0b", "a_b"),
    ],
)
def test_safe_names(header: str, name: str) -> None:
    assert safe_name(header) == name


def test_long_names_keep_apart() -> None:
    first, second = safe_name("x" * 300), safe_name("x" * 299 + "y")
    assert first != second
    assert len(first) == len(second) == 100
