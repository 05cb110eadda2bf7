# SPDX-License-Identifier: Apache-2.0
"""Full disks: a small tmpfs that fills up at a write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from machine_cases import SmallDisk, small_disk
from program_cases import Program, features, files, predict

from af2cpu.formats.streams import HIDDEN

MB = 1 << 20
FULL = "No space left on device"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 400 * MB) as one:
        yield one


def half_files(out: Path, expected: dict[str, bytes]) -> list[str]:
    """Files under a final name that are not as they should be; records of times and settings apart."""
    found = files(out) if out.exists() else {}
    return [name for name, content in found.items() if content != expected.get(name)]


@pytest.mark.fault(
    30, "exit code 1 and a line that names the file; no half file under a final name; the next run goes on"
)
@pytest.mark.fault("disk full", "the line names the file that could not be written")
@pytest.mark.parametrize("size", [8 << 10, 16 << 10, 28 << 10])
def test_features_on_a_small_disk(source: Path, expected: dict[str, bytes], tmp_path: Path, size: int) -> None:
    with small_disk(tmp_path / "disk", size) as disk:
        command = features(source, disk.place / "out", "--workers", 1)
        output = Program(tmp_path / "log", *command, prefix=disk.prefix).end(1)
        assert FULL in output
        assert any(FULL in line and str(disk.place) in line for line in output.splitlines())
        assert "Traceback" not in output
        assert not list((disk.seen / "out").rglob("*.tmp"))
        made = [path.name for path in (disk.seen / "out").rglob("features.npz")]
        assert made == [] or (disk.seen / "out/a/features.npz").read_bytes() == expected.get("a/features.npz")
        disk.resize(64 * MB)
        Program(tmp_path / "log", *command, prefix=disk.prefix).end()
        assert (disk.seen / "out/a/features.npz").read_bytes() == expected["a/features.npz"]


@pytest.mark.slow
@pytest.mark.fault(30)
@pytest.mark.fault("disk full")
@pytest.mark.parametrize("stage", ["features", "prediction", "ranked", "plots", "run record", "report"])
@pytest.mark.parametrize("left", [0, 12 << 10])
def test_a_disk_that_fills_up_before_a_stage(
    source: Path, expected: dict[str, bytes], tmp_path: Path, disk: SmallDisk, stage: str, left: int
) -> None:
    command = predict(source, disk.place / "out", "--workers", 1, "--threads", 1)
    run = Program(tmp_path / "log", *command, prefix=disk.prefix, faults=[[stage, "a", "hold", 1]])
    run.until((tmp_path / "log/fault-0-0").exists)
    disk.leave(left)
    (tmp_path / "log/go").touch()
    output = run.end(1)
    assert any(FULL in line and str(disk.place) in line for line in output.splitlines()), output
    assert "Traceback" not in output
    assert half_files(disk.seen / "out", expected) == []
    assert not list((disk.seen / "out").rglob("*.tmp"))
    (disk.seen / "filler").unlink()
    Program(tmp_path / "log", *command, prefix=disk.prefix).end()
    assert files(disk.seen / "out") == expected
    assert not list((disk.seen / "out/a" / HIDDEN).glob("*.attempt"))


@pytest.mark.fault(30)
@pytest.mark.fault("disk full")
def test_an_index_and_a_download_on_a_small_disk(tmp_path: Path) -> None:
    from search_cases import demo_database

    database = demo_database("uniref90")[0].path
    with small_disk(tmp_path / "disk", database.stat().st_size + (4 << 10)) as disk:
        copy = disk.seen / "mine.fasta"
        copy.write_bytes(database.read_bytes())
        disk.leave(0)
        output = Program(tmp_path / "log", "db", "index", disk.place / "mine.fasta", prefix=disk.prefix).end(1)
        line = output.splitlines()[-1]
        assert line.startswith(f"error: {disk.place}/mine.fasta.af2cpu-index.json"), output
        assert FULL in line
        assert not list(disk.seen.glob("*index.json"))
