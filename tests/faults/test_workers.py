# SPDX-License-Identifier: Apache-2.0
"""Worker processes that die, fail or can't start, runs that are killed, two runs on one folder: with real processes."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from program_cases import Program, all_gone, complete, differing, features, files, inputs, predict

STAGES = ("features", "search record", "prediction", "ranked", "plots", "run record", "report")


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return inputs(tmp_path_factory.mktemp("in"), "a", "b", "c", "d")


@pytest.fixture(scope="module")
def predicted(four: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one process with one thread predicts for the four."""
    out = tmp_path_factory.mktemp("alone")
    Program(out / "log", *predict(four, out / "out", "--workers", 1, "--threads", 1)).end()
    return files(out / "out")


@pytest.mark.fault(32, "its task is tried again, with the same result")
def test_a_worker_killed_in_each_stage_costs_nothing(four: Path, predicted: dict[str, bytes], tmp_path: Path) -> None:
    """FAULTS 32; and workers make byte for byte what one process makes."""
    faults: list[list[object]] = [[stage, "abcd"[number // 2], "kill", 1] for number, stage in enumerate(STAGES)]
    faults.append(["prediction", "d", "memory", 1])
    output = Program(tmp_path / "log", *predict(four, tmp_path / "out", "--workers", 2), faults=faults).end()
    assert output.count("was killed (signal 9); its task is tried again") == len(STAGES), output
    assert output.count("memory did not suffice; it is tried again with nothing beside it") == 1
    assert "Traceback" not in output
    assert differing(tmp_path / "out", predicted) == []


@pytest.mark.fault(31, "a worker's task that lacks memory is tried again alone, once")
@pytest.mark.fault(32, "a target that ends three workers is given up, the others go on")
def test_a_target_that_kills_its_workers_is_given_up_and_memory_is_tried_alone(tmp_path: Path) -> None:
    """FAULTS 31 and 32. The search of all four together is ended first; then each is searched by itself."""
    names = ("good", "killer", "tight", "greedy")
    fasta = tmp_path / "in.fasta"
    fasta.write_text("".join(f">{name}\nMKTAYIAKQR{'AWVL'[number]}\n" for number, name in enumerate(names)))
    faults = [["msa", "killer", "kill", 9], ["features", "tight", "memory", 1], ["features", "greedy", "memory", 9]]
    command = ("search", fasta, "-o", tmp_path / "out", "--db", "demo", "--workers", 2)
    output = Program(tmp_path / "log", *command, faults=faults).end(1)
    assert output.count("was killed (signal 9); its task is tried again") >= 3
    assert "killer: failed: given up: its tasks have ended 3 worker processes; the last one was killed" in output
    assert output.count("memory did not suffice; it is tried again with nothing beside it") == 2
    assert "greedy: failed: not enough memory" in output
    made = {path.parent.name for path in complete(tmp_path / "out", "features.npz")}
    assert made == {"good", "tight"}
    failure = json.loads((tmp_path / "out/killer/.af2cpu/failure.json").read_text())
    assert failure["stage"] == "msa"


@pytest.mark.fault(29)
def test_a_killed_run_takes_its_workers_with_it_and_is_resumed(
    four: Path, predicted: dict[str, bytes], tmp_path: Path
) -> None:
    """FAULTS 29."""
    out, command = tmp_path / "out", predict(four / "a.a3m", tmp_path / "out", four / "b.a3m", "--workers", 2)
    run = Program(tmp_path / "log", *command, faults=[["prediction", "b", "hold", 1]])
    run.until(lambda: (tmp_path / "log/fault-0-0").exists() and bool(complete(out, "result_*.npz")))
    workers = run.children()
    run.process.kill()
    run.process.wait()
    assert all_gone(workers)
    (made,) = complete(out, "result_*.npz")
    moment = made.stat().st_mtime_ns
    Program(tmp_path / "log", *command).end()
    assert made.stat().st_mtime_ns == moment
    assert differing(out, {name: content for name, content in predicted.items() if name[:2] in {"a/", "b/"}}) == []


@pytest.mark.fault(35)
@pytest.mark.fault("SIGTERM", "stops like Ctrl-C, with a line; exit code 143")
@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")]
)
def test_signals_end_the_workers_too(two: Path, tmp_path: Path, number: int, code: int, word: str) -> None:
    """FAULTS 35."""
    command = features(two, tmp_path / "out", "--workers", 2)
    run = Program(tmp_path / "log", *command, faults=[["features", "b", "hold", 1]])
    run.until(lambda: (tmp_path / "log/fault-0-0").exists() and bool(complete(tmp_path / "out", "features.npz")))
    workers = run.children()
    run.process.send_signal(number)
    output = run.end(code, 30)  # the task that is held would go on for ever
    assert all_gone(workers)
    assert f"{word}; what is complete is kept" in output
    assert "Traceback" not in output
    assert [path.parent.name for path in complete(tmp_path / "out", "features.npz")] == ["a"]


@pytest.mark.fault(33, "the second leaves the targets in work and says so, or waits with --wait")
@pytest.mark.fault(
    "runs side by side",
    "a lock per target from start to end: the second leaves the targets in work and reports them, with --wait it waits",
)
def test_two_runs_on_one_folder(two: Path, tmp_path: Path) -> None:
    """FAULTS 33: the second leaves the targets of the first and says so; with --wait it waits and then reuses all."""
    command = features(two, tmp_path / "out")
    first = Program(tmp_path / "log", *command, "--workers", 2, faults=[["features", "b", "hold", 1]])
    first.until((tmp_path / "log/fault-0-0").exists)
    second = Program(tmp_path / "log", *command, "--workers", 1)
    waiting = Program(tmp_path / "log", *command, "--workers", 1, "--wait", "-v")
    assert second.end(1).count("another run is at work here; wait for it") >= 2
    waiting.until_said("another run is at work here, waiting for its end")
    (tmp_path / "log/go").touch()
    first.end()
    assert waiting.end().count("features.npz: up to date") == 2
    assert len(complete(tmp_path / "out", "features.npz")) == 2


@pytest.mark.fault(30)
def test_files_that_can_t_be_written_whole(tmp_path: Path) -> None:
    """FAULTS 30, with the limit on the size of a file in place of a full disk: the system cuts the write off."""
    source = inputs(tmp_path / "in", "short", "long")
    rows = ("".join(random.Random(k).choices("ACDEFGHIKLMNPQRSTVWY", k=200)) for k in range(100))
    (source / "long.a3m").write_text("".join(f">long\n{row}\n" for row in rows))
    limit = "import resource as r; r.setrlimit(r.RLIMIT_FSIZE, (8192, 8192)); from af2cpu.cli import main; main()"
    command = [sys.executable, "-c", limit, *map(str, features(source, tmp_path / "out", "--workers", 2))]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=180)
    assert ended.returncode == 1, ended.stderr
    assert "long: failed: " in ended.stderr
    assert "File too large" in ended.stderr
    assert [path.parent.name for path in (tmp_path / "out").rglob("features.npz")] == ["short"]
    assert not list((tmp_path / "out").rglob("*.tmp*"))


def test_worker_processes_that_can_t_start_are_one_line(two: Path, tmp_path: Path) -> None:
    """The limit on open files is lowered after it was looked at: as if the run itself had opened many by then."""
    code = (
        "import resource; import af2cpu.schedule.choose as choose; from af2cpu.cli import main\n"
        "choose.check_files = lambda *_: resource.setrlimit(resource.RLIMIT_NOFILE, (30, 30))\n"
        "main()"
    )
    command = [sys.executable, "-c", code, *map(str, features(two, tmp_path / "out", "--workers", 2))]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=180)
    assert ended.returncode == 1, ended.stderr
    assert ended.stderr.splitlines()[-1] == (
        "error: worker processes can't be started (Too many open files); --workers 1 does everything in one process"
    )
    assert "Traceback" not in ended.stderr
