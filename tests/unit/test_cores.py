# SPDX-License-Identifier: Apache-2.0
"""NUMA nodes: read as Linux lists them, and a process that keeps to one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from af2cpu.cores import keep_to_node, memory_nodes, numa_nodes
from af2cpu.errors import InputError


def _machine(root: Path, cores: list[str], distances: list[str]) -> Path:
    for k, (listed, line) in enumerate(zip(cores, distances, strict=True)):
        folder = root / f"node{k}"
        folder.mkdir()
        (folder / "cpulist").write_text(f"{listed}\n")
        (folder / "distance").write_text(f"{line}\n")
        (folder / "meminfo").write_text(f"Node {k} MemTotal:       {1000 + k} kB\nNode {k} MemFree:  10 kB\n")
    (root / "possible").write_text("0-3\n")
    return root


def test_nodes_as_listed(tmp_path: Path) -> None:
    first, second = numa_nodes(_machine(tmp_path, ["0-3,8-9", "4-7"], ["10 21", "21 10"]))
    assert first.cores == {0, 1, 2, 3, 8, 9}
    assert second.memory == 1001 * 1024
    assert second.distances == (21, 10)
    assert numa_nodes(tmp_path / "nowhere") == ()


def test_hbm_belongs_to_the_nearest_node(tmp_path: Path) -> None:
    """Two sockets with HBM in flat mode: memory nodes 2 and 3 have no cores."""
    distances = ["10 21 13 23", "21 10 23 13", "13 23 10 23", "23 13 23 10"]
    nodes = numa_nodes(_machine(tmp_path, ["0-1", "2-3", "", ""], distances))
    assert memory_nodes(nodes[0], nodes) == (0, 2)
    assert memory_nodes(nodes[1], nodes) == (1, 3)


@pytest.mark.parametrize("number", [1, 7])
def test_a_node_without_cores_or_not_there_is_refused(tmp_path: Path, number: int) -> None:
    root = _machine(tmp_path, ["0-1", ""], ["10 20", "20 10"])
    with pytest.raises(InputError, match=rf"--numa-node {number}: no such node .*there are: 0\)"):
        keep_to_node(number, root)


def test_cores_that_are_not_ours_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="may use none of its cores"):
        keep_to_node(0, _machine(tmp_path, ["4000-4001"], ["10"]))


def test_a_process_keeps_to_a_node_and_so_do_its_threads() -> None:
    nodes = [node for node in numa_nodes() if node.cores & os.sched_getaffinity(0)]
    if not nodes:
        pytest.skip("this system lists no NUMA nodes")
    script = f"""
import threading
from af2cpu.cores import keep_to_node
keep_to_node({nodes[0].number})
text = []
thread = threading.Thread(target=lambda: text.append(open("/proc/thread-self/numa_maps").read()))
thread.start(); thread.join()
print(sorted(__import__("os").sched_getaffinity(0)))
print(all("bind:{nodes[0].number}" in line or "default" in line for line in text[0].splitlines()))
print(sum("bind:{nodes[0].number}" in line for line in text[0].splitlines()) > 0)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    if "Operation not permitted" in done.stderr or "Function not implemented" in done.stderr:
        pytest.skip("memory policies are not permitted here")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [str(sorted(nodes[0].cores & os.sched_getaffinity(0))), "True", "True"]
