# SPDX-License-Identifier: Apache-2.0
"""FAULTS 10 and 13-15: databases with odd letters, headers and records."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from database_cases import UBIQUITIN, database, notes, searched
from plan_cases import told
from search_cases import demo_database, jackhmmer, needs_kernels, queries, without_author

from af2cpu.errors import DatabaseError
from af2cpu.formats.stockholm import read_stockholm
from af2cpu.query import read_given
from af2cpu.search import engine, shards, templates
from af2cpu.search.databases import Database
from af2cpu.search.index import index_paths
from af2cpu.search.indexing import build_index, current_index
from af2cpu.search.msa import search_msas


@pytest.mark.fault(10, "error that names file, record and character")
@pytest.mark.parametrize(
    ("letters", "character"),
    [
        (b"MK1V", "'1'"),
        (b"MK-V", "'-'"),
        (b"MK>V", "'>'"),
        (b"M\xc3K", "'\u00c3'"),
        (b"M\xc3\x85K", "'\u00c5'"),
    ],
)
def test_fault_10_illegal_character(tmp_path: Path, letters: bytes, character: str) -> None:
    path = database(tmp_path, b">bad one\nMKV\n" + letters + b"\n")
    with pytest.raises(DatabaseError) as caught:
        searched(path, tmp_path / "out")
    message = str(caught.value)
    assert f"{path}, record 101 (bad one): {character}" in message
    assert " is no residue" in message
    assert "\n" not in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("n_queries", "screened"),
    [pytest.param(1, True, marks=needs_kernels), pytest.param(5, True, marks=needs_kernels), (1, False), (5, False)],
)
def test_fault_10_what_is_odd_but_legal_is_counted_as_hmmer_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_queries: int, screened: bool
) -> None:
    monkeypatch.setattr(engine, "is_fast", lambda: screened)
    text = UBIQUITIN.sequence.encode()
    odd = (
        b">stop\n"
        + text
        + b"*\n>empty\n>lower case\r\n"
        + text[:40].lower()
        + b" \t\r\n\r\n"
        + text[40:]
        + b"\n>last XBZUOJ*\n"
    )
    path = database(tmp_path, odd + text[:30] + b"XBZUOJ*" + text[30:] + b"\n")
    index = build_index(path, 2)
    folders = [tmp_path / query.name for query in queries()[:n_queries]]
    for folder in folders:
        folder.mkdir()
    results = list(
        search_msas(
            [UBIQUITIN, *queries("lysozyme", "gb1", "crambin", "trp_cage")][:n_queries],
            folders,
            [(Database("mine", path), index)],
            2,
        )
    )
    expected = jackhmmer(UBIQUITIN, path, tmp_path)
    assert without_author(results[0].path.read_text()) == without_author(expected.read_text())
    assert {"stop", "lower", "last"} <= {name.partition("/")[0] for name in read_stockholm(results[0].path).names}


@pytest.mark.parametrize("header", [b">", b"> \t"])
def test_fault_10_records_without_a_name(tmp_path: Path, header: bytes) -> None:
    with pytest.raises(DatabaseError, match=r"record 101 .*: the record has no name"):
        build_index(database(tmp_path, header + b"\nMKV\n> spaced name\nMK\n"), 2)
    index = build_index(database(tmp_path, b"> spaced name\n" + UBIQUITIN.sequence.encode() + b"\n"), 2)
    (result,) = search_msas([UBIQUITIN], [tmp_path], [(Database("mine", tmp_path / "mine.fasta"), index)], 2)
    assert "spaced/1-76" in read_stockholm(result.path).names


@pytest.mark.parametrize("first", [b"#r", b"//r", b"#=GC", b"#=GS r", b"# STOCKHOLM", b"//", b"r\xe9"])
def test_fault_10_rows_whose_names_stockholm_would_not_take_as_names(tmp_path: Path, first: bytes) -> None:
    text = UBIQUITIN.sequence.encode()
    names = [first, b"#s", b"//t", b"plain", b"##=GR u"]
    relatives = [text[:20] + bytes([letter]) + text[21:] for letter in b"ACEFG"]
    path = tmp_path / "odd.fasta"
    path.write_bytes(b"".join(b">%b x\n%b\n" % record for record in zip(names, relatives, strict=True)))
    index = build_index(path, 2)
    for max_rows in (None, 4):
        (result,) = search_msas([UBIQUITIN], [tmp_path], [(Database("mine", path, max_rows), index)], 2)
        alignment = read_stockholm(result.path)
        n_rows = 6 if max_rows is None else 4
        assert (result.hits, result.rows, alignment.n_seq, alignment.n_res) == (5, n_rows, n_rows, 76)
        annotated = {
            line.split()[1] for line in result.path.read_text().splitlines() if line.startswith(("#=GS", "#=GR"))
        }
        assert annotated <= set(alignment.names)
        if max_rows is None:
            assert {"%23s/1-76", "%2F/t/1-76", "plain/1-76"} <= set(alignment.names)
            assert len(set(alignment.msa[:, 20])) == 6
    assert templates.profile_of(result.path).M == 76


@pytest.mark.parametrize("header", ["#1 best design", "// x", "//", "#=GC RF", "# STOCKHOLM 1.0"])
def test_fault_10_queries_whose_names_stockholm_would_not_take_as_names(tmp_path: Path, header: str) -> None:
    (plain,) = search_msas([UBIQUITIN], [tmp_path], [demo_database("uniref90")], 2)
    expected = read_stockholm(plain.path)
    query = replace(UBIQUITIN, description=header)
    (result,) = search_msas([query], [tmp_path], [demo_database("uniref90")], 2)
    found = read_given(result.path, query)
    assert found.names[1:] == expected.names[1:]
    assert found.names[0].startswith("%2")
    assert (found.msa == expected.msa).all()
    assert templates.profile_of(result.path).M == 76


@pytest.mark.fault(10)
def test_fault_10_line_ends_of_cr_alone(tmp_path: Path) -> None:
    path = tmp_path / "mac.fasta"
    for text in (b">p1 x\rMKV\r>p2\rMKV\r", b">a\nMKV\n>p1 x\rMKV\n"):
        path.write_bytes(text)
        with pytest.raises(DatabaseError, match=r"record \d \(p1 x\): lines end with CR alone; convert them"):
            build_index(path, 1)
    letters = UBIQUITIN.sequence.encode()
    path.write_bytes(b">p1 x\r\r\n" + letters[:40] + b"\r" + letters[40:] + b"\r\r\n>p2\r\nMK\r\n")
    index = build_index(path, 1)
    assert (index.n_seq, index.n_res) == (2, 78)
    (result,) = search_msas([UBIQUITIN], [tmp_path], [(Database("mine", path), index)], 2)
    assert result.hits == 1  # HMMER counts the same


def test_fault_10_nucleotides_are_noted(tmp_path: Path) -> None:
    path = tmp_path / "dna.fasta"
    path.write_bytes(b"".join(b">contig%d x\n" % i + b"ACGTTGCANacgtu" * 20 + b"RY" + b"\n" for i in range(20)))
    (note,) = notes(searched(path, tmp_path / "out"))
    assert note.startswith("mine: looks like DNA or RNA")
    old = index_paths(path)[0]
    fields = orjson.loads(old.read_bytes())
    old.write_bytes(orjson.dumps({name: fields[name] for name in fields.keys() - {"nucleotides", "check"}}))  # as once
    assert current_index(path, 2).nucleotides
    assert not demo_database("uniref90")[1].nucleotides
    path.write_bytes(b">short peptide\nGATTACA\n")
    assert not build_index(path, 1).nucleotides


@pytest.mark.fault(13, "not searched, counted, reported")
def test_fault_13_targets_over_100000_residues(tmp_path: Path) -> None:
    titan = b">titan too long\n" + UBIQUITIN.sequence.encode() * 1400 + b"\n"
    path = database(tmp_path, titan)
    report = searched(path, tmp_path / "out")
    assert "mine: 1 sequences over 100,000 residues are not searched" in notes(report)
    assert report.search.databases[0].too_long_skipped == 1
    assert report.search.databases[0].sequences == demo_database("uniref90")[1].n_seq
    without = demo_database("uniref90")[0].path
    expected = searched(without, tmp_path / "without")
    texts = [(r.folder / "msas" / "mine_hits.sto").read_bytes() for r in (report, expected)]
    assert texts[0] == texts[1]
    assert (tmp_path / "mine.fasta.af2cpu-index.json").exists()


@pytest.mark.parametrize(
    ("n_queries", "screened"),
    [pytest.param(1, True, marks=needs_kernels), pytest.param(5, True, marks=needs_kernels), (1, False), (5, False)],
)
def test_fault_13_a_shard_of_nothing_but_targets_that_are_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_queries: int, screened: bool
) -> None:
    monkeypatch.setattr(engine, "is_fast", lambda: screened)
    monkeypatch.setattr(shards, "SHARD_BYTES", 50_000)
    letters = UBIQUITIN.sequence.encode()
    titan = b">titan\n" + letters * 1400 + b"\n"
    path = tmp_path / "mine.fasta"
    for text, n_seq in ((titan + b">a\n" + letters + b"\n" + titan, 1), (titan, 0)):
        path.write_bytes(text)
        index = build_index(path, 2)
        assert any(shard.n_seq == 0 for shard in index.shards)
        found = [UBIQUITIN, *queries("lysozyme", "gb1", "crambin", "trp_cage")][:n_queries]
        folders = [tmp_path / query.name for query in found]
        for folder in folders:
            folder.mkdir(exist_ok=True)
        results = list(search_msas(found, folders, [(Database("mine", path), index)], 2))
        assert results[0].hits == n_seq
        assert read_stockholm(results[0].path).n_seq == 1 + n_seq


@pytest.mark.fault(14, "our files stay UTF-8; a warning tells how many")
def test_fault_14_descriptions_that_are_not_utf8(tmp_path: Path) -> None:
    path = database(tmp_path, b">odd caf\xe9 \xff\n" + UBIQUITIN.sequence.encode() + b"\n")
    with told("warning") as warnings:
        report = searched(path, tmp_path / "out")
    text = (report.folder / "msas" / "mine_hits.sto").read_text("utf-8")
    assert "caf\ufffd \ufffd" in text
    assert "1 descriptions are not UTF-8" in warnings[0].text
    assert report.error is None


@pytest.mark.fault(15, "both rows are kept")
def test_fault_15_duplicate_target_names(tmp_path: Path) -> None:
    twice = b"".join(
        b">twin\n" + letters + b"\n"
        for letters in (UBIQUITIN.sequence.encode(), UBIQUITIN.sequence.encode()[:-1] + b"A")
    )
    path = database(tmp_path, twice)
    report = searched(path, tmp_path / "out")
    alignment = read_stockholm(report.folder / "msas" / "mine_hits.sto")
    assert sum("twin" in name for name in alignment.names) == 2
    expected = jackhmmer(UBIQUITIN, path, tmp_path)
    text = (report.folder / "msas" / "mine_hits.sto").read_text()
    assert without_author(text) == without_author(expected.read_text())
