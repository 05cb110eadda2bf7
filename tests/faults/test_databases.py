# SPDX-License-Identifier: Apache-2.0
"""FAULTS 10-17 and 19: broken, changed and odd databases, no hits, huge alignments."""

from __future__ import annotations

import os
import resource
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from plan_cases import searched as search
from plan_cases import told
from search_cases import demo, demo_database, jackhmmer, needs_kernels, queries, without_author

from af2cpu.errors import DatabaseError
from af2cpu.formats.features import read_features
from af2cpu.formats.stockholm import read_stockholm
from af2cpu.pipeline.run import Outcome
from af2cpu.query import read_given
from af2cpu.records import Query
from af2cpu.search import engine, indexing, msa, shards, templates
from af2cpu.search.databases import Database, DatabaseSet, select
from af2cpu.search.index import index_paths
from af2cpu.search.indexing import build_index, current_index
from af2cpu.search.msa import search_msas
from af2cpu.search.profiles import sequence_profile

UBIQUITIN = queries("ubiquitin")[0]


def database(tmp_path: Path, extra: bytes = b"", where: int = 100) -> Path:
    """A copy of the demo UniRef90 with something put in before a record."""
    records = demo_database("uniref90")[0].path.read_bytes().split(b"\n>")
    path = tmp_path / "mine.fasta"
    text = b"\n>".join(records[:where]) + b"\n" + extra + b">" + b"\n>".join(records[where:])
    path.write_bytes(text)
    return path


def searched(path: Path, out: Path, query: Query = UBIQUITIN) -> Outcome:
    return search(out, query, DatabaseSet((Database("mine", path),), None, None, None))


def notes(outcome: Outcome) -> tuple[str, ...]:
    assert outcome.search is not None
    return outcome.search.notes


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


@pytest.mark.fault(11, "noticed by size, hash or count: error")
def test_fault_11_cut_off_or_changed_is_noticed_by_size(tmp_path: Path) -> None:
    path = database(tmp_path)
    build_index(path, 2)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(DatabaseError, match=r"has [\d,]+ bytes and had [\d,]+ when it was indexed; .*af2cpu db index"):
        searched(path, tmp_path / "out")


@pytest.mark.fault(11)
def test_fault_11_by_hash_when_the_time_has_changed(tmp_path: Path) -> None:
    path = database(tmp_path)
    build_index(path, 2)
    text = path.read_bytes()
    path.write_bytes(text[:5000].replace(b"W", b"Y") + text[5000:])
    os.utime(path, (1, 1))
    with pytest.raises(DatabaseError, match="have changed since it was indexed"):
        searched(path, tmp_path / "out")


@pytest.mark.fault(11)
@pytest.mark.parametrize(
    ("n_queries", "screened"),
    [pytest.param(1, True, marks=needs_kernels), pytest.param(5, True, marks=needs_kernels), (1, False), (5, False)],
)
def test_fault_11_by_count_when_size_and_time_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_queries: int, screened: bool
) -> None:
    monkeypatch.setattr(engine, "is_fast", lambda: screened)
    path = database(tmp_path)
    index = build_index(path, 2)
    text = path.read_bytes()
    start = text.index(b"\n>") + 1
    end = text.index(b"\n", start)
    path.write_bytes(text[:start] + b"M" * (end - start) + text[end:])  # a header becomes residues
    count = index.shards[0].n_seq
    with pytest.raises(DatabaseError, match=rf"hold {count - 1} sequences .* where the index says {count}"):
        list(search_msas(queries()[:n_queries], [tmp_path] * n_queries, [(Database("mine", path), index)], 2))


@pytest.mark.parametrize("screened", [pytest.param(True, marks=needs_kernels), False])
def test_fault_11_no_fasta_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, screened: bool) -> None:
    monkeypatch.setattr(engine, "is_fast", lambda: screened)
    path = database(tmp_path)
    index = build_index(path, 2)
    text = path.read_bytes()
    path.write_bytes(text[:-100] + b"1" * 50 + text[-50:])
    with pytest.raises(DatabaseError, match=r"mine\.fasta: bytes [\d,]+ to [\d,]+ can't be read as FASTA"):
        list(search_msas([UBIQUITIN], [tmp_path], [(Database("mine", path), index)], 2))


@pytest.mark.fault(11)
@pytest.mark.parametrize("screened", [pytest.param(True, marks=needs_kernels), False])
def test_fault_11_cut_off_while_it_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, screened: bool) -> None:
    monkeypatch.setattr(engine, "is_fast", lambda: screened)
    path = database(tmp_path)
    index = build_index(path, 2)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(DatabaseError, match="cut off since it was indexed"):
        list(search_msas([UBIQUITIN], [tmp_path], [(Database("mine", path), index)], 2))


def test_fault_11_a_file_without_last_line_end_is_reported(tmp_path: Path) -> None:
    path = database(tmp_path)
    path.write_bytes(path.read_bytes()[:-30])
    assert any("may have been cut off" in note for note in notes(searched(path, tmp_path / "out")))


