# SPDX-License-Identifier: Apache-2.0
"""a3m and Stockholm: hand-made cases, both formats agree, memory is bounded, broken files are refused in one line."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from af2cpu.chemistry.residues import HHBLITS_ORDER
from af2cpu.errors import InputError
from af2cpu.formats.a3m import Segments, read_a3m, segments_of
from af2cpu.formats.fasta import read_fasta
from af2cpu.formats.stockholm import read_stockholm
from af2cpu.records import Alignment

A3M = b"""#5\t1
>query description
MKVLA
>hit1
MK-lLA
>hit2
-k.KVBX
"""

STOCKHOLM = b"""# STOCKHOLM 1.0
#=GF ID query-i1
#=GS hit1/3-9 DE [subseq from] x

query      MK--V
hit1/3-9   MK---
#=GR hit1/3-9 PP 99---
hit2/1-5   -.KKK
#=GC RF    xx..x

query      -L-A
hit1/3-9   LLVA
hit2/1-5   -V-B
#=GC RF    .x.x
//
"""


def rows_of(alignment: Alignment) -> list[str]:
    return ["".join(HHBLITS_ORDER[code] for code in row) for row in alignment.msa]


def test_a3m_with_colabfolds_header_and_dots() -> None:
    alignment = read_a3m(io.BytesIO(A3M))
    assert rows_of(alignment) == ["MKVLA", "MK-LA", "-KVDX"]
    assert alignment.deletions.tolist() == [[0] * 5, [0, 0, 0, 1, 0], [0, 1, 0, 0, 0]]
    assert alignment.names == ("query description", "hit1", "hit2")


def test_a3m_columns_and_insertions() -> None:
    text = b">q\nMKVLA\n>a\nM-llVLA\n>b\n-kkKVBX\n"
    alignment = read_a3m(io.BytesIO(text), database="mine")
    assert rows_of(alignment) == ["MKVLA", "M-VLA", "-KVDX"]
    assert alignment.deletions.tolist() == [[0] * 5, [0, 0, 2, 0, 0], [0, 2, 0, 0, 0]]
    assert alignment.names == ("q", "a", "b")
    assert alignment.database == "mine"
    assert alignment.msa.dtype == np.uint8
    assert alignment.deletions.dtype == np.uint16


def test_a_gap_where_the_query_has_x_is_x() -> None:
    text = b">q\nMK-L\n>a\nMKVL\n"
    alignment = read_a3m(io.BytesIO(text), query="MKXL")
    assert rows_of(alignment) == ["MKXL", "MKVL"]
    assert alignment.query == "MKXL"
    whole = read_a3m(io.BytesIO(text.replace(b"-", b"X")))
    assert (alignment.row_digests == whole.row_digests).all()
    for query in ("MKVL", "MXKL", "MKXLX", None):
        with pytest.raises(InputError, match=r"row 1 .*: has gaps"):
            read_a3m(io.BytesIO(text), query=query)


def test_rows_of_hh_suite_are_passed_over_with_a_note() -> None:
    rows = b">ss_dssp\n-HH12\n>q\nMKVLA\n>ss_pred PSIPRED\nHHH\n>aa_dssp\nMK\n>sa_dssp\nAB\n>ss_conf\n99999\n"
    alignment = read_a3m(io.BytesIO(b"#q\n" + rows + b">ss_predicted\nMKVLC\n"), 2)
    assert alignment.names == ("q", "ss_predicted")
    assert alignment.notes == (
        "input: hh-suite's annotation rows ss_dssp, ss_pred, aa_dssp, sa_dssp, ss_conf are passed over",
    )
    assert not read_a3m(io.BytesIO(A3M)).notes


def test_colabfolds_line_of_chains() -> None:
    assert segments_of([b"#12,10\t1,2"], "x") == Segments((12, 10), (1, 2))
    assert Segments((12, 10), (1, 2)).n_chains == 3
    assert segments_of([b"#5\t1", b"#7\t2"], "x") == Segments((5,), (1,))
    for comment in (b"#A3M#", b"#q", b"# 12\t1", b"#12,10", b""):
        assert segments_of([comment], "x") is None
    assert segments_of([], "x") is None


def test_the_query_is_kept_as_written() -> None:
    assert read_a3m(io.BytesIO(b">q\nMKUB\n")).query == "MKUB"
    assert read_stockholm(io.BytesIO(b"# STOCKHOLM 1.0\nq M-K\n#=GC RF x.x\nq .Ub\n//\n")).query == "MKUb"


@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
def test_line_ends_of_other_systems(end: bytes) -> None:
    for read, text in ((read_a3m, A3M), (read_stockholm, STOCKHOLM)):
        plain, other = read(io.BytesIO(text)), read(io.BytesIO(text.replace(b"\n", end)))
        assert other.names == plain.names
        assert (other.msa == plain.msa).all()
        assert (other.deletions == plain.deletions).all()


def test_stockholm_of_two_blocks() -> None:
    alignment = read_stockholm(io.BytesIO(STOCKHOLM))
    assert rows_of(alignment) == ["MKVLA", "MK-LA", "--KVD"]
    assert alignment.deletions.tolist() == [[0] * 5, [0, 0, 0, 1, 1], [0, 0, 2, 0, 0]]
    assert alignment.names == ("query", "hit1/3-9", "hit2/1-5")


def test_insertions_go_on_over_blocks() -> None:
    text = b"# STOCKHOLM 1.0\nq M---\na MAAA\n\nq ----\na A--A\n\nq -KV-\na AKVA\n//\n"
    assert read_stockholm(io.BytesIO(text)).deletions.tolist() == [[0, 0, 0], [0, 6, 0]]


@pytest.mark.parametrize("rows", [1, 2, 99])
def test_rows_are_cut_after_the_cap(rows: int) -> None:
    kept = min(rows, 3)
    assert rows_of(read_stockholm(io.BytesIO(STOCKHOLM), rows)) == ["MKVLA", "MK-LA", "--KVD"][:kept]
    assert read_a3m(io.BytesIO(b">q\nMK\n>a\nM-\n>b\n-K\n"), rows).n_seq == kept


def test_digests_tell_letters_that_share_a_code_and_agree_between_formats() -> None:
    a3m = read_a3m(io.BytesIO(b">q\nMKVLA\n>a\nMKVLB\n>b\nMKVLD\n>c\nMKVaaLB\n"))
    assert a3m.row_digests is not None
    assert (a3m.msa[1] == a3m.msa[2]).all()
    assert (a3m.row_digests[1] != a3m.row_digests[2]).any()
    assert (a3m.row_digests[1] == a3m.row_digests[3]).all()
    stockholm = read_stockholm(io.BytesIO(b"# STOCKHOLM 1.0\nq MK-V\na MKRV\n\nq LA\na LB\n//\n"))
    assert stockholm.row_digests is not None
    assert (stockholm.row_digests == a3m.row_digests[:2]).all()


def test_insertions_beyond_sixteen_bits_are_counted(tmp_path: Path) -> None:
    n = 70_000
    alignment = read_a3m(io.BytesIO(b">q\nMK\n>a\nM" + b"a" * n + b"K\n"))
    assert alignment.deletions.tolist() == [[0, 0], [0, n]]
    sto = b"# STOCKHOLM 1.0\nq M" + b"-" * n + b"K\na M" + b"A" * n + b"K\n//\n"
    assert read_stockholm(io.BytesIO(sto)).deletions.tolist() == [[0, 0], [0, n]]


def test_gzip_and_paths_and_pipes(tmp_path: Path) -> None:
    path = tmp_path / "x.sto"  # gzip is known by its bytes, not its name
    path.write_bytes(gzip.compress(STOCKHOLM))
    plain = read_stockholm(io.BytesIO(STOCKHOLM))
    assert (read_stockholm(path).msa == plain.msa).all()

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *args: int) -> int:
            raise OSError("a pipe")

    assert (read_stockholm(Pipe(STOCKHOLM)).deletions == plain.deletions).all()
    assert (read_stockholm(Pipe(gzip.compress(STOCKHOLM))).deletions == plain.deletions).all()


def test_fasta_takes_crlf_bom_blanks_and_nul() -> None:
    text = b"\xef\xbb\xbf\r\n>one two\r\nMK V\r\nL\r\n\x00>\xff\n\nmk\n"
    records = list(read_fasta(io.BytesIO(text)))
    assert [(r.number, r.header, r.letters) for r in records] == [(1, "one two", b"MKVL"), (2, "\ufffd", b"mk")]


@pytest.mark.fault(19, "reading takes under four bytes per cell")
def test_memory_stays_under_four_bytes_per_kept_cell(tmp_path: Path) -> None:
    n_seq, n_res = 30_000, 400
    path = tmp_path / "big.a3m"
    row = b"ACDEFGHIKLMNPQRSTVWY" * (n_res // 20)
    with path.open("wb") as file:
        for i in range(n_seq):
            file.write(b">%d\n%s\n" % (i, row))
    sto = tmp_path / "big.sto"
    with sto.open("wb") as file:
        file.write(b"# STOCKHOLM 1.0\n\n")
        for start in range(0, n_res, 200):
            file.writelines(
                b"row%d %s%s\n" % (i, row[start : start + 200], b"A-"[i == 0 :][:1] * 200) for i in range(n_seq)
            )
            file.write(b"\n")
        file.write(b"//\n")
    for read, file_path in ((read_a3m, path), (read_stockholm, sto)):
        tracemalloc.start()
        alignment = read(file_path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert alignment.msa.shape == (n_seq, n_res)
        names = 100 * n_seq
        assert peak < 4 * n_seq * n_res + names + (10 << 20)


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (read_a3m, b"", "holds no sequence"),
        (read_a3m, b"MKVL\n", "line 1: text before the first header"),
        (read_a3m, b"\x00\x01\x02", "binary"),
        (read_a3m, b">q\nMKV\n>a\nMK\n", r"row 2 \(a\): 2 columns where the query has 3"),
        (read_a3m, b">q\nMKV\n>a\nMK1\n", r"row 2 \(a\), column 3: '1' is no residue"),
        (read_a3m, b">q\nM-V\n", "first row must be the query"),
        (read_a3m, b">q\nMaV\n", "first row must be the query"),
        (read_a3m, b">q\n>a\nMK\n", "is empty"),
        (read_stockholm, b"", "is empty"),
        (read_stockholm, b">q\nMK\n", "is not Stockholm"),
        (read_stockholm, b"# STOCKHOLM 1.0\n//\n", "holds no rows"),
        (read_stockholm, b"# STOCKHOLM 1.0\nq MK\na MK\n", "ends at line 3 without '//'"),
        (read_stockholm, b"# STOCKHOLM 1.0\nq MK\na M\n//\n", "line 3: 1 columns where the block's first row has 2"),
        (read_stockholm, b"# STOCKHOLM 1.0\nq MK\na M1\n//\n", "line 3: row a, column 2: '1' is no residue"),
        (read_stockholm, b"# STOCKHOLM 1.0\nq MK\na MK\n\nq V\n//\n", "a block has 1 rows"),
        (read_stockholm, b"# STOCKHOLM 1.0\nq MK\na MK\n\nq V\nb V\n//\n", "not in the order"),
        (read_stockholm, b"# STOCKHOLM 1.0\nq MK MK\n//\n", "expected a row name"),
        (read_stockholm, b"# STOCKHOLM 1.0\n\nq MK\na MK\nq MR\n//\n", "line 5: a second row is named q as the query"),
        (read_stockholm, b"# STOCKHOLM 1.0\nq MK\nq MR\na MK\n//\n", "line 3: a second row is named q as the query"),
    ],
)
def test_broken_alignments_are_refused(read, text: bytes, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=message) as caught:
        read(io.BytesIO(text))
    assert "\n" not in str(caught.value)


def test_damaged_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.a3m.gz"
    path.write_bytes(gzip.compress(b">q\nMKVLA\n" * 1000)[:-12])
    with pytest.raises(InputError, match="cut off or damaged"):
        read_a3m(path)
    with pytest.raises(InputError, match=r"missing\.a3m: no such file"):
        read_a3m(tmp_path / "missing.a3m")
