# SPDX-License-Identifier: Apache-2.0
"""Packing: nothing is lost, interrupted runs go on, damage and change are noticed."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from plan_cases import told
from search_cases import demo_database, needs_kernels, queries

from af2cpu.errors import DatabaseError, InputError
from af2cpu.search import engine, shards
from af2cpu.search.databases import Database, select
from af2cpu.search.index import Index, index_paths, load_index, make_index, packed_path, write_index
from af2cpu.search.indexing import build_index, current_index
from af2cpu.search.msa import MsaResult, search_msas
from af2cpu.search.packed import PackedFile, open_packed, pack
from af2cpu.search.packed.layout import write_end
from af2cpu.search.packed.reader import PackedReader
from af2cpu.search.packed.verify import verify_packed

pytestmark = needs_kernels
UBIQUITIN = queries("ubiquitin")[0]
ODD = (
    b"\n>stop codon at the end\nMKVLA*\n>empty\n>lower case\r\nmkvl \t\r\n\r\naw\r\n"
    b">  spaced name\nACDEFGHIKLMNPQRSTVWYBJZOUX\n>twin first\nMKV\n>twin second\nMKV\n"
    b">long\n" + b"M" * 100_001 + b"\n>longest\n" + b"MK" * 50_000 + b"\n>caf\xe9 \xff\nMKVLAWWW"
)
RECORDS = {
    b">stop codon at the end\nMKVLA*\n",
    b">lower case\r\nMKVLAW\n",
    b">  spaced name\nACDEFGHIKLMNPQRSTVWYBJZOUX\n",
    b">twin first\nMKV\n",
    b">twin second\nMKV\n",
    b">longest\n" + b"MK" * 50_000 + b"\n",
    b">caf\xe9 \xff\nMKVLAWWW\n",
}


@pytest.fixture
def fasta(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The demo UniRef90 in five chunks."""
    monkeypatch.setattr(pack, "CHUNK_SHARDS", 9)
    monkeypatch.setattr(pack, "PIECE_BYTES", 100_000)
    monkeypatch.setattr(shards, "SHARD_BYTES", 150_000)
    path = tmp_path / "db.fasta"
    path.write_bytes(demo_database("uniref90")[0].path.read_bytes())
    return path


def packed_file(fasta: Path) -> PackedFile:
    found = open_packed(fasta)
    assert found is not None
    return found


def records(packed: PackedFile) -> list[bytes]:
    with PackedReader(packed, ahead=1) as reader:
        parts = map(reader.read, range(len(packed.pieces)))
        texts = [part.fasta(np.array([lane])) for part in parts for lane in np.flatnonzero(part.lengths.reshape(-1))]
    return texts


def searched(fasta: Path, folder: Path) -> MsaResult:
    (result,) = search_msas([UBIQUITIN], [folder], [(Database("mine", fasta), current_index(fasta, 2))], 2)
    return result


def test_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "odd.fasta"
    path.write_bytes(ODD)
    found, index, made = pack.pack(path, 2)
    assert (found, made) == (path, True)
    assert (index.n_seq, [record.name for record in index.skipped]) == (8, ["long"])
    packed = packed_file(path)
    assert set(records(packed)) == RECORDS
    assert len(records(packed)) == len(RECORDS)
    assert (packed.origin.hash, packed.origin.n_res) == (index.hash, sum(piece.n_res for piece in packed.pieces))
    assert load_index(path) == build_index(path, 1) == index
    verify_packed(packed, 2)
    with PackedReader(packed, ahead=0) as reader:  # survivors come in the order of the file, duplicates too
        part = reader.read(0)
        twins = part.fasta(np.flatnonzero(part.lengths.reshape(-1) == 3)[::-1])
    assert twins == b">twin first\nMKV\n>twin second\nMKV\n"


