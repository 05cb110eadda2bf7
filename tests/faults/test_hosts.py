# SPDX-License-Identifier: Apache-2.0
"""A scheduler elsewhere and workers on two hosts: runs and schedulers that die, other versions, TLS; real processes.

The hosts are network namespaces with a bridge between them where these can be made, else the loopback interface.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from host_cases import BRIDGE, Cluster, Network
from program_cases import Program, all_gone, complete, differing, features, files


@pytest.fixture(scope="module")
def in_process(two: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one process makes of the two."""
    out = tmp_path_factory.mktemp("alone")
    Program(out / "log", *features(two, out / "out", "--workers", 1)).end()
    return files(out / "out")


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
