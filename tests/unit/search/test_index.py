# SPDX-License-Identifier: Apache-2.0
"""The index: counts, shards, hash, where it is kept, and that an interrupted indexing goes on."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import NoReturn

import pytest
from search_cases import demo_database

from af2cpu.errors import DatabaseError
from af2cpu.search import indexing, shards
from af2cpu.search.index import SUFFIX, index_paths, load_index
from af2cpu.search.indexing import build_index, current_index, verify
from af2cpu.search.scan import scan


@pytest.fixture
def fasta(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(shards, "SHARD_BYTES", 50_000)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "db.fasta"
    path.write_bytes(demo_database("small_bfd")[0].path.read_bytes())
    return path


def test_counts_shards_and_hash(fasta: Path) -> None:
    index = build_index(fasta, 3)
    text = fasta.read_text()
    records = text.split(">")[1:]
    assert index.n_seq == len(records)
    assert index.n_res == sum(len("".join(record.split("\n")[1:])) for record in records)
    assert index.ends_with_newline
    assert len(index.shards) > 15
    ends = [shard.offset + shard.length for shard in index.shards]
    assert [0, *ends[:-1]] == [shard.offset for shard in index.shards]
    assert ends[-1] == index.size == len(text)
    assert all(text[shard.offset] == ">" for shard in index.shards)
    assert load_index(fasta) == index
    fasta.write_text(text.replace("W", "Y", 1))
    assert build_index(fasta, 1).hash != index.hash


def test_an_interrupted_indexing_goes_on(fasta: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = build_index(fasta, 1)
    index_paths(fasta)[0].unlink()
    count = indexing._counted
    calls: list[int] = []

    def interrupted(path: Path, offset: int, length: int):  # type: ignore[no-untyped-def]
        calls.append(offset)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return count(path, offset, length)

    monkeypatch.setattr(indexing, "_counted", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build_index(fasta, 1)
    partial = fasta.with_name(index_paths(fasta)[0].name + ".partial")
    assert partial.exists()
    partial.write_bytes(partial.read_bytes() + b'{"offset": 12')  # a kill in the middle of a line
    first, calls[:] = set(calls[:-1]), []
    calls.extend(range(100, 108))  # no further interruption
    assert build_index(fasta, 1) == whole
    again = set(calls[8:])
    assert len(again & first) <= 3  # what was in flight
    assert len(again) < len(whole.shards) - 3
    assert not partial.exists()


def test_a_folder_that_can_not_be_written(fasta: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path != fasta.parent)
    index = build_index(fasta, 2)
    beside, cache = index_paths(fasta)
    assert not beside.exists()
    assert cache.exists()
    assert current_index(fasta, 2) == index


@pytest.mark.parametrize("home", ["a file", "a home that can't be written", "none"])
def test_neither_folder_can_be_written(fasta: Path, monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    """As in containers: databases are mounted read-only, the user has no home, or none that can be written."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    if home == "a file":
        monkeypatch.setenv("XDG_CACHE_HOME", str(fasta))
    elif home == "none":
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.delenv("HOME")
        monkeypatch.setattr(pwd, "getpwuid", _no_entry)
        assert index_paths(fasta) == (fasta.with_name(fasta.name + SUFFIX),)
    with pytest.raises(DatabaseError, match=r"db\.fasta: its index can't be written.*; set XDG_CACHE_HOME") as raised:
        current_index(fasta, 2)
    assert str(fasta.parent) in str(raised.value)
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(fasta.parent / "cache"))
    current_index(fasta, 2)


def _no_entry(number: int) -> NoReturn:
    raise KeyError(f"getpwuid(): uid not found: {number}")


def test_only_the_time_has_changed(fasta: Path) -> None:
    index = build_index(fasta, 2)
    os.utime(fasta, (1, 1))
    again = current_index(fasta, 2)
    assert (again.hash, again.mtime_ns) == (index.hash, 10**9)
    assert load_index(fasta) == again


def test_verify_names_the_place(fasta: Path) -> None:
    index = build_index(fasta, 2)
    verify(fasta, index, 2)
    content = bytearray(fasta.read_bytes())
    place = index.shards[4].offset + 60
    content[place] = ord("A") if content[place] != ord("A") else ord("C")
    fasta.write_bytes(content)
    with pytest.raises(DatabaseError, match=f"bytes {index.shards[4].offset:,} to .* have changed"):
        verify(fasta, index, 2)


def test_scan_of_hand() -> None:
    found = scan(b"\n>a b\nMKV\nLA*\n>empty\n>c\r\nmk X\r\n")
    assert (found.n_seq, found.n_res, found.skipped) == (3, 9, ())
    assert scan(b">a\nMK").n_res == 2
