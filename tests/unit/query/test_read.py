# SPDX-License-Identifier: Apache-2.0
"""Every kind of input that CONVENTIONS names, and what comes out of it."""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from af2cpu.errors import InputError
from af2cpu.query import first_sequences, given_alignments, is_of, read_given, read_inputs, read_paired
from af2cpu.query.kinds import kind_by_content
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


def test_all_examples_are_read_as_one_batch() -> None:
    folder = Path(__file__).parents[3] / "examples"
    assert {item.query.source.split(",")[0] for item in read_inputs([folder])} == set(map(str, folder.glob("*.fasta")))


def test_chains_of_a_complex_are_joined_by_colons(tmp_path: Path) -> None:
    fasta = write(tmp_path / "a.fasta", ">ab a pair\nmkv:\nGGL*:MKV\n>c\nMKV\n")
    csv = write(tmp_path / "b.csv", "id,sequence\nd,MKV:GG\n")
    first, alone, third = read_inputs([fasta, csv])
    assert [chain.sequence for chain in first.query.chains] == ["MKV", "GGL", "MKV"]
    assert first.notes == (f"{fasta}, record 1 (ab a pair), chain 2: the '*' at the end is dropped",)
    assert (alone.query.n_chains, third.query.sequence) == (1, "MKV:GG")


def test_the_records_of_a_file_are_the_chains_of_a_complex(tmp_path: Path) -> None:
    trio = write(tmp_path / "tri o.fasta", ">heavy chain\nMKV\n>\nGGL*:mkv\n>light\nVLL\n")
    pair = write(tmp_path / "pair.csv", "id,sequence\nx,MK\ny,VL\n")
    alone = write(tmp_path / "alone.fa", ">one protein\nMKV\n")
    first, second, third = read_inputs([trio, pair, alone], as_complexes=True)
    assert first.query == Query(
        "tri_o",
        "MKV:GGL:MKV:VLL",
        "heavy chain, tri o_2, tri o_2, light",
        f"{trio}, records 1 to 3",
        ("heavy chain", "tri o_2", "tri o_2", "light"),  # chains of one record share its name
    )
    assert first.notes == (f"{trio}, record 2, chain 1: the '*' at the end is dropped",)
    assert [(chain.id, chain.name) for chain in second.query.chains] == [("A", "x"), ("B", "y")]
    assert third.query == Query("alone", "MKV", "one protein", f"{alone}, record 1")
    assert [item.query.n_chains for item in read_inputs([trio, pair, alone])] == [1, 2, 1, 1, 1, 1]


def test_chains_of_equal_names_have_none_of_their_own(tmp_path: Path) -> None:
    path = write(tmp_path / "x.fasta", ">same\nMKV\n>same\nGG\n")
    (item,) = read_inputs([path], as_complexes=True)
    assert (item.query.description, item.query.chain_names) == ("same", ())
    assert [chain.name for chain in item.query.chains] == ["same", "same"]


def test_complexes_are_named_by_their_files(tmp_path: Path, pipe: Callable[[bytes], Path]) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("a.fasta", "b.fasta"):
        write(tmp_path / "sub" / name, ">x\nMKV\n>y\nGG\n")
    assert [item.query.name for item in read_inputs([tmp_path / "sub"], as_complexes=True)] == ["a", "b"]
    (item,) = read_inputs([pipe(b">x\nMKV\n>y\nGG\n")], as_complexes=True)
    assert (item.query.name, item.query.sequence) == ("input", "MKV:GG")
    other = write(tmp_path / "a.fa", ">z\nMK\n")
    with pytest.raises(InputError, match=r"a\.fasta, records 1 to 2 and .*a\.fa, record 1 both have the name 'a'"):
        read_inputs([tmp_path / "sub", other], as_complexes=True)


@pytest.mark.parametrize(
    ("text", "sequence", "description", "names", "paired"),
    [
        ("#3,2\t1,1\n>101\t102\nMKULA\n", "MKU:LA", "101, 102", ("101", "102"), True),
        ("#3,2\t2,1\n>101\t102\nMKULA\n>x\nM----\n", "MKU:MKU:LA", "101, 101, 102", ("101", "101", "102"), True),
        ("#3,2\t1,1\n>a complex\nMKULA\n", "MKU:LA", "a complex", (), True),
        ("#3\t2\n>101\nMKU\n", "MKU:MKU", "101", (), False),
    ],
)
def test_colabfolds_alignment_of_a_complex(
    tmp_path: Path, text: str, sequence: str, description: str, names: tuple[str, ...], paired: bool
) -> None:
    path = write(tmp_path / "mine.a3m", text)
    (item,) = read_inputs([path])
    assert item.query == Query("mine", sequence, description, f"{path}, row 1", names)
    assert (item.alignment, item.paired) == (path, paired)


