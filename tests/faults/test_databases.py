# SPDX-License-Identifier: Apache-2.0
"""FAULTS 11, 12, 16, 17 and 19: broken and changed databases, no hits, huge alignments."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest
from database_cases import UBIQUITIN, database, notes, searched
from plan_cases import searched as search
from plan_cases import told
from search_cases import demo, demo_database, needs_kernels, queries

from af2cpu.errors import DatabaseError
from af2cpu.formats.features import read_features
from af2cpu.formats.stockholm import read_stockholm
from af2cpu.records import Query
from af2cpu.search import engine, indexing, msa
from af2cpu.search.databases import Database, select
from af2cpu.search.indexing import build_index, current_index
from af2cpu.search.msa import search_msas
from af2cpu.search.profiles import sequence_profile


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
