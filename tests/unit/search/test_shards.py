# SPDX-License-Identifier: Apache-2.0
"""However the database is cut, on however many threads, packed or not, with the filter or without: the same bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from plan_cases import told
from search_cases import capped, demo_database, needs_kernels, queries

from af2cpu import events
from af2cpu.records import Query
from af2cpu.search import engine, hits, msa, searchers, shards
from af2cpu.search.databases import Database
from af2cpu.search.index import Index
from af2cpu.search.indexing import build_index
from af2cpu.search.msv import MsvFilter
from af2cpu.search.packed import pack


def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shard_bytes: int) -> tuple[Database, Index]:
    database, _ = demo_database("uniref90")
    path = tmp_path / "uniref90.fasta"
    path.write_bytes(database.path.read_bytes())
    monkeypatch.setattr(shards, "SHARD_BYTES", shard_bytes)
    return Database("uniref90", path), build_index(path, 2)


def files(found: list[Query], folder: Path, databases: list[tuple[Database, Index]], threads: int) -> list[bytes]:
    folders = [folder / query.name for query in found]
    for path in folders:
        path.mkdir(parents=True, exist_ok=True)
    results = msa.search_msas(found, folders, databases, threads)
    return [result.path.read_bytes() for result in results]


@pytest.mark.parametrize(("shard_bytes", "threads"), [(1 << 20, 1), (100_000, 3), (3_000, 8)])
@pytest.mark.parametrize(
    "way",
    [pytest.param("packed", marks=needs_kernels), pytest.param("plain", marks=needs_kernels), "by stream", "by blocks"],
)
def test_in_parts_equals_serial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shard_bytes: int, threads: int, way: str
) -> None:
    found = queries("ubiquitin", "crambin")
    monkeypatch.setattr(engine, "is_fast", lambda: False)
    whole = files(found, tmp_path / "whole", [capped("uniref90", None)], 1)
    monkeypatch.setattr(engine, "is_fast", lambda: way in {"packed", "plain"})
    monkeypatch.setattr(searchers, "_BLOCK_PROFILES", 0 if way == "by blocks" else 99)
    monkeypatch.setattr(searchers, "_WAITING_BYTES", 5_000)
    monkeypatch.setattr(hits, "_MERGE", 3)
    monkeypatch.setattr(pack, "PIECE_BYTES", shard_bytes)
    monkeypatch.setattr(pack, "CHUNK_SHARDS", 3)
    database, index = copied(tmp_path, monkeypatch, shard_bytes)
    assert len(index.shards) > 2_700_000 // (shard_bytes + 10_000)
    if way == "packed":
        pack.pack(database.path, 2)
        database.path.write_bytes(b"")  # the packed file has all that is needed
    assert files(found, tmp_path / "parts", [(database, index)], threads) == whole


def test_many_queries_and_databases_share_a_pass(tmp_path: Path) -> None:
    found = queries()
    names = ("uniref90", "small_bfd", "mgnify")
    together = files(found, tmp_path / "together", [demo_database(name) for name in names], 2)
    alone = [
        text for query in found for name in names for text in files([query], tmp_path / name, [demo_database(name)], 1)
    ]
    assert together == alone


def test_without_the_whole_databases_size_the_result_would_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = queries("gb1")
    database, index = demo_database("uniref90")
    right = files(found, tmp_path / "a", [(Database("x", database.path), index)], 1)
    monkeypatch.setattr(
        engine.Task,
        "pipeline",
        lambda task: engine.Pipeline(engine.ALPHABET, seed=42, Z=10**9, E=1e-4, incE=1e-4, F1=5e-4, F2=5e-5, F3=5e-7),
    )
    assert files(found, tmp_path / "b", [(Database("x", database.path), index)], 1) != right


@needs_kernels
@pytest.mark.parametrize("packed", [False, True])
def test_few_targets_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool) -> None:
    found = queries("ubiquitin", "lysozyme")
    database, index = copied(tmp_path, monkeypatch, 1 << 20)
    if packed:
        pack.pack(database.path, 2)
    results = list(msa.search_msas(found, [tmp_path] * 2, [(database, index)], 2))
    for result in results:
        assert result.way == ("packed" if packed else "plain")
        assert result.hits <= result.passed < 0.1 * index.n_seq
    monkeypatch.setattr(engine, "is_fast", lambda: False)
    for result in msa.search_msas(found, [tmp_path] * 2, [(database, index)], 2):
        assert (result.way, result.passed) == ("without screen", index.n_seq)


@needs_kernels
def test_a_filter_that_loses_a_hit_would_be_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = queries("ubiquitin")
    right = files(found, tmp_path / "right", [demo_database("uniref90")], 2)

    class Losing(MsvFilter):
        def survivors(self, *args):  # type: ignore[no-untyped-def]
            passed = super().survivors(*args)
            passed[0, np.flatnonzero(passed[0])[:1]] = False
            return passed

    monkeypatch.setattr(engine, "MsvFilter", Losing)
    assert files(found, tmp_path / "wrong", [demo_database("uniref90")], 2) != right


def test_progress_reaches_the_end(tmp_path: Path) -> None:
    with told("progress") as found:
        files(queries("gb1"), tmp_path, [demo_database("uniref90")], 2)
    n_res = demo_database("uniref90")[1].n_res
    assert (found[-1].text, found[-1].numbers) == ("uniref90", {"done": n_res, "total": n_res})


def test_ctrl_c_stops_the_threads(tmp_path: Path) -> None:
    def interrupt(event: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), events.listening(interrupt):
        files(queries("gb1"), tmp_path, [demo_database("uniref90")], 2)
    assert not list(tmp_path.glob("*/*"))