@pytest.mark.parametrize("letters", ["ACGTACGTNN", "augcaugcuuaa", "TTTTAAAA*"])
def test_what_looks_like_dna_or_rna_is_told(tmp_path: Path, letters: str) -> None:
    path = write(tmp_path / "x.fasta", f">gene\n{letters}\n>protein\nM{letters}\n")
    gene, protein = read_inputs([path])
    told = [note for note in gene.notes if "looks like DNA or RNA" in note]
    assert len(told) == 1
    assert told[0].startswith(f"{path}, record 1 (gene): ")
    assert not [note for note in protein.notes if "DNA" in note]


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


def names_of(path: Path) -> list[str]:
    return [item.query.name for item in read_inputs([path])]


def test_records_of_one_first_word_are_named_by_their_whole_headers(tmp_path: Path) -> None:
    path = write(tmp_path / "x.fa", ">T=0.1, sample=1\nMK\n>T=0.1, sample=2\nMR\n>other word\nMV\n")
    assert names_of(path) == ["T_0.1__sample_1", "T_0.1__sample_2", "other"]
    first, second, other = read_inputs([path])
    assert first.notes == (f"{path}, record 1: is named T_0.1__sample_1, since another record's name is T_0.1_ too",)
    assert second.query.description == "T=0.1, sample=2"
    assert not other.notes


@pytest.mark.parametrize(
    ("headers", "names"),
    [
        (["4v9o_A", "4v9o_a"], ["4v9o_A", "4v9o_a_2"]),
        (["a|1", "a:1", "a 1"], ["a_1", "a_1_2", "a"]),
        (["x y", "x", "x_y"], ["x_y_2", "x", "x_y"]),  # a name that no other record has is kept
        (["", "x_1 z", "x_1 y"], ["x_1", "x_1_z", "x_1_y"]),
        (["a b", "a B", "a_b_2"], ["a_b", "a_B_3", "a_b_2"]),
    ],
)
def test_names_are_distinct_where_case_is_ignored(tmp_path: Path, headers: list[str], names: list[str]) -> None:
    path = write(tmp_path / "x.fa", "".join(f">{header}\nMK\n" for header in headers))
    assert names_of(path) == names
    assert len({name.casefold() for name in names}) == len(names)


def test_ids_of_a_csv_and_files_of_alignments_are_distinct_too(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "id,sequence\nP|1,MK\np/1,MK\n")
    assert names_of(path) == ["P_1", "p_1_2"]
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    files = [write(tmp_path / "one/q.a3m", ">a\nMK\n"), write(tmp_path / "two/Q.a3m", ">a\nMK\n")]
    assert [item.query.name for item in read_inputs(files)] == ["q", "Q_2"]


JOINED = "#3,2\t1,1\n>101\t102\nMKVLA\n>a\tb\nMK--A\n>c\n---LA\n>d\nM-V--\n"


def test_rows_of_one_sequence_of_a_complex(tmp_path: Path) -> None:
    path = write(tmp_path / "ab.a3m", JOINED)
    first, second = Query("first", "MKV", "", "x"), Query("second", "LA", "", "x")
    assert read_given(path, first).names == ("101", "d")
    assert read_given(path, second).names == ("102", "c")
    assert [codes.tolist() for codes in first_sequences(path, [])] == [
        read_given(path, one).msa[0].tolist() for one in (first, second)
    ]
    assert is_of(first_sequences(path, [])[1], second)


def test_paired_rows_in_the_order_of_the_queries(tmp_path: Path) -> None:
    path = write(tmp_path / "ab.a3m", JOINED)
    first, second = Query("first", "MKV", "", "x"), Query("second", "LA", "", "x")
    for queries, names in (([first, second], ["a", "b"]), ([second, first], ["b", "a"])):
        found = read_paired(path, queries)
        assert [one.names[1] for one in found.paired] == names
        assert [one.query for one in found.own] == [query.sequence for query in queries]
    write(path, JOINED.split("\n", 1)[1])
    assert [one.names[1] for one in read_paired(path, [first, second]).paired] == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "text", "sequences", "fault"),
    [
        ("x.a3m", ">q\nMKVLA\n", ("LA", "MKV"), "joins sequences of 2 [+] 3 residues, and none is that of A .* order"),
        ("x.a3m", ">q\nMKV\n", ("MKV", "LA"), "the first row has 3 columns, and the sequences have 3 [+] 2 = 5"),
        ("x.a3m", JOINED, ("MKV", "LG"), "none is that of B [(]x, 2 residues[)]"),
        ("x.a3m", "#3,1,1\t1,1,1\n>q\nMKVLA\n", ("MKV", "LA"), "joins 3 sequences, and the complex has 2"),
        ("x.sto", "# STOCKHOLM 1.0\nq MKVLA\n//\n", ("MKV", "LA"), "must be .a3m"),
    ],
)
def test_paired_rows_of_others(tmp_path: Path, name: str, text: str, sequences: tuple[str, ...], fault: str) -> None:
    path = write(tmp_path / name, text)
    with pytest.raises(InputError, match=fault) as caught:
        read_paired(path, [Query("AB"[k], one, "", "x") for k, one in enumerate(sequences)])
    assert str(path) in str(caught.value)


