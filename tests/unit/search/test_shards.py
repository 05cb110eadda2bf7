"""However the database is cut, on however many threads, by stream or by blocks: the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from plan_cases import told
from pyhmmer.easel import DigitalSequenceBlock
from pyhmmer.plan7 import OptimizedProfile
from search_cases import demo_database, queries

from af2cpu import events
from af2cpu.records import Query
from af2cpu.search import engine, msa, shards
from af2cpu.search.databases import Database
from af2cpu.search.index import Index
from af2cpu.search.indexing import build_index


def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shard_bytes: int) -> tuple[Database, Index]:
    database, _ = demo_database("uniref90")
    path = tmp_path / "uniref90.fasta"
    path.write_bytes(database.path.read_bytes())
    monkeypatch.setattr(shards, "SHARD_BYTES", shard_bytes)
    return Database("uniref90", path), build_index(path, 2)


def files(
    found: list[Query], folder: Path, databases: list[tuple[Database, Index]], threads: int, **options
) -> list[bytes]:  # type: ignore[no-untyped-def]
    folders = [folder / query.name for query in found]
    for path in folders:
        path.mkdir(parents=True, exist_ok=True)
    results = msa.search_msas(found, folders, databases, threads, **options)
    return [result.path.read_bytes() for result in results]


@pytest.mark.parametrize(("shard_bytes", "threads"), [(1 << 20, 1), (100_000, 3), (3_000, 8)])
@pytest.mark.parametrize("by_blocks", [False, True])
def test_sharded_equals_serial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shard_bytes: int, threads: int, by_blocks: bool
) -> None:
    found = queries("ubiquitin", "crambin")
    whole = files(
        found,
        tmp_path / "whole",
        [(Database("uniref90", demo_database("uniref90")[0].path), demo_database("uniref90")[1])],
        1,
    )
    monkeypatch.setattr(engine, "_BLOCK_PROFILES", 0 if by_blocks else 99)
    monkeypatch.setattr(engine, "_MERGE", 3)
    database, index = copied(tmp_path, monkeypatch, shard_bytes)
    assert len(index.shards) > 2_700_000 // (shard_bytes + 10_000)
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


def test_a_screen_that_keeps_all_survivors_keeps_the_result(tmp_path: Path) -> None:
    found = queries("ubiquitin", "lysozyme")
    plain = files(found, tmp_path / "plain", [demo_database("uniref90")], 2)
    hits = {
        line.split()[1].split("/")[0]
        for text in plain
        for line in text.decode().splitlines()
        if line.startswith("#=GS")
    }
    seen = [0, 0]

    def screen(profile: OptimizedProfile, targets: DigitalSequenceBlock) -> DigitalSequenceBlock:
        kept = [target for i, target in enumerate(targets) if target.name in hits or i % 50 == 0]
        seen[0] += len(targets)
        seen[1] += len(kept)
        return DigitalSequenceBlock(engine.ALPHABET, kept)

    assert files(found, tmp_path / "screened", [demo_database("uniref90")], 2, screen=screen) == plain
    assert seen[1] < 0.1 * seen[0]


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
