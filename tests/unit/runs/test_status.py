# SPDX-License-Identifier: Apache-2.0
"""status.json: one file for each run, their sum, runs that died; `af2cpu status` prints it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from plan_cases import search_plan
from search_cases import demo_database, queries
from typer.testing import CliRunner

from af2cpu import events
from af2cpu.cli import app
from af2cpu.commands.status import status_lines
from af2cpu.errors import InputError
from af2cpu.pipeline.graph import Cost, Item, Node
from af2cpu.pipeline.listeners.status import Remaining
from af2cpu.pipeline.run import run
from af2cpu.pipeline.stages import STAGES
from af2cpu.runs.exclusive import exclusive
from af2cpu.runs.records import read_record
from af2cpu.runs.status import Counts, Failed, RunFile, Running, RunStatus, read_status
from af2cpu.search.databases import DatabaseSet
from af2cpu.workspace import Work

DATABASES = DatabaseSet((demo_database("uniref90")[0],), None, None, None)
(GB1,), (CRAMBIN,) = queries("gb1"), queries("crambin")
NOW = datetime.now().astimezone()


def status_of(file: RunFile, **more: Any) -> RunStatus:
    fields = {"command": "af2cpu predict", "host": socket.gethostname(), "pid": os.getpid(), "state": "running"}
    fields |= {"id": file.id, "locked": file.locked, "started": NOW, "updated": NOW}
    return RunStatus(**fields | more)


def counts(out: Path) -> Counts:
    return read_status(out).counts


def test_a_run_leaves_its_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage, seen = STAGES["features"], []

    def looking(works: Sequence[Work[Any]], cores: int) -> Iterator[Any]:
        if works[0].task.query.name == "crambin":
            raise RuntimeError("no luck")
        (path,) = (tmp_path / ".af2cpu/runs").glob("*.json")
        seen.append((read_record(RunStatus, path), read_status(tmp_path)))
        yield from stage.make(works, cores)

    monkeypatch.setitem(STAGES, "features", replace(stage, make=looking))  # type: ignore[arg-type]
    run(search_plan(tmp_path, [GB1, CRAMBIN], DATABASES))
    assert [(one.state, folder.state) for one, folder in seen] == [("running", "running")]
    found = read_status(tmp_path)
    assert found.counts == Counts(2, done=1, running=0, waiting=0, failed=1, unfinished=0)
    assert found.failed == (Failed("crambin", "features", "RuntimeError: no luck"),)
    assert (found.state, found.estimated_end) == ("ended", None)
    assert json.loads((tmp_path / "status.json").read_bytes())["counts"]["done"] == 1
    assert not list((tmp_path / ".af2cpu/runs").glob("*-*.lock"))
    monkeypatch.setitem(STAGES, "features", stage)  # type: ignore[arg-type]
    run(search_plan(tmp_path, [GB1, CRAMBIN], DATABASES))
    found = read_status(tmp_path)
    assert found.counts == Counts(2, 2, 0, 0, 0, 0)
    assert len(found.runs) == 1  # the first one is replaced


def test_stages_in_work_are_told_while_they_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("af2cpu.pipeline.listeners.throttle._INTERVAL", 0.01)
    stage, written = STAGES["features"], threading.Event()

    def slow(works: Sequence[Work[Any]], cores: int) -> Iterator[Any]:
        path = tmp_path / "status.json"
        while not written.wait(0.01):
            content = json.loads(path.read_bytes())
            if [one["stage"] for one in content["running"]] == ["features"]:
                assert [one["target"] for one in content["running"]] == ["gb1"]
                assert content["estimated_end"] is not None
                written.set()
        yield from stage.make(works, cores)

    monkeypatch.setitem(STAGES, "features", replace(stage, make=slow))  # type: ignore[arg-type]
    assert run(search_plan(tmp_path, [GB1], DATABASES))[0].error is None
    assert written.is_set()


def test_an_error_of_the_whole_run_is_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> Iterator[Any]:
        raise KeyboardInterrupt

    monkeypatch.setitem(STAGES, "features", replace(STAGES["features"], make=interrupted))  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        run(search_plan(tmp_path, [GB1, CRAMBIN], DATABASES))
    found = read_status(tmp_path)
    assert (found.state, found.runs[0].reason) == ("stopped", "interrupted")
    assert found.counts == Counts(2, 0, 0, 0, 0, unfinished=2)
    assert not [listener for listener in events._listeners if "Status" in type(listener).__name__]


def test_shards_on_one_folder_are_summed(tmp_path: Path) -> None:
    one, two = RunFile(tmp_path), RunFile(tmp_path)
    one.write(status_of(one, done=("a",), waiting=("b",), estimated_end=NOW + timedelta(hours=1)))
    two.write(status_of(two, running=(Running("c", "msa", NOW),), failed=(Failed("d", "msa", "no luck"),)))
    assert counts(tmp_path) == Counts(4, done=1, running=1, waiting=1, failed=1, unfinished=0)
    one.write(status_of(one, done=("a", "b"), state="ended"))
    found = read_status(tmp_path)
    assert (found.state, found.counts.done, found.estimated_end) == ("running", 2, None)
    two.write(status_of(two, done=("c", "d"), state="ended"))
    assert json.loads((tmp_path / "status.json").read_bytes())["counts"]["done"] == 4
    assert read_status(tmp_path).state == "ended"
    third = RunFile(tmp_path)
    third.drop_replaced(frozenset("abc"))  # a run of another shard's target stays
    third.write(status_of(third, started=NOW + timedelta(hours=2), waiting=("a", "b", "c")))
    assert counts(tmp_path) == Counts(4, done=1, running=0, waiting=3, failed=0, unfinished=0)
    assert len(read_status(tmp_path).runs) == 2


def test_a_target_of_another_run_is_not_failed(tmp_path: Path) -> None:
    one, two = RunFile(tmp_path), RunFile(tmp_path)
    one.write(status_of(one, running=(Running("a", "msa", NOW),)))
    locked = Failed("a", "lock", "another run is at work here")
    two.write(status_of(two, started=NOW + timedelta(seconds=9), failed=(locked,), state="ended"))
    assert counts(tmp_path) == Counts(1, done=0, running=1, waiting=0, failed=0, unfinished=0)


def test_a_killed_run_is_told_as_such(tmp_path: Path) -> None:
    code = (
        "import sys, time; sys.path.append('tests/unit/runs')\n"
        "from pathlib import Path; from test_status import *\n"
        f"file = RunFile(Path({str(tmp_path)!r}))\n"
        "file.write(status_of(file, running=(Running('a', 'msa', NOW),), waiting=('b',)))\n"
        "print('written', flush=True); time.sleep(60)"
    )
    folders = ":".join(str(Path.cwd() / name) for name in ("", "tests", "scripts/demo"))
    environment = os.environ | {"PYTHONPATH": folders}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        assert read_status(tmp_path).state == "running"
        process.send_signal(signal.SIGKILL)
    found = read_status(tmp_path)
    assert found.state == "died"
    assert f"process {process.pid}" in found.runs[0].reason
    assert found.counts == Counts(2, 0, 0, 0, 0, unfinished=2)
    assert found.running == ()


@pytest.mark.parametrize(("age", "state"), [(60, "running"), (600, "died")])
def test_a_run_elsewhere_without_a_lock_lives_by_its_heartbeat(tmp_path: Path, age: int, state: str) -> None:
    file, updated = RunFile(tmp_path), datetime.now().astimezone() - timedelta(seconds=age)
    there = status_of(file, host="elsewhere", locked=False, updated=updated, waiting=("a",))
    file.write(there)
    assert read_status(tmp_path).state == state


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with exclusive(tmp_path / "lock", wait=False) as first, exclusive(tmp_path / "lock", wait=False) as second:
        assert (first, second) == (True, False)
    with exclusive(tmp_path / "lock", wait=False) as again:
        assert again


def node(name: str, stage: str, seconds: float) -> Node:
    return Node(name, stage, (Item(None, {name: None}),), Cost(seconds))


def test_the_end_is_estimated_from_what_was_measured() -> None:
    nodes = [node(f"p{k}", "prediction", 10.0) for k in range(4)] + [node("r", "report", 1.0)]
    remaining = Remaining(nodes)
    assert remaining.seconds(0.0, {}) == pytest.approx(41.0)
    remaining.finished(nodes[0], 0.0, made=False)  # an earlier run's: it says nothing about the speed
    assert remaining.seconds(1.0, {}) == pytest.approx(31.0)
    remaining.finished(nodes[1], 20.0, made=True)  # twice as slow as planned
    assert remaining.seconds(20.0, {}) == pytest.approx(42.0)
    assert remaining.seconds(25.0, {"p2": 5.0}) == pytest.approx(37.0)
    assert remaining.seconds(10.0, {}) == pytest.approx(21.0)  # two at a time
    remaining.drop(nodes[2])
    assert remaining.seconds(20.0, {}) == pytest.approx(22.0)


def test_the_command_prints_it_in_80_columns(tmp_path: Path) -> None:
    file = RunFile(tmp_path)
    failed = tuple(Failed(f"{'long_name' * 9}{k}", "template hits", "a reason " * 20) for k in range(25))
    running = (Running("trp_cage", "prediction", NOW),)
    file.write(status_of(file, done=("a",), running=running, failed=failed, estimated_end=NOW + timedelta(hours=3)))
    lines = list(status_lines("out", read_status(tmp_path), NOW))
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("out: running, ends about ")
    assert lines[1] == "  27 targets: 1 done, 1 running, 0 waiting, 25 failed"
    assert lines[-1].strip() == "and 5 more; --json has all"
    result = CliRunner().invoke(app, ["status", str(tmp_path), "--json"])
    assert json.loads(result.output)["counts"]["failed"] == 25


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run of af2cpu predict has begun here"):
        read_status(tmp_path)
    assert CliRunner().invoke(app, ["status", str(tmp_path / "missing")]).exit_code == 2
