# SPDX-License-Identifier: Apache-2.0
"""Plans the worker processes of one host: how many, on which cores, which of them run the network.

Pure functions of the host's cores. Physical cores are shared out; the SMT siblings of a core go with it and are not
counted. Each worker runs one task at a time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from af2cpu.cores import Core
from af2cpu.errors import InputError
from af2cpu.words import counted

# On fewer cores there are no helpers: taking cores away from the network would cost more than helpers gain.
_MIN_CORES_FOR_HELPERS = 16
_HELPER_SHARE = 1 / 16  # of the cores, where the work is not known
_HEADROOM, _MAX_SHARE = 1.5, 1 / 2  # helpers get more cores than their work needs: what they do should not wait


@dataclass(frozen=True)
class WorkerPlan:
    """One worker process."""

    name: str  # unique on its host
    cores: int  # physical cores, and threads of the network
    cpus: tuple[int, ...]  # hardware threads that it keeps to
    predicts: bool  # whether it runs the network; helpers run everything else
    node: int | None = None  # NUMA node, if all its cores are in one


def helper_share(narrow_seconds: float, all_seconds: float) -> float:
    """The share of a large host's cores for helpers, by the core seconds of a graph's nodes.

    narrow: nodes that use a core or two, such as relaxation. Searches use many, as predictions do, and are made by the
    same workers: these search while no prediction is ready, so that no core waits for the other kind of work.
    """
    return min(_HEADROOM * narrow_seconds / all_seconds, _MAX_SHARE) if all_seconds > 0 else _HELPER_SHARE


def plan_workers(
    cores: Sequence[Core],
    *,
    workers: int | None = None,
    cores_per_fold: int | None = None,
    share: float = _HELPER_SHARE,
    helper_cores: int = 1,
) -> tuple[WorkerPlan, ...]:
    """The workers of a host.

    Without `workers`: on 16 cores or more one worker per NUMA node that runs the network and searches, or as many of
    `cores_per_fold` as fit on it, after `share` of the host's cores has been left to helpers of `helper_cores` each,
    which relax and finish targets meanwhile. On fewer cores two workers that do everything, so that steps on one core
    overlap the network.

    With `workers`: so many that do everything, with equal numbers of cores; cores that `cores_per_fold` leaves are
    helpers. Raises InputError if there are too few cores, also on a node.
    """
    if workers is not None:
        return _given(cores, workers, cores_per_fold, helper_cores)
    if len(cores) < _MIN_CORES_FOR_HELPERS:
        if cores_per_fold is None:
            return _given(cores, min(2, len(cores)), None, helper_cores)
        if cores_per_fold > len(cores):
            raise InputError(f"--cores-per-fold {cores_per_fold}: only {counted(len(cores), 'core')} can be used")
        return _given(cores, len(cores) // cores_per_fold, cores_per_fold, helper_cores)
    predictors: list[Sequence[Core]] = []
    helpers: list[Sequence[Core]] = []
    nodes = [list(found) for _, found in groupby(cores, key=lambda core: core.node)]
    for of_node, reserved in zip(nodes, _reserved(nodes, share, helper_cores), strict=True):
        size = cores_per_fold or len(of_node) - reserved
        if size > len(of_node):
            raise InputError(
                f"--cores-per-fold {size}: a worker keeps to one NUMA node, and one has {counted(len(of_node), 'core')}"
            )
        count = max(1, (len(of_node) - reserved) // size)
        predictors += [of_node[k * size : (k + 1) * size] for k in range(count)]
        helpers += _cut(of_node[count * size :], helper_cores)
    return (*_named("predict", predictors, predicts=True), *_named("help", helpers, predicts=False))


def _reserved(nodes: Sequence[Sequence[Core]], share: float, helper_cores: int) -> list[int]:
    """Cores of each NUMA node that are left to helpers: at least one helper on the host, none on a node of one core."""
    large = [number for number, cores in enumerate(nodes) if len(cores) > 1]
    helpers = max(1, math.ceil(share * sum(map(len, nodes)) / helper_cores))
    reserved = [0] * len(nodes)
    for place, number in enumerate(large):
        wanted = helpers // len(large) + (place < helpers % len(large))
        reserved[number] = min(wanted * helper_cores, len(nodes[number]) - 1)
    return reserved


def _given(
    cores: Sequence[Core], workers: int, cores_per_fold: int | None, helper_cores: int
) -> tuple[WorkerPlan, ...]:
    needed = workers * (cores_per_fold or 1)
    if needed > len(cores):
        flags = f"--workers {workers}" + (f" --cores-per-fold {cores_per_fold}" if cores_per_fold else "")
        raise InputError(f"{flags}: {needed} cores are needed and {counted(len(cores), 'core')} can be used")
    size, more = (cores_per_fold, 0) if cores_per_fold else divmod(len(cores), workers)
    parts, start = [], 0
    for k in range(workers):
        end = start + size + (k < more)
        parts.append(cores[start:end])
        start = end
    return (
        *_named("predict", parts, predicts=True),
        *_named("help", _cut(cores[start:], helper_cores), predicts=False),
    )


def _cut(cores: Sequence[Core], size: int) -> list[Sequence[Core]]:
    return [cores[start : start + size] for start in range(0, len(cores), size)]


def _named(kind: str, parts: Sequence[Sequence[Core]], *, predicts: bool) -> list[WorkerPlan]:
    return [_plan(f"{kind}-{k}", part, predicts) for k, part in enumerate(parts)]


def _plan(name: str, cores: Sequence[Core], predicts: bool) -> WorkerPlan:
    nodes = {core.node for core in cores}
    cpus = tuple(cpu for core in cores for cpu in core.cpus)
    return WorkerPlan(name, len(cores), cpus, predicts, nodes.pop() if len(nodes) == 1 else None)
