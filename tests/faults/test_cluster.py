"""Worker processes that die, runs that are killed, two runs on one folder, TLS: with real processes of Dask."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest
from kill_cases import contents

from af2cpu.workspace.receipts import receipt_path

PEPTIDE = "MKTAYIAKQRQ"
TESTS = Path(__file__).parents[1]
FIXED = ("--models", "tiny", "--params", "synthetic:0", "--precision", "fp32", "--recycles", "1", "--relax", "none")
STAGES = ("features", "search record", "prediction", "ranked", "plots", "run record", "report")


class Program:
    """af2cpu as a process, its output in a file."""

    def __init__(
        self, folder: Path, *arguments: object, faults: Sequence[Sequence[Any]] = (), cwd: Path | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._output = folder / f"output-{time.monotonic_ns()}"
        environment = os.environ | {"COLUMNS": "200", "OMP_WAIT_POLICY": "passive"}
        if faults:
            environment |= {
                "WORKER_FAULTS": json.dumps(faults),
                "WORKER_FAULTS_FOLDER": str(folder),
                "DASK_DISTRIBUTED__WORKER__PRELOAD": str(TESTS / "worker_faults.py"),
            }
        command = [sys.executable, "-m", "af2cpu.cli", *map(str, arguments)]
        with self._output.open("wb") as file:
            self.process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=environment, cwd=cwd)

    @property
    def output(self) -> str:
        return self._output.read_text(errors="replace")

    def until(self, condition: Callable[[], bool], seconds: float = 60.0) -> None:
        """Waits for something to happen while the program runs."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, self.output
            assert self.process.poll() is None, self.output
            time.sleep(0.05)

    def until_said(self, text: str, seconds: float = 60.0) -> None:
        self.until(lambda: text in self.output, seconds)

    def end(self, code: int = 0, seconds: float = 90.0) -> str:
        """Waits for its end; its output."""
        try:
            assert self.process.wait(seconds) == code, self.output
        except subprocess.TimeoutExpired:
            raise AssertionError(self.output) from None
        finally:
            self.process.kill()
        return self.output

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


def all_gone(processes: Sequence[psutil.Process], seconds: float = 6.0) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    return not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


def inputs(folder: Path, *names: str) -> Path:
    """An alignment for each name, so that nothing is searched."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        sequence = PEPTIDE + "ACDEFGHIKL"[number]
        (folder / f"{name}.a3m").write_text(f">{name}\n{sequence}\n>relative\n{sequence[:4]}V{sequence[5:]}\n")
    return folder


def predict(source: Path, out: Path | str, *more: object) -> tuple[object, ...]:
    return ("predict", source, "-o", out, *FIXED, *more)


def files(out: Path) -> dict[str, bytes]:
    """All that is made of the targets but times; the settings without the number of threads, which is per worker."""
    found = {name: content for name, content in contents(out).items() if "/" in name}
    for name in [name for name in found if name.endswith("run.json")]:
        record = orjson.loads(found[name])
        del record["settings"]["threads"]
        found[name] = orjson.dumps(record)
    return found


def complete_results(out: Path) -> list[Path]:
    """Arrays of predictions with their receipts; without one an artefact is still in the works."""
    return [path for path in out.rglob("result_*.npz") if receipt_path(path).is_file()]


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return inputs(tmp_path_factory.mktemp("in"), "a", "b", "c", "d")


@pytest.fixture(scope="module")
def in_process(four: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one process with one thread makes of the four."""
    out = tmp_path_factory.mktemp("alone")
    Program(out / "log", *predict(four, out / "out", "--workers", 1, "--threads", 1)).end()
    return files(out / "out")