@pytest.fixture
def pipe() -> Iterator[Callable[[bytes], Path]]:
    """Makes pipes with a content, as a shell's <(...)."""
    ends = []

    def filled(content: bytes) -> Path:
        read, written = os.pipe()
        ends.append(read)
        os.write(written, content)
        os.close(written)
        return Path(f"/dev/fd/{read}")

    yield filled
    for end in ends:
        os.close(end)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("text", [b">a b\nMKV\n>c\nMK\n", b"id,sequence\na,MKV\nc,MK\n"])
def test_pipes(pipe: Callable[[bytes], Path], text: bytes, pack: Callable[[bytes], bytes]) -> None:
    path = pipe(pack(text))
    assert [(item.query.name, item.query.sequence) for item in read_inputs([path])] == [("a", "MKV"), ("c", "MK")]
    (item,) = read_inputs([pipe(b">\nMK\n")])
    assert item.query.name == "input_1"


@pytest.mark.parametrize(
    "text", [b"#2\t1\n>101\nMK\n", b">q\nMK\n>a\nM-\n", b"# STOCKHOLM 1.0\nq MK\n//\n"], ids=["colabfold", "a3m", "sto"]
)
def test_alignments_from_pipes_are_refused(pipe: Callable[[bytes], Path], text: bytes) -> None:
    with pytest.raises(InputError, match=r"/dev/fd/\d+: an alignment is read again .* save it to a file"):
        read_inputs([pipe(text)])
    with pytest.raises(InputError, match=r"/dev/fd/\d+: is not a regular file; .* save it"):
        given_alignments([pipe(text)])


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b">a\nMKV\n")))
    (item,) = read_inputs([Path("-")])
    assert item.query.sequence == "MKV"
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(InputError, match="-: can't be read"):
        read_inputs([Path("-")])


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b"\xef\xbb\xbf# STOCKHOLM 1.0\nq MK\n//\n", "stockholm"),
        (b"#12,10\t1,1\n>101\t102\nMK\n", "a3m"),
        (b">q\nMKL\n>a\nM-L\n", "a3m"),
        (b">q-1 a-b\nMKL\n>a-1\nMK\n", "fasta"),
        (b"#q\n>q\nMK\n", "fasta"),
        (b"id, sequence,note\r\n", "csv"),
        (b"", "fasta"),
    ],
)
def test_kinds_by_content(text: bytes, kind: str) -> None:
    assert kind_by_content(text) == kind


def test_an_a3m_of_another_name_is_read_as_one(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.txt", ">q\nMKL\n>a\nM-L\n")
    (item,) = read_inputs([path])
    assert item.alignment == path
    assert given_alignments([path]) == [path]
    assert read_given(path, item.query).n_seq == 2


def test_notes_on_given_alignments(tmp_path: Path) -> None:
    path = write(tmp_path / "q.a3m", ">ss_pred\nHHH\n>q\nM-L\n")
    assert read_given(path, Query("q", "MXL", "q", "x")).notes == (
        f"{path}: hh-suite's annotation rows ss_pred are passed over",
    )


def test_paths_that_are_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.fasta")
    (item,) = read_inputs([write(path, ">\nMKX\n")])
    assert (item.query.name, item.query.source) == ("caf__1", rf"{tmp_path}/caf\xe9.fasta, record 1")
    assert item.notes[0].isprintable()
    alignment = tmp_path / os.fsdecode(b"caf\xe9" * 40 + b".a3m")
    (item,) = read_inputs([write(alignment, ">a\nMK\n")])
    assert read_given(alignment, item.query).database.isprintable()
    with pytest.raises(InputError) as caught:
        read_inputs([write(path, ">a\nM1\n")])
    assert str(caught.value).startswith(rf"{tmp_path}/caf\xe9.fasta, record 1 (a), position 2")


def test_long_names_keep_apart() -> None:
    first, second = safe_name("x" * 300), safe_name("x" * 299 + "y")
    assert first != second
    assert len(first) == len(second) == 100
