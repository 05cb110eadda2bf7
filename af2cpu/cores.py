# SPDX-License-Identifier: Apache-2.0
"""The cores and the memory that this process may use, and how it keeps to one NUMA node of a large machine."""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import re
import resource
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from af2cpu.errors import InputError

_PROCESS, _CGROUPS = Path("/proc/self"), Path("/sys/fs/cgroup")
# Limit, usage, and the entry of memory.stat with the file cache that the kernel gives back on demand: versions 2 and 1.
_CGROUP_MEMORY = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
# Address space that each thread reserves and mostly never uses: its stack, and an arena of glibc's malloc.
_THREAD_RESERVES = 8 * 2**20 + 64 * 2**20
_NODES = Path("/sys/devices/system/node")
_CPUS = Path("/sys/devices/system/cpu")
_SET_MEMPOLICY = {"x86_64": 238, "aarch64": 237}  # system call numbers
_BIND, _PREFERRED_MANY = 2, 5  # linux/mempolicy.h; the latter since Linux 5.15


@dataclass(frozen=True)
class Node:
    """A NUMA node: cores with memory of their own; without cores it is memory alone, as HBM in flat mode."""

    number: int
    cores: frozenset[int]
    memory: int  # bytes
    distances: tuple[int, ...]  # to the nodes in their order, 10 to itself


def available_cores(process: Path = _PROCESS, cgroups: Path = _CGROUPS) -> int:
    """Cores that this process may use: its affinity (batch systems set it), capped by the CPU quota of its cgroups.

    process, cgroups: roots of /proc/self and /sys/fs/cgroup.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [math.ceil(quota) for folder in _own_cgroups("cpu", process, cgroups) if (quota := _cpu_quota(folder))]
    return max(1, min([cores, *quotas]))


def available_memory(process: Path = _PROCESS, cgroups: Path = _CGROUPS) -> int:
    """Bytes that this process can still take: the least of the machine's free memory, what the limits of its cgroups
    leave (containers and batch systems set them), and what its own limits leave (`ulimit -v`, `ulimit -d`).

    `ulimit -v` limits address space, used or not. What the process has reserved so far counts as used, and for the
    threads to come 72 MiB a core are kept back, which is what their stacks and malloc reserve.

    process, cgroups: roots of /proc/self and /sys/fs/cgroup.
    """
    folders = _own_cgroups("memory", process, cgroups)
    left = [psutil.virtual_memory().available, *(one for one in map(_memory_left, folders) if one is not None)]
    pages = [int(word) for word in _text(process / "statm").split()] or [0] * 7
    size, data = pages[0] * resource.getpagesize(), pages[5] * resource.getpagesize()
    reserves = _THREAD_RESERVES * available_cores(process, cgroups)
    for kind, taken in ((resource.RLIMIT_AS, size + reserves), (resource.RLIMIT_DATA, data)):
        limit, _ = resource.getrlimit(kind)
        left += [limit - taken] * (limit != resource.RLIM_INFINITY)
    return max(0, min(left))


def _own_cgroups(controller: str, process: Path, cgroups: Path) -> Iterator[Path]:
    """Folders of the cgroups that this process is in, and of those above them: each may have a limit."""
    for line in _text(process / "cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:  # version 2, mounted below version 1 on hybrid systems
            root = cgroups / "unified" if (cgroups / "unified").is_dir() else cgroups
        elif controller in controllers.split(","):
            root = cgroups / controller
        else:
            continue
        # In a container the path may be the host's, or lead out of the namespace; the root is then the own cgroup.
        own = root / path.lstrip("/") if ".." not in path.split("/") else root
        yield from (folder for folder in (own, *own.parents) if folder.is_relative_to(root) and folder.is_dir())


def _memory_left(cgroup: Path) -> int | None:
    """Bytes until a cgroup's limit; None where it has none."""
    for limit_file, usage_file, reclaimable in _CGROUP_MEMORY:
        limit, usage = _text(cgroup / limit_file).strip(), _text(cgroup / usage_file).strip()
        if limit.isdecimal() and usage.isdecimal():
            cache = re.search(rf"^{reclaimable} (\d+)$", _text(cgroup / "memory.stat"), re.MULTILINE)
            return int(limit) - int(usage) + (int(cache[1]) if cache else 0)
    return None