def test_a_worker_killed_in_each_stage_costs_nothing(four: Path, in_process: dict[str, bytes], tmp_path: Path) -> None:
    """FAULTS 32; and workers make byte for byte what one process makes."""
    faults = [[stage, "abcd"[number // 2], "kill", 1] for number, stage in enumerate(STAGES)]
    run = Program(tmp_path / "log", *predict(four, tmp_path / "out", "--workers", 2), faults=faults)
    output = run.end()
    assert output.count("was killed (signal 9); its task is tried again") == len(STAGES), output
    assert "Traceback" not in output
    ours = files(tmp_path / "out")
    assert set(ours) == set(in_process)
    assert [name for name in ours if ours[name] != in_process[name]] == []


def test_a_target_that_kills_its_workers_is_given_up_and_memory_is_tried_alone(tmp_path: Path) -> None:
    """FAULTS 31 and 32."""
    source = inputs(tmp_path / "in", "good", "killer", "tight", "greedy")
    faults = [
        ["prediction", "killer", "kill", 9],
        ["prediction", "tight", "memory", 1],
        ["prediction", "greedy", "memory", 9],
    ]
    run = Program(tmp_path / "log", *predict(source, tmp_path / "out", "--workers", 2), faults=faults)
    output = run.end(1)
    assert "killer: failed: given up: its tasks have ended 3 worker processes; the last one was killed" in output
    assert output.count("was killed (signal 9)") == 4  # two tries again, the end, and the line of the table
    assert output.count("memory did not suffice; it is tried again with nothing beside it") == 2
    assert "greedy: failed: not enough memory" in output
    assert (tmp_path / "out/good/ranked_0.pdb").is_file()
    assert (tmp_path / "out/tight/ranked_0.pdb").is_file()
    failure = json.loads((tmp_path / "out/killer/.af2cpu/failure.json").read_text())
    assert failure["stage"] == "prediction"


def test_a_killed_run_takes_its_workers_with_it_and_is_resumed(
    four: Path, in_process: dict[str, bytes], tmp_path: Path
) -> None:
    """FAULTS 29."""
    command = predict(four, tmp_path / "out", "--workers", 2)
    run = Program(tmp_path / "log", *command, faults=[["prediction", "c", "sleep", 1]])
    run.until(lambda: (tmp_path / "log/fault-0-0").exists() and bool(complete_results(tmp_path / "out")))
    workers = run.children()
    run.process.kill()
    run.process.wait()
    assert all_gone(workers)
    made = {path: path.stat().st_mtime_ns for path in complete_results(tmp_path / "out")}
    assert 1 <= len(made) < 4
    Program(tmp_path / "log", *command).end()
    assert {path: path.stat().st_mtime_ns for path in made} == made
    ours = files(tmp_path / "out")
    assert [name for name in in_process if ours.get(name) != in_process[name]] == []


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")]
)
def test_signals_end_the_workers_too(four: Path, tmp_path: Path, number: int, code: int, word: str) -> None:
    """FAULTS 35."""
    command = predict(four, tmp_path / "out", "--workers", 2)
    run = Program(tmp_path / "log", *command, faults=[["prediction", "c", "sleep", 1]])
    run.until((tmp_path / "log/fault-0-0").exists)
    workers = run.children()
    start = time.monotonic()
    run.process.send_signal(number)
    output = run.end(code, 20)
    assert time.monotonic() - start < 8.0
    assert all_gone(workers, 2.0)
    assert f"{word}; what is complete is kept" in output
    assert "Traceback" not in output
    assert (tmp_path / "out/a/features.npz").is_file()


def test_two_runs_on_one_folder(four: Path, in_process: dict[str, bytes], tmp_path: Path) -> None:
    """FAULTS 33: the second leaves the targets of the first and says so; with --wait it waits and then reuses all."""
    command = predict(four, tmp_path / "out")
    first = Program(tmp_path / "log", *command, "--workers", 2, faults=[["prediction", "c", "sleep", 1]])
    first.until((tmp_path / "out/a").exists)
    second = Program(tmp_path / "log", *command, "--workers", 1)
    waiting = Program(tmp_path / "log", *command, "--workers", 1, "--wait")
    assert second.end(1).count("another run is at work here; wait for it") >= 4
    waiting.until_said("another run is at work here, waiting for its end")
    first.end()
    assert "pass 1" not in waiting.end()
    ours = files(tmp_path / "out")
    assert [name for name in in_process if ours.get(name) != in_process[name]] == []


class Hosts:
    """A scheduler and two "hosts" with a worker process each, all on the loopback interface."""

    def __init__(self, folder: Path, tls: Sequence[str] = (), faults: Sequence[Sequence[Any]] = ()) -> None:
        self.file = folder / "scheduler.json"
        flags = ["--tls-ca-file", tls[1], "--tls-cert", tls[3], "--tls-key", tls[5]] if tls else []
        command = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(self.file), *flags]
        if tls:
            command += ["--protocol", "tls"]
        program = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
        self._log = (folder / "scheduler.log").open("wb")
        self.scheduler = subprocess.Popen([*program, *command], stdout=self._log, stderr=subprocess.STDOUT)
        end = time.monotonic() + 30
        while not (self.file.is_file() and self.file.stat().st_size):
            assert time.monotonic() < end
            time.sleep(0.05)
        self.address = json.loads(self.file.read_text())["address"]
        self.workers = [
            Program(folder, "worker", "--scheduler", self.address, "--workers", 1, "--threads", 1, *tls, faults=faults)
            for _ in range(2)
        ]

    def close(self) -> None:
        for worker in self.workers:
            worker.process.terminate()
        for worker in self.workers:
            worker.process.wait(20)
        self.scheduler.kill()
        self.scheduler.wait()
        self._log.close()


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Callable[..., Hosts]]:
    started: list[Hosts] = []

    def start(*arguments: Any, **more: Any) -> Hosts:
        started.append(Hosts(tmp_path, *arguments, **more))
        return started[-1]

    yield start
    for one in started:
        one.close()


