# SPDX-License-Identifier: Apache-2.0
"""Worker processes planned from made-up machines: NUMA nodes, SMT, HBM, few cores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from af2cpu.cores import Core, physical_cores
from af2cpu.errors import InputError
from af2cpu.schedule.workers.plan import helper_share, plan_workers


def machine(root: Path, nodes: Sequence[Sequence[int]], siblings: Sequence[Sequence[int]]) -> dict[str, Path]:
    """Folders as below /sys/devices/system: hardware threads by node, and those of each core."""
    for number, cpus in enumerate(nodes):
        folder = root / "node" / f"node{number}"
        folder.mkdir(parents=True)
        (folder / "cpulist").write_text(",".join(map(str, cpus)) + "\n")
        (folder / "distance").write_text(" ".join(["10"] * len(nodes)) + "\n")
        (folder / "meminfo").write_text(f"Node {number} MemTotal: 1000 kB\n")
    for threads in siblings:
        for cpu in threads:
            folder = root / "cpu" / f"cpu{cpu}" / "topology"
            folder.mkdir(parents=True)
            (folder / "thread_siblings_list").write_text(",".join(map(str, threads)) + "\n")
    return {"cpus": root / "cpu", "nodes": root / "node"}


def cores(*sizes: int) -> tuple[Core, ...]:
    """A machine with nodes of these numbers of cores, without SMT."""
    numbers = iter(range(sum(sizes)))
    return tuple(Core((next(numbers),), node) for node, size in enumerate(sizes) for _ in range(size))


def test_siblings_are_one_core(tmp_path: Path) -> None:
    """Two sockets of two cores with two threads each, numbered as Linux does; the third node is HBM without cores."""
    paths = machine(tmp_path, [[0, 1, 4, 5], [2, 3, 6, 7], []], [[0, 4], [1, 5], [2, 6], [3, 7]])
    assert physical_cores(range(8), **paths) == (Core((0, 4), 0), Core((1, 5), 0), Core((2, 6), 1), Core((3, 7), 1))
    assert physical_cores([4, 2, 6], **paths) == (Core((4,), 0), Core((2, 6), 1))  # what the batch system gave


def test_a_machine_that_lists_nothing_has_a_core_per_thread(tmp_path: Path) -> None:
    assert physical_cores([3, 1], tmp_path, tmp_path) == (Core((1,)), Core((3,)))


def test_two_cores_are_two_workers_that_do_everything() -> None:
    for workers in (None, 2):
        plans = plan_workers(cores(2), workers=workers)
        assert [(plan.cores, plan.cpus, plan.predicts) for plan in plans] == [(1, (0,), True), (1, (1,), True)]
    (one,) = plan_workers(cores(1))
    assert (one.cores, one.predicts) == (1, True)


def test_one_predictor_per_node_and_helpers_beside_it() -> None:
    plans = plan_workers(cores(32, 32), share=1 / 8)
    predictors = [plan for plan in plans if plan.predicts]
    helpers = [plan for plan in plans if not plan.predicts]
    assert [(plan.cores, plan.node) for plan in predictors] == [(28, 0), (28, 1)]
    assert [(plan.cores, plan.node) for plan in helpers] == [(1, 0)] * 4 + [(1, 1)] * 4
    used = [cpu for plan in plans for cpu in plan.cpus]
    assert sorted(used) == list(range(64))
    assert len({plan.name for plan in plans}) == len(plans)


def test_cores_per_fold_stay_on_a_node_and_the_rest_helps() -> None:
    plans = plan_workers(cores(24, 24), cores_per_fold=10, share=1 / 16)
    assert [(plan.cores, plan.node) for plan in plans if plan.predicts] == [(10, 0), (10, 0), (10, 1), (10, 1)]
    assert sum(plan.cores for plan in plans if not plan.predicts) == 8
    assert all(plan.node is not None for plan in plans)


def test_a_worker_is_not_larger_than_a_node() -> None:
    with pytest.raises(InputError, match="--cores-per-fold 12: a worker keeps to one NUMA node, and one has 8 cores"):
        plan_workers(cores(16, 8), cores_per_fold=12)


def test_given_workers_share_the_cores() -> None:
    assert [plan.cores for plan in plan_workers(cores(8), workers=3)] == [3, 3, 2]
    plans = plan_workers(cores(8), workers=2, cores_per_fold=3, helper_cores=2)
    assert [(plan.cores, plan.predicts) for plan in plans] == [(3, True), (3, True), (2, False)]
    spread = plan_workers(cores(4, 4), workers=1)
    assert (spread[0].cores, spread[0].node) == (8, None)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"workers": 3}, "--workers 3: 3 cores are needed and 2 cores can be used"),
        ({"workers": 2, "cores_per_fold": 2}, "--workers 2 --cores-per-fold 2: 4 cores are needed"),
        ({"cores_per_fold": 4}, "--cores-per-fold 4: only 2 cores can be used"),
    ],
)
def test_more_than_the_cores_is_refused(wanted: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        plan_workers(cores(2), **wanted)  # type: ignore[arg-type]


def test_helpers_follow_the_work() -> None:
    assert helper_share(10.0, 100.0) == pytest.approx(0.15)
    assert helper_share(90.0, 100.0) == pytest.approx(1 / 2)
    assert helper_share(0.0, 0.0) == pytest.approx(1 / 16)


def test_helpers_are_of_the_host_and_not_of_each_node() -> None:
    """Eight NUMA nodes with eight cores each: 3 % of the cores are two, not one of each node."""
    plans = plan_workers(cores(*[8] * 8), share=0.03)
    assert [plan.cores for plan in plans if plan.predicts] == [7, 7, *[8] * 6]
    assert [(plan.cores, plan.node) for plan in plans if not plan.predicts] == [(1, 0), (1, 1)]
    wide = plan_workers(cores(32, 32), share=0.03, helper_cores=4)
    assert [(plan.cores, plan.predicts) for plan in wide] == [(28, True), (32, True), (4, False)]
