# SPDX-License-Identifier: Apache-2.0
"""Memory and cores that a process may use: limits of cgroups, versions 1 and 2, and of the process itself."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from af2cpu import cores
from af2cpu.cores import available_cores, available_memory

GB = 10**9


class System:
    """Roots of /proc/self and /sys/fs/cgroup."""

    def __init__(self, root: Path) -> None:
        self.process, self.cgroups = root / "self", root / "cgroup"
        self.process.mkdir()
        self.cgroups.mkdir()
        (self.process / "statm").write_text("0 0 0 0 0 0 0\n")

    def is_in(self, *lines: str) -> None:
        (self.process / "cgroup").write_text("".join(f"{line}\n" for line in lines))

    def write(self, folder: str, **files: object) -> None:
        place = self.cgroups / folder
        place.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (place / name.replace("__", ".")).write_text(f"{text}\n")

    def memory(self) -> int:
        return available_memory(self.process, self.cgroups)

    def cores(self) -> int:
        return available_cores(self.process, self.cgroups)


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    """A machine of 64 cores with 100 GB of free memory."""
    free = psutil.virtual_memory()._replace(available=100 * GB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return System(tmp_path)


def test_without_cgroups_the_machine_is_the_limit(system: System) -> None:
    assert system.memory() == 100 * GB
    assert system.cores() == 64


def test_version_2_the_least_of_the_hierarchy(system: System) -> None:
    system.is_in("0::/user/job/step")
    system.write("", cpu__max="max 100000")
    system.write("user", memory__max=50 * GB, memory__current=20 * GB, memory__stat="anon 5\ninactive_file 0")
    system.write(
        "user/job",
        memory__max=16 * GB,
        memory__current=10 * GB,
        memory__stat=f"file 9\ninactive_file {4 * GB}\nactive_file 1",
        cpu__max="250000 100000",
    )
    system.write("user/job/step", memory__max="max", memory__current=9 * GB, cpu__max="max 100000")
    assert system.memory() == 10 * GB  # 16 - 10, and 4 of file cache that the kernel gives back
    assert system.cores() == 3
    system.write("user", memory__current=49 * GB)
    assert system.memory() == 1 * GB
    system.write("user", memory__current=51 * GB)
    assert system.memory() == 0
    system.write("user/job", cpu__max="5000 100000")
    assert system.cores() == 1


def test_version_1(system: System) -> None:
    system.is_in("4:memory:/slurm/job", "2:cpuacct,cpu:/slurm", "1:name=systemd:/", "0::/")
    unlimited = 9223372036854771712
    stat = f"inactive_file 7\ntotal_inactive_file {GB}"
    system.write("memory", memory__limit_in_bytes=unlimited, memory__usage_in_bytes=GB)
    job = {"memory__limit_in_bytes": 8 * GB, "memory__usage_in_bytes": 3 * GB, "memory__stat": stat}
    system.write("memory/slurm/job", **job)
    system.write("cpu/slurm", cpu__cfs_quota_us=400000, cpu__cfs_period_us=100000)
    assert system.memory() == 6 * GB
    assert system.cores() == 4
    system.write("cpu/slurm", cpu__cfs_quota_us=-1)
    assert system.cores() == 64


@pytest.mark.parametrize("path", ["/docker/4f2a", "/../other", "/"])
def test_in_a_container_the_root_is_its_own_cgroup(system: System, path: str) -> None:
    """The path is the host's, or leads out of the container's namespace."""
    system.is_in(f"0::{path}")
    system.write("", memory__max=2 * GB, memory__current=GB, cpu__max="150000 100000")
    system.write("../other", memory__max=GB, memory__current=GB, cpu__max="100000 100000")
    assert system.memory() == GB
    assert system.cores() == 2


def test_version_2_beside_version_1(system: System) -> None:
    system.is_in("4:memory:/", "0::/job")
    system.write("unified/job", memory__max=3 * GB, memory__current=GB)
    assert system.memory() == 2 * GB


def test_limits_of_the_process(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {resource.RLIMIT_AS: 40 * GB, resource.RLIMIT_DATA: resource.RLIM_INFINITY}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (limits[kind], resource.RLIM_INFINITY))
    (system.process / "statm").write_text("1000000 5 5 5 0 500000 0\n")
    page, reserves = resource.getpagesize(), 64 * cores._THREAD_RESERVES
    assert system.memory() == 40 * GB - 1_000_000 * page - reserves
    limits[resource.RLIMIT_DATA] = 4 * GB
    assert system.memory() == 4 * GB - 500_000 * page
    limits[resource.RLIMIT_AS] = GB
    assert system.memory() == 0


@pytest.mark.fault(9)
@pytest.mark.fault("memory limits", "the estimate is compared with the limit: refused before any work")
def test_a_real_limit_refuses_before_any_work(tmp_path: Path) -> None:
    """`ulimit -v` of 3 GB, and a protein that needs more."""
    fasta = tmp_path / "long.fasta"
    fasta.write_text(f">long\n{'MKTAYIAKQR' * 150}\n")
    out = tmp_path / "out"
    fixed = ["--params", "synthetic:0", "--models", "model_1_ptm", "--precision", "fp32", "--db", "demo"]
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({3 * GB}, resource.RLIM_INFINITY))"
    code = f"{limit}; from af2cpu.cli import main; main()"
    command = [sys.executable, "-c", code, "predict", str(fasta), "-o", str(out), *fixed]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "long.fasta, record 1 (long): 1500 residues need about" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not out.exists()
