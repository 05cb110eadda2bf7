"""A scheduler elsewhere and workers on two hosts: runs and schedulers that die, other versions, TLS; real processes.

The hosts are network namespaces with a bridge between them where these can be made, else the loopback interface.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from program_cases import Program, all_gone, complete, differing, features, files

BRIDGE = "10.99.0.1"


@pytest.fixture(scope="module")
def in_process(two: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one process makes of the two."""
    out = tmp_path_factory.mktemp("alone")
    Program(out / "log", *features(two, out / "out", "--workers", 1)).end()
    return files(out / "out")


class Network:
    """Three hosts, the first for the scheduler and the run: what a command there begins with, and its address."""

    def __init__(self) -> None:
        self._keepers: list[subprocess.Popen[bytes]] = []  # a namespace lives as long as a process in it
        self.prefixes: list[list[str]] = [[], [], []]
        self.address = "127.0.0.1"
        if os.geteuid() or not all(map(shutil.which, ("unshare", "nsenter", "ip"))):
            return
        if subprocess.run(["unshare", "--net", "true"], check=False, capture_output=True).returncode == 0:
            self._make()
            self.address = BRIDGE

    def _make(self) -> None:
        self._keepers = [subprocess.Popen(["unshare", "--net", "sleep", "600"]) for _ in self.prefixes]
        ours = os.readlink("/proc/self/ns/net")
        for number, keeper in enumerate(self._keepers):
            while os.readlink(f"/proc/{keeper.pid}/ns/net") == ours:
                time.sleep(0.01)
            self.prefixes[number] = ["nsenter", "--net", "--target", str(keeper.pid)]
            self._ip(number, "link set lo up")
        self._ip(0, "link add bridge type bridge", f"addr add {BRIDGE}/24 dev bridge", "link set bridge up")
        for number in (1, 2):
            peer = f"link add to{number} type veth peer name out netns {self._keepers[number].pid}"
            self._ip(0, peer, f"link set to{number} master bridge", f"link set to{number} up")
            self._ip(number, f"addr add 10.99.0.{number + 1}/24 dev out", "link set out up")

    def _ip(self, number: int, *commands: str) -> None:
        for command in commands:
            subprocess.run([*self.prefixes[number], "ip", *command.split()], check=True)

    def close(self) -> None:
        for keeper in self._keepers:
            keeper.kill()
            keeper.wait()


class Cluster:
    """A scheduler, and a worker process on each of two hosts."""

    def __init__(
        self, network: Network, folder: Path, tls: Sequence[str] = (), faults: Sequence[Sequence[Any]] = ()
    ) -> None:
        self._network, self._folder = network, folder
        self.file = folder / "scheduler.json"
        flags = ["--tls-ca-file", tls[1], "--tls-cert", tls[3], "--tls-key", tls[5], "--protocol", "tls"] if tls else []
        command = ["--host", network.address, "--port", "0", "--no-dashboard", "--scheduler-file", str(self.file)]
        program = [*network.prefixes[0], sys.executable, "-m", "distributed.cli.dask_scheduler", *command, *flags]
        self._log = (folder / "scheduler.log").open("wb")
        self.scheduler = subprocess.Popen(program, stdout=self._log, stderr=subprocess.STDOUT)
        end = time.monotonic() + 120
        while not (self.file.is_file() and self.file.stat().st_size):
            assert time.monotonic() < end
            time.sleep(0.05)
        self.address = json.loads(self.file.read_text())["address"]
        self.workers = [self.worker(host, *tls, faults=faults) for host in (1, 2)]

    def worker(self, host: int, *options: str, faults: Sequence[Sequence[Any]] = ()) -> Program:
        command = ("worker", "--scheduler", self.address, "--workers", 1, "--threads", 1, *options)
        return Program(self._folder, *command, faults=faults, prefix=self._network.prefixes[host])

    def run(self, *command: object, cwd: Path | None = None) -> Program:
        """af2cpu on the host of the scheduler."""
        return Program(self._folder / "log", *command, prefix=self._network.prefixes[0], cwd=cwd)

    def close(self) -> None:
        for worker in self.workers:
            worker.process.terminate()
        for worker in self.workers:
            worker.process.wait(60)
        self.scheduler.kill()
        self.scheduler.wait()
        self._log.close()


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    network = Network()
    yield network
    network.close()


@pytest.fixture
def cluster(tmp_path: Path, network: Network) -> Iterator[Callable[..., Cluster]]:
    if network.address != BRIDGE:
        print("no network namespaces can be made here: all hosts share the loopback interface")
    started: list[Cluster] = []

    def start(*arguments: Any, **more: Any) -> Cluster:
        started.append(Cluster(network, tmp_path, *arguments, **more))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.mark.fault(32, "what is complete is kept; the same command goes on")
@pytest.mark.fault(33)
def test_workers_of_a_dead_run_stop_and_the_scheduler_may_die(
    two: Path, in_process: dict[str, bytes], tmp_path: Path, cluster: Callable[..., Cluster]
) -> None:
    """A scheduler elsewhere outlives the run: its workers must not go on writing while the next run has the folder."""
    hosts = cluster(faults=[["features", "b", "hold", 2]])
    hosts.workers.append(hosts.worker(1, faults=[["", "", "version", 1]]))
    command = features(two, tmp_path / "out", "--scheduler", hosts.file)
    run = hosts.run(*command)
    held = tmp_path / "fault-0-0"
    run.until(lambda: held.exists() and held.read_text() != "")
    holder = psutil.Process(int(held.read_text()))
    run.process.kill()
    run.process.wait()
    assert all_gone([holder])
    again = hosts.run(*command)
    again.until((tmp_path / "fault-0-1").exists)
    again.until_said("is not used: it has af2cpu 0.0.0, and this run ")
    again.until(lambda: [path.parent.name for path in complete(tmp_path / "out", "features.npz")] == ["a"])
    hosts.scheduler.kill()
    lost = "the connection to the Dask scheduler is lost; what is complete is kept, run the same command"
    assert lost in again.end(1)
    Program(tmp_path / "log", *features(two, tmp_path / "out", "--workers", 1)).end()
    assert differing(tmp_path / "out", in_process) == []


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


@pytest.mark.fault(28, "connections are encrypted; without a certificate of the authority nobody gets in")
def test_tls(two: Path, in_process: dict[str, bytes], tmp_path: Path, cluster: Callable[..., Cluster]) -> None:
    """FAULTS 28: a batch over encrypted connections; without a certificate of the authority nobody gets in."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make certificates with")
    ours, theirs = certificate(tmp_path, "ca", "host"), certificate(tmp_path, "other", "stranger")
    hosts = cluster(ours)
    assert hosts.address.startswith("tls://")
    refused = [hosts.run("worker", "--scheduler", hosts.address, *tls, "--workers", 1) for tls in ((), theirs)]
    stranger = hosts.run(*features(two, tmp_path / "b", "--scheduler", hosts.address, *theirs))
    # A relative folder is the run's, not the workers', which were started elsewhere.
    hosts.run(*features(two, "out", "--scheduler", hosts.address, *ours), cwd=tmp_path).end()
    assert differing(tmp_path / "out", in_process) == []
    for program in refused:
        assert "can't be joined" in program.end(2)
    assert "can't be reached" in stranger.end(2)
