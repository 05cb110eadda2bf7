# SPDX-License-Identifier: Apache-2.0
"""Indexes and logs of indexing that are damaged or edited: nothing in them is believed unchecked."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from search_cases import demo_database
from typer.testing import CliRunner

from af2cpu.cli import app
from af2cpu.errors import DatabaseError
from af2cpu.search import indexing
from af2cpu.search.index import Index, index_paths, load_index
from af2cpu.search.indexing import build_index


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    path = tmp_path / "mine.fasta"
    path.write_bytes(demo_database("uniref90")[0].path.read_bytes())
    return path


def _without_a_shard(fields: dict[str, Any]) -> None:
    del fields["shards"][2]


def _another_count(fields: dict[str, Any]) -> None:
    fields["shards"][1]["n_seq"] += 1


def _another_count_everywhere(fields: dict[str, Any]) -> None:
    fields["shards"][1]["n_res"] += 10
    fields["n_res"] += 10


def _without_the_last_shard(fields: dict[str, Any]) -> None:
    """And all sums as they would be then."""
    last = fields["shards"].pop()
    for name in ("n_seq", "n_res"):
        fields[name] -= last[name]
    fields["size"] -= last["length"]


def _skipped(fields: dict[str, Any]) -> None:
    fields["shards"][0]["skipped"] = [{"offset": 0, "length": 500, "n_res": 400}]


def _text(fields: dict[str, Any]) -> None:
    fields["shards"][0]["length"] = "many"


HARMS = [_without_a_shard, _another_count, _another_count_everywhere, _without_the_last_shard, _skipped, _text]


@pytest.mark.fault("database index", "error that says how to make the index again; also af2cpu db verify fails")
@pytest.mark.parametrize("harm", HARMS)
def test_an_index_that_was_changed_is_not_believed(fasta: Path, harm: Callable[[dict[str, Any]], None]) -> None:
    build_index(fasta, 2)
    path = index_paths(fasta)[0]
    fields = orjson.loads(path.read_bytes())
    harm(fields)
    path.write_bytes(orjson.dumps(fields))
    with pytest.raises(DatabaseError, match=r"the index is damaged.*make it again with af2cpu db index"):
        load_index(fasta)
    result = CliRunner().invoke(app, ["db", "verify", str(fasta)])
    assert result.exit_code == 2, result.output
    assert "the index is damaged" in result.stderr


@pytest.mark.fault("database index")
@pytest.mark.parametrize("harm", [_without_a_shard, _another_count, _text])
def test_without_its_checksum_the_sums_tell(fasta: Path, harm: Callable[[dict[str, Any]], None]) -> None:
    """An index of an older version has no checksum."""
    build_index(fasta, 2)
    path = index_paths(fasta)[0]
    fields = orjson.loads(path.read_bytes())
    del fields["check"]
    path.write_bytes(orjson.dumps(fields))
    assert load_index(fasta) == build_index(fasta, 2)
    fields = orjson.loads(path.read_bytes())
    del fields["check"]
    harm(fields)
    path.write_bytes(orjson.dumps(fields))
    with pytest.raises(DatabaseError, match="the index is damaged"):
        load_index(fasta)


def _interrupted(fasta: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The log of an indexing that was interrupted after a few shards."""
    count, calls = indexing._counted, []

    def interrupted(path: Path, offset: int, length: int):  # type: ignore[no-untyped-def]
        calls.append(offset)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return count(path, offset, length)

    with monkeypatch.context() as patch:
        patch.setattr(indexing, "_counted", interrupted)
        with pytest.raises(KeyboardInterrupt):
            build_index(fasta, 1)
    partial = index_paths(fasta)[0]
    return partial.with_name(partial.name + ".partial")


@pytest.mark.fault("partial index", "the log is begun anew, the index is right")
def test_a_damaged_log_of_indexing_gives_no_wrong_index(fasta: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutants of the log: numbers changed, bytes flipped, lines cut, joined and doubled."""
    expected: Index = build_index(fasta, 2)
    index_paths(fasta)[0].unlink()
    partial = _interrupted(fasta, monkeypatch)
    whole = partial.read_bytes()
    assert whole.count(b"\n") > 3
    rng = random.Random(0)
    for _ in range(60):
        content = bytearray(whole)
        match rng.randrange(4):
            case 0:
                digits = [place for place, byte in enumerate(content) if chr(byte).isdecimal()]
                content[rng.choice(digits)] = rng.choice(b"0123456789")
            case 1:
                content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
            case 2:
                del content[rng.randrange(len(content)) :]
            case 3:
                lines = content.splitlines(keepends=True)
                rng.shuffle(lines)
                content = bytearray(b"".join(lines))
        partial.write_bytes(content)
        assert build_index(fasta, 2) == expected
        assert not partial.exists()
        index_paths(fasta)[0].unlink()
