"""The cores and the memory that this process may use, and how it keeps to one NUMA node of a large machine."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from af2cpu.errors import InputError

_NODES = Path("/sys/devices/system/node")
_SET_MEMPOLICY = {"x86_64": 238, "aarch64": 237}  # system call numbers
_BIND, _PREFERRED_MANY = 2, 5  # linux/mempolicy.h; the latter since Linux 5.15


@dataclass(frozen=True)
class Node:
    """A NUMA node: cores with memory of their own; without cores it is memory alone, as HBM in flat mode."""

    number: int
    cores: frozenset[int]
    memory: int  # bytes
    distances: tuple[int, ...]  # to the nodes in their order, 10 to itself


def available_cores() -> int:
    """Cores by the process's affinity (batch systems set it), or all of the machine where there is no such thing."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def numa_nodes(root: Path = _NODES) -> tuple[Node, ...]:
    """The machine's nodes as Linux gives them; none where it gives none."""
    folders = sorted(root.glob("node[0-9]*"), key=lambda path: int(path.name[4:]))
    return tuple(_read_node(folder) for folder in folders)


def _read_node(folder: Path) -> Node:
    total = re.search(r"MemTotal:\s+(\d+) kB", (folder / "meminfo").read_text())
    distances = tuple(int(word) for word in (folder / "distance").read_text().split())
    cores = _listed((folder / "cpulist").read_text())
    return Node(int(folder.name[4:]), cores, int(total[1]) * 1024 if total else 0, distances)


def _listed(text: str) -> frozenset[int]:
    """Numbers from a list such as 0-3,8."""
    spans = [part.split("-") for part in text.strip().split(",") if part]
    return frozenset(number for span in spans for number in range(int(span[0]), int(span[-1]) + 1))


def memory_nodes(node: Node, nodes: Sequence[Node]) -> tuple[int, ...]:
    """Where a process on `node` should have its memory: the node itself, and HBM that is nearer to it than to others.

    HBM in flat mode stands in nodes without cores.
    """
    with_cores = [other for other in nodes if other.cores]

    def nearest(memory: Node) -> Node:
        return min(with_cores, key=lambda other: memory.distances[nodes.index(other)])

    near = [other.number for other in nodes if not other.cores and other.memory and nearest(other) == node]
    return (node.number, *near)


def keep_to_node(number: int, root: Path = _NODES) -> Node:
    """Keeps this process, its threads and its memory to one NUMA node. Call it before threads start.

    Memory comes from the node's HBM first where there is any (flat mode), then from the node itself. Raises InputError
    for a node that is not there or whose cores this process may not use, OSError where the system refuses.
    """
    nodes = numa_nodes(root)
    node = next((one for one in nodes if one.number == number and one.cores), None)
    if node is None:
        there = ", ".join(str(one.number) for one in nodes if one.cores) or "none"
        raise InputError(f"--numa-node {number}: no such node with cores on this machine (there are: {there})")
    allowed = os.sched_getaffinity(0) & node.cores
    if not allowed:
        raise InputError(f"--numa-node {number}: this process may use none of its cores; ask the batch system for them")
    os.sched_setaffinity(0, allowed)
    own, *near = memory_nodes(node, nodes)
    # Preferred, not bound: HBM is small, and what does not fit must find its place in the node's other memory.
    _set_memory_policy(_PREFERRED_MANY if near else _BIND, near or [own])
    return node


def _set_memory_policy(mode: int, nodes: Sequence[int]) -> None:
    """set_mempolicy(2) for this thread and those that it starts."""
    call = _SET_MEMPOLICY.get(os.uname().machine)
    if call is None:
        raise OSError(f"memory can't be kept to a NUMA node on {os.uname().machine}")
    words = (ctypes.c_ulong * 16)()
    for number in nodes:
        words[number // 64] |= 1 << number % 64
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(call, mode, words, ctypes.c_ulong(16 * 64 + 1)) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"memory of NUMA nodes {list(nodes)}: {os.strerror(code)}")