@pytest.mark.parametrize("text", [b">only an empty record\n>and another\n", b">a\n" + b"M" * 100_001 + b"\n"])
def test_databases_without_targets(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "none.fasta"
    path.write_bytes(text)
    pack.pack(path, 2)
    assert packed_file(path).pieces == ()
    result = searched(path, tmp_path)
    assert (result.hits, result.rows, result.way) == (0, 1, "packed")


def test_chunks_are_sorted_and_complete(fasta: Path) -> None:
    pack.pack(fasta, 3)
    packed = packed_file(fasta)
    text = fasta.read_bytes()
    expected = sorted(b">" + record.split(b"\n", 1)[0] for record in text[1:].split(b"\n>"))
    assert sorted(record.split(b"\n")[0] for record in records(packed)) == expected
    chunks = {piece.headers for piece in packed.pieces}
    assert len(chunks) == 5
    assert len(packed.pieces) > 20
    with PackedReader(packed, ahead=2) as reader:
        for chunk in chunks:
            lengths = [reader.read(i).lengths.copy() for i, piece in enumerate(packed.pieces) if piece.headers == chunk]
            rows = np.concatenate([one.max(axis=1) for one in lengths])
            assert (np.diff(rows) >= 0).all()


_KILLED = """
import os, signal, sys
from pathlib import Path
from af2cpu.search import shards
from af2cpu.search.packed import pack
pack.CHUNK_SHARDS, pack.PIECE_BYTES, shards.SHARD_BYTES = 9, 100_000, 150_000
write, calls = pack._write_chunk, []
def killed(file, chunk, pool):
    calls.append(1)
    made = write(file, chunk, pool)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return made
pack._write_chunk = killed
pack.pack(Path(sys.argv[1]), 2)
"""


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_killed_half_way_and_repeated(fasta: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    whole = fasta.with_name("whole.fasta")
    whole.write_bytes(fasta.read_bytes())
    pack.pack(whole, 2)
    source = fasta.with_name(fasta.name + suffix)
    if suffix:
        source.write_bytes(gzip.compress(fasta.read_bytes(), 1))
        fasta.unlink()
    done = subprocess.run([sys.executable, "-c", _KILLED, str(source)], check=False)
    assert done.returncode == -signal.SIGKILL
    partial = packed_path(fasta).with_name(packed_path(fasta).name + ".partial")
    log = partial.with_name(partial.name + ".log")
    assert not packed_path(fasta).exists()
    log.write_bytes(log.read_bytes() + b'{"end": 12')  # a kill in the middle of a line
    write, calls = pack._write_chunk, []

    def counted(*arguments):  # type: ignore[no-untyped-def]
        calls.append(1)
        return write(*arguments)

    monkeypatch.setattr(pack, "_write_chunk", counted)
    assert pack.pack(source, 2)[2]
    assert len(calls) == 3  # of five: two were complete, and logged
    assert not partial.exists()
    assert not log.exists()
    assert packed_file(fasta).pieces == packed_file(whole).pieces
    end = packed_file(whole).pieces[-1].headers
    assert packed_path(fasta).read_bytes()[:end] == packed_path(whole).read_bytes()[:end]
    assert load_index(fasta).hash == load_index(whole).hash  # type: ignore[union-attr]
    assert pack.pack(source, 2)[2] is False
    assert len(calls) == 3


def test_parts_of_another_file_are_not_continued(fasta: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run([sys.executable, "-c", _KILLED, str(fasta)], check=False)
    fasta.write_bytes(fasta.read_bytes().replace(b"W", b"Y"))
    pack.pack(fasta, 2)
    assert not any(b"W" in record.split(b"\n")[1] for record in records(packed_file(fasta)))


def test_from_gz_without_the_fasta_file(fasta: Path, tmp_path: Path) -> None:
    plain = searched(fasta, tmp_path)
    expected, index = plain.path.read_bytes(), load_index(fasta)
    source = fasta.with_name("other.fasta.gz")
    source.write_bytes(gzip.compress(fasta.read_bytes(), 1))
    path, packed_index, _ = pack.pack(source, 2)
    assert path == tmp_path / "other.fasta"
    assert not path.exists()
    assert index is not None
    assert packed_index.shards == index.shards
    assert packed_index.hash == index.hash
    assert select(None, None, [f"mine={path}"]).msa == (Database("mine", path),)
    result = searched(path, tmp_path)
    assert (result.way, result.path.read_bytes()) == ("packed", expected)
    path.write_bytes(fasta.read_bytes())  # unpacked later on
    assert searched(path, tmp_path).way == "packed"
    with pytest.raises(InputError, match=r"other\.fasta is beside it"):
        pack.pack(source, 2)
    index_paths(path)[0].unlink()
    path.unlink()
    with pytest.raises(DatabaseError, match="the index that belongs to it is missing"):
        current_index(path, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b">a\nMKV\n", mtime=0)[:-9], "cut off or damaged"),
        (gzip.compress(b"", mtime=0), "empty"),
        (gzip.compress(b"MKV\n", mtime=0), "holds no FASTA"),
        (gzip.compress(b">a\nMKV\n>b\nM1\n", mtime=0), r"db\.fasta\.gz, record 2 \(b\): '1' is no residue"),
        (gzip.compress(b">a\nMKV\n>\nM\n", mtime=0), "the record has no name"),
    ],
)
def test_broken_gz_files(tmp_path: Path, content: bytes, message: str) -> None:
    source = tmp_path / "db.fasta.gz"
    source.write_bytes(content)
    with pytest.raises(InputError, match=message):
        pack.pack(source, 2)
    assert not packed_path(tmp_path / "db.fasta").exists()
    assert not index_paths(tmp_path / "db.fasta")[0].exists()