@pytest.mark.fault(12, "error before any folder is made")
def test_fault_12_missing_empty_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "db.fasta"
    with pytest.raises(DatabaseError, match=r"databases are missing: mine \("):
        select(None, None, [f"mine={path}"])
    with pytest.raises(DatabaseError, match="can't be read"):
        searched(path, tmp_path / "out")
    path.write_bytes(b"\n")
    with pytest.raises(DatabaseError, match="is empty"):
        searched(path, tmp_path / "out")
    path.write_bytes(b"\x1f\x8b\x08")
    with pytest.raises(DatabaseError, match=r"not FASTA.*unpack it"):
        searched(path, tmp_path / "out")
    with pytest.raises(DatabaseError, match="can't be read"):
        searched(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


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


@pytest.mark.fault(16, "searched again; the alignment of the former one is not used")
def test_fault_16_another_database_is_searched_again(tmp_path: Path) -> None:
    path = database(tmp_path)
    first = searched(path, tmp_path / "out")
    again = searched(path, tmp_path / "out")
    assert [r.searched for r in (first, again)] == [{"mine"}, set()]
    assert [r.reused for r in (first, again)] == [False, True]
    path = database(tmp_path, b">new\n" + UBIQUITIN.sequence.encode() + b"\n")
    build_index(path, 2)
    third = searched(path, tmp_path / "out")
    assert "mine" in third.searched
    assert "new/" in (third.folder / "msas" / "mine_hits.sto").read_text()
    assert third.search.msa_rows == first.search.msa_rows


@pytest.mark.fault(16)
@pytest.mark.fault("file without a record")
def test_fault_16_a_touched_alignment_is_not_reused(tmp_path: Path) -> None:
    path = database(tmp_path)
    file = searched(path, tmp_path / "out").folder / "msas" / "mine_hits.sto"
    text = file.read_bytes()
    file.write_bytes(text.replace(b"UniRef90_X0", b"UniRef90_Y0"))
    assert "mine" in searched(path, tmp_path / "out").searched
    assert file.read_bytes() == text


@pytest.mark.fault(17, "an alignment of the query alone; the run goes on")
def test_fault_17_no_hits(tmp_path: Path) -> None:
    loner = Query("loner", "WWHHMMCCWWHHMMCCYYWWPPHHMMCCWW", "loner", "made up")
    report = search(tmp_path, loner, select(demo(), None, []))
    assert report.error is None
    features = read_features(report.folder / "features.npz")
    assert (features.n_seq, features.n_templ) == (1, 0)
    assert read_stockholm(report.folder / "msas" / "mgnify_hits.sto").names == ("loner",)


@pytest.mark.fault(19, "announced, capped, written through a file of bounded size")
def test_fault_19_large_alignments_are_announced_and_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(msa, "LARGE_ALIGNMENT", 100)
    base, index = demo_database("uniref90")
    with told("warning") as warnings:
        (result,) = search_msas([UBIQUITIN], [tmp_path], [(Database("capped", base.path, 20), index)], 2)
    assert f"{result.hits} hits; writing their alignment takes about" in warnings[0].text
    assert result.hits > 100
    assert result.rows == 20
    assert read_stockholm(result.path).n_seq == 20
    assert sorted(path.name for path in tmp_path.iterdir()) == ["capped_hits.sto"]  # no temporary file stays


@pytest.mark.fault(19)
def test_fault_19_many_hits_are_announced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MANY_HITS", 200)
    for names in (("ubiquitin",), ("ubiquitin", "gb1"), ("ubiquitin", "gb1", "crambin", "lysozyme")):
        with told("warning") as warnings:
            list(search_msas(queries(*names), [tmp_path] * len(names), [demo_database("uniref90")], 2))
        assert sum("hits are in memory" in one.text for one in warnings) == (len(names) > 1)


@pytest.mark.fault(30)
def test_fault_30_a_full_disk_while_an_alignment_is_written(tmp_path: Path) -> None:
    database, index = demo_database("uniref90")
    query = msa.digital(UBIQUITIN)
    profile = sequence_profile(query)
    (task,) = engine.search([msa.Task("uniref90", database.path, index, [profile], msa.JACKHMMER)], 2)
    path = tmp_path / "uniref90_hits.sto"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            msa.write_alignment(task.hits[0], query, path, None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.filename == str(path)
    assert not list(tmp_path.iterdir())


def test_paths_that_are_not_utf_8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = database(tmp_path).rename(tmp_path / os.fsdecode(b"caf\xe9.fasta"))
    monkeypatch.setattr("sys.argv", ["af2cpu", str(path)])  # pyhmmer writes it into profiles
    report = searched(path, tmp_path / "out")
    assert report.error is None
    assert report.search.databases[0].path == rf"{tmp_path}/caf\xe9.fasta"
    path.write_bytes(b">a\nM1\n")
    with pytest.raises(DatabaseError, match="record 1") as caught:
        build_index(path, 1)
    assert str(caught.value).isprintable()


@pytest.mark.fault("database index")
def test_an_index_that_is_damaged_says_so(tmp_path: Path) -> None:
    path = database(tmp_path)
    build_index(path, 2)
    (tmp_path / "mine.fasta.af2cpu-index.json").write_text('{"format": 1, "size"')
    with pytest.raises(DatabaseError, match=r"the index is damaged \(.*\); make it again"):
        current_index(path, 2)


def test_a_database_that_grows_while_it_is_indexed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = database(tmp_path)
    count = indexing._counted

    def grow(fasta: Path, offset: int, length: int):  # type: ignore[no-untyped-def]
        with fasta.open("ab") as file:
            file.write(b">late\nMK\n")
        return count(fasta, offset, length)

    monkeypatch.setattr(indexing, "_counted", grow)
    with pytest.raises(DatabaseError, match="changed while it was indexed"):
        build_index(path, 1)
    assert not list(tmp_path.glob("*.json*"))