def test_workers_of_a_dead_run_stop_and_the_scheduler_may_die(
    four: Path, in_process: dict[str, bytes], tmp_path: Path, hosts: Callable[..., Hosts]
) -> None:
    """A scheduler elsewhere outlives the run: its workers must not go on writing while the next run has the folder."""
    cluster = hosts(faults=[["prediction", "c", "sleep", 2]])
    command = predict(four, tmp_path / "out", "--scheduler", cluster.file)
    run = Program(tmp_path / "log", *command)
    run.until((tmp_path / "fault-0-0").exists)
    processes = [child for worker in cluster.workers for child in worker.children()]
    run.process.kill()
    run.process.wait()
    end = time.monotonic() + 8
    while all(one.is_running() for one in processes):  # the one that sleeps in its task
        assert time.monotonic() < end
        time.sleep(0.1)
    again = Program(tmp_path / "log", *command)
    again.until((tmp_path / "fault-0-1").exists)
    cluster.scheduler.kill()
    assert "the connection to the Dask scheduler is lost; what is complete is kept, run the same command" in again.end(
        1
    )
    Program(tmp_path / "log", *predict(four, tmp_path / "out", "--workers", 1, "--threads", 1)).end()
    ours = files(tmp_path / "out")
    assert [name for name in in_process if ours.get(name) != in_process[name]] == []


def certificate(folder: Path, authority: str, name: str) -> tuple[str, ...]:
    """The --tls settings of a certificate that an authority signs; both are made."""

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    new = ["req", *curve, "-keyout"]
    signer = ["-CA", f"{authority}.pem", "-CAkey", f"{authority}.key", "-CAcreateserial", "-days", "2"]
    if not (folder / f"{authority}.pem").exists():
        about = ["-subj", f"/CN={authority}", "-days", "2"]
        openssl(*new, f"{authority}.key", "-x509", "-out", f"{authority}.pem", *about)
    openssl(*new, f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
    openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signer)
    paths = (str(folder / f"{authority}.pem"), str(folder / f"{name}.pem"), str(folder / f"{name}.key"))
    return tuple(word for pair in zip(("--tls-ca", "--tls-cert", "--tls-key"), paths, strict=True) for word in pair)


def test_tls(four: Path, in_process: dict[str, bytes], tmp_path: Path, hosts: Callable[..., Hosts]) -> None:
    """FAULTS 28: a batch over encrypted connections; without a certificate of the authority nobody gets in."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make certificates with")
    ours, theirs = certificate(tmp_path, "ca", "host"), certificate(tmp_path, "other", "stranger")
    cluster = hosts(ours)
    assert cluster.address.startswith("tls://")
    refused = [
        Program(tmp_path / "log", "worker", "--scheduler", cluster.address, *tls, "--workers", 1)
        for tls in ((), theirs)
    ]
    # A relative folder is the run's, not the workers', which were started elsewhere.
    Program(tmp_path / "log", *predict(four, "out", "--scheduler", cluster.address, *ours), cwd=tmp_path).end()
    made = files(tmp_path / "out")
    assert [name for name in in_process if made.get(name) != in_process[name]] == []
    for program in refused:
        assert "can't be joined" in program.end(2)
    stranger = Program(tmp_path / "log", *predict(four, tmp_path / "b", "--scheduler", cluster.address, *theirs))
    assert "can't be reached" in stranger.end(2)


def test_worker_processes_that_can_t_start_are_one_line(tmp_path: Path) -> None:
    """The limit on open files is lowered after it was looked at: as if the run itself had opened many by then."""
    code = (
        "import resource; import af2cpu.schedule.choose as choose; from af2cpu.cli import main\n"
        "choose.check_files = lambda *_: resource.setrlimit(resource.RLIMIT_NOFILE, (30, 30))\n"
        "main()"
    )
    source = inputs(tmp_path / "in", "a", "b")
    command = [sys.executable, "-c", code, *map(str, predict(source, tmp_path / "out", "--workers", 2))]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1, ended.stderr
    assert ended.stderr.splitlines()[-1] == (
        "error: worker processes can't be started (Too many open files); --workers 1 does everything in one process"
    )
    assert "Traceback" not in ended.stderr