def flipped(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 0x10
    path.write_bytes(content)


@pytest.mark.parametrize("where", ["first block", "last block", "tables", "header", "directory", "end", "cut off"])
def test_damage_is_noticed(fasta: Path, tmp_path: Path, where: str) -> None:
    pack.pack(fasta, 2)
    packed, path = packed_file(fasta), packed_path(fasta)
    piece = packed.pieces[9]
    size, blocks = path.stat().st_size, piece.offset + piece.tables_bytes
    place, message = {
        "first block": (blocks + 3, f"piece 9, block 0, bytes {blocks:,} to "),
        "last block": (piece.offset + piece.n_bytes - 1, f"piece 9, block {piece.n_blocks - 1}, bytes "),
        "tables": (piece.offset + 700, "the tables of piece 9 differ"),
        "header": (piece.headers + 20, "a header differs from its checksum"),
        "directory": (size - 100, "the checksum of its directory differs"),
        "end": (size - 30, "its end is missing"),
        "cut off": (0, "its end is missing"),
    }[where]
    if where == "cut off":
        path.write_bytes(path.read_bytes()[:-1000])
    else:
        flipped(path, place)
    with pytest.raises(DatabaseError, match=r"db\.fasta\.af2cpu-packed: the packed database is damaged") as caught:
        verify_packed(packed_file(fasta), 2)
    assert message in str(caught.value)
    assert "make it again with af2cpu db pack" in str(caught.value)
    if where != "header":  # headers are read for targets that survive the filter alone
        with pytest.raises(DatabaseError, match="damaged"):
            searched(fasta, tmp_path)
    with told("warning") as warnings:
        path.unlink() if where in {"first block", "last block", "tables", "header"} else None
        assert pack.pack(fasta, 2)[2]
    assert bool(warnings) == (where in {"directory", "end", "cut off"})
    verify_packed(packed_file(fasta), 2)


def test_cut_off_while_it_is_read(fasta: Path) -> None:
    pack.pack(fasta, 2)
    packed = packed_file(fasta)
    os.truncate(packed.path, packed.pieces[5].offset + 10)
    with PackedReader(packed, ahead=1) as reader, pytest.raises(DatabaseError, match="it is cut off"):
        reader.read(5)


def _of_other_bytes(fasta: Path) -> Index:
    """The index of a database of the same size and counts."""
    index = load_index(fasta)
    assert index is not None
    shards = tuple(replace(shard, hash=shard.hash[::-1]) for shard in index.shards)
    return make_index(shards[-1].offset + shards[-1].length, index.mtime_ns, shards, index.ends_with_newline)


def test_a_fasta_file_that_has_changed(fasta: Path, tmp_path: Path) -> None:
    pack.pack(fasta, 2)
    assert searched(fasta, tmp_path).way == "packed"
    fasta.write_bytes(fasta.read_bytes() + b">new\n" + UBIQUITIN.sequence.encode() + b"\n")
    with pytest.raises(DatabaseError, match="when it was indexed"):
        searched(fasta, tmp_path)
    build_index(fasta, 2)
    with told("warning") as warnings:
        result = searched(fasta, tmp_path)
    assert "was made of another version of the database" in warnings[0].text
    assert result.way == "plain"
    assert b"new/" in result.path.read_bytes()
    assert pack.pack(fasta, 2)[2]
    assert searched(fasta, tmp_path).way == "packed"
    text = fasta.read_bytes()
    fasta.write_bytes(text.replace(b"W", b"Y"))
    with pytest.raises(DatabaseError, match="have changed since it was indexed"):
        pack.pack(fasta, 2)
    fasta.unlink()
    write_index(_of_other_bytes(fasta), index_paths(fasta)[0])
    with pytest.raises(DatabaseError, match="was made of another version"):
        searched(fasta, tmp_path)


def test_two_processes_do_not_pack_the_same_file(fasta: Path) -> None:
    partial = packed_path(fasta).with_name(packed_path(fasta).name + ".partial")
    with (
        pack._locked(partial, fasta),
        pytest.raises(DatabaseError, match="is being packed by another process"),
    ):
        pack.pack(fasta, 2)


def test_too_little_room(fasta: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("af2cpu.download.space.free_bytes", lambda folder: 1_000_000)
    with pytest.raises(InputError, match=r"db\.fasta\.af2cpu-packed: the packed database: needs .* GB in "):
        pack.pack(fasta, 2)


def test_without_kernels(fasta: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack.pack(fasta, 2)
    monkeypatch.setattr("af2cpu.ops.isa.built", lambda: False)
    monkeypatch.setattr(engine, "is_fast", lambda: False)
    assert searched(fasta, tmp_path).way == "without screen"
    with pytest.raises(InputError, match="has no kernels"):
        pack.pack(fasta, 2)
    fasta.unlink()
    with pytest.raises(DatabaseError, match="only its packed file is there"):
        searched(fasta, tmp_path)


@pytest.mark.parametrize("shard_bytes", [3_000, 70_000, 10_000_000])
def test_a_stream_is_cut_as_a_file(fasta: Path, monkeypatch: pytest.MonkeyPatch, shard_bytes: int) -> None:
    monkeypatch.setattr(shards, "SHARD_BYTES", shard_bytes)
    text = fasta.read_bytes()
    expected = [(start, text[start : start + length]) for start, length in shards.boundaries(fasta, len(text))]
    with fasta.open("rb") as stream:
        assert list(shards.streamed_shards(stream)) == expected


@pytest.mark.parametrize("wrong", [{"n_groups": 1 << 40}, {"offset": 1 << 50}, {"headers": 1 << 40}, {"n_blocks": -1}])
def test_a_directory_that_names_places_outside_of_the_file(fasta: Path, wrong: dict[str, int]) -> None:
    """Under a right checksum. Found by fuzzing: it asked for memory of the size that it says."""
    pack.pack(fasta, 1)
    packed, path = packed_file(fasta), packed_path(fasta)
    *others, last = packed.pieces
    with path.open("r+b") as file:
        content = file.read()
        file.truncate(int.from_bytes(content[-16:-8], "little"))  # where the directory begins
        write_end(file, packed.origin, [*others, replace(last, **wrong)])
    with pytest.raises(DatabaseError, match="its directory names places outside of the file"):
        open_packed(fasta)
