# SPDX-License-Identifier: Apache-2.0
"""A Dask scheduler and workers on hosts of their own: network namespaces with a bridge, else the loopback interface."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from program_cases import Program

BRIDGE = "10.99.0.1"


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


def start_scheduler(
    file: Path, host: str, flags: Sequence[str] = (), prefix: Sequence[str] = ()
) -> subprocess.Popen[bytes]:
    """A scheduler that listens on a free port; it has written its file, and writes a log beside it."""
    command = ["--host", host, "--port", "0", "--no-dashboard", "--scheduler-file", str(file), *flags]
    program = [*prefix, sys.executable, "-m", "distributed.cli.dask_scheduler", *command]
    with file.with_name("scheduler.log").open("wb") as log:
        process = subprocess.Popen(program, stdout=log, stderr=subprocess.STDOUT)
    end = time.monotonic() + 120
    while not (file.is_file() and file.stat().st_size):
        assert time.monotonic() < end
        time.sleep(0.05)
    return process


class Cluster:
    """A scheduler, and a worker process on each of two hosts."""

    def __init__(
        self, network: Network, folder: Path, tls: Sequence[str] = (), faults: Sequence[Sequence[Any]] = ()
    ) -> None:
        self._network, self._folder = network, folder
        self.file = folder / "scheduler.json"
        flags = ["--tls-ca-file", tls[1], "--tls-cert", tls[3], "--tls-key", tls[5], "--protocol", "tls"] if tls else []
        self.scheduler = start_scheduler(self.file, network.address, flags, network.prefixes[0])
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