def memory_kills(process: Path = _PROCESS, cgroups: Path = _CGROUPS) -> dict[str, int]:
    """How many processes the system has killed for lack of memory, by what counts them: the own cgroups, the machine.

    The numbers of the machine (the key is its last start) include those of other people's processes.
    """
    counts: dict[str, int] = {}
    for folder in _own_cgroups("memory", process, cgroups):
        for name in ("memory.events", "memory.oom_control"):  # versions 2 and 1
            if found := re.search(r"^oom_kill (\d+)$", _text(folder / name), re.MULTILINE):
                counts[str(folder)] = int(found[1])
    if found := re.search(r"^oom_kill (\d+)$", _text(Path("/proc/vmstat")), re.MULTILINE):
        counts[_text(Path("/proc/sys/kernel/random/boot_id")).strip()] = int(found[1])
    return counts


def memory_was_short(before: Mapping[str, int], now: Mapping[str, int]) -> bool:
    """Whether a process was killed for lack of memory between two results of `memory_kills`.

    The cgroups tell it where there are some that both times had; else the machine does, if it was not started since.
    """
    both = [name for name in before if name in now]
    telling = [name for name in both if name.startswith("/")] or both
    return any(now[name] > before[name] for name in telling)


def _cpu_quota(cgroup: Path) -> float | None:
    """Cores' worth of time that a cgroup may use; None without a limit."""
    words = _text(cgroup / "cpu.max").split()
    words = words or [_text(cgroup / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")]
    quota, period = words if len(words) == 2 else ("max", "")
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() else None


def _text(path: Path) -> str:
    """A file of the kernel; nothing where there is none."""
    try:
        return path.read_text()
    except OSError:
        return ""


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


@dataclass(frozen=True)
class Core:
    """A physical core that this process may use."""

    cpus: tuple[int, ...]  # its hardware threads (SMT siblings) that the process may use, in order
    node: int | None = None  # its NUMA node; None where the system lists none


def physical_cores(
    allowed: Collection[int] | None = None, cpus: Path = _CPUS, nodes: Path = _NODES
) -> tuple[Core, ...]:
    """The physical cores that this process may use, by NUMA node. Hardware threads of one core are not counted twice.

    allowed: hardware threads, in place of the process's affinity. cpus, nodes: roots below /sys/devices/system.
    """
    usable = sorted(os.sched_getaffinity(0) if allowed is None else allowed)
    node_of = {cpu: node.number for node in numa_nodes(nodes) for cpu in node.cores}
    siblings: dict[int, list[int]] = {}
    for cpu in usable:
        listed = _listed(_text(cpus / f"cpu{cpu}" / "topology" / "thread_siblings_list"))
        siblings.setdefault(min(listed, default=cpu), []).append(cpu)
    found = [Core(tuple(threads), node_of.get(threads[0])) for threads in siblings.values()]
    return tuple(sorted(found, key=lambda core: (-1 if core.node is None else core.node, core.cpus)))


def usable_cores(most: int | None) -> tuple[Core, ...]:
    """The physical cores for a run: no more than `most`, if given, and than the CPU quota of this process allows."""
    allowed = available_cores()
    return physical_cores()[: min(most or allowed, allowed)]


def memory_nodes(node: Node, nodes: Sequence[Node]) -> tuple[int, ...]:
    """Where a process on `node` should have its memory: the node itself, and HBM that is nearer to it than to others.

    HBM in flat mode forms nodes without cores.
    """
    with_cores = [other for other in nodes if other.cores]

    def nearest(memory: Node) -> Node:
        return min(with_cores, key=lambda other: memory.distances[nodes.index(other)])

    near = [other.number for other in nodes if not other.cores and other.memory and nearest(other) == node]
    return (node.number, *near)


def keep_to_node(number: int, root: Path = _NODES) -> Node:
    """Keeps this process, its threads and its memory to one NUMA node. Call it before threads start.

    Memory comes from the node's HBM first where there is any (flat mode), then from the node itself. Raises InputError
    for a node that does not exist or whose cores this process may not use, OSError where the system refuses.
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
    _keep_memory(node, nodes)
    return node


def keep_to_cpus(cpus: Collection[int], root: Path = _NODES) -> None:
    """Keeps this process to some hardware threads and, if all are of one NUMA node, its memory to that node.

    Call it before threads start. Memory is not kept to the node where the system does not permit it, as in many
    containers. Raises OSError if the process may not use these hardware threads.
    """
    os.sched_setaffinity(0, cpus)
    nodes = [node for node in numa_nodes(root) if node.cores]
    home = next((node for node in nodes if node.cores.issuperset(cpus)), None)
    if home is None or len(nodes) == 1:
        return
    with contextlib.suppress(OSError):
        _keep_memory(home, numa_nodes(root))


def _keep_memory(node: Node, nodes: Sequence[Node]) -> None:
    own, *near = memory_nodes(node, nodes)
    # Preferred, not bound: HBM is small, and what does not fit must find its place in the node's other memory.
    _set_memory_policy(_PREFERRED_MANY if near else _BIND, near or [own])


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
