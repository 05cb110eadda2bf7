# SPDX-License-Identifier: Apache-2.0
"""When worker processes pay: for batches that are long enough, and where they fit into the memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from plan_cases import MACHINE, search_plan

from af2cpu import events
from af2cpu.cores import Core
from af2cpu.errors import InputError
from af2cpu.pipeline.graph import build_graph
from af2cpu.pipeline.local import run_graph
from af2cpu.plan.jobs import Job
from af2cpu.plan.models import ModelPlan
from af2cpu.plan.plan import Plan
from af2cpu.records import Query
from af2cpu.schedule.choose import runner_for
from af2cpu.schedule.runner import run_on_cluster
from af2cpu.schedule.workers import open_files
from af2cpu.search.databases import DatabaseSet
from af2cpu.settings import RunSettings

MODELS = tuple(ModelPlan(f"model_{k}_ptm", "params.npz", f"content {k}", 93_000_000, 3, 0.0) for k in (1, 2))


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("af2cpu.cores.physical_cores", lambda: (Core((0,)), Core((1,))))
    monkeypatch.setattr("af2cpu.cores.available_cores", lambda: 2)


def chosen(
    out: Path, targets: int, residues: int = 100, *, memory: int = 16 * 10**9, auto: bool = True, **given: Any
) -> Any:
    """The function that would run so many targets whose alignments are given."""
    plan = search_plan(out, [], DatabaseSet((), None, None, None), RunSettings(**given))
    alignment = out / "mine.a3m"
    alignment.write_text(">mine\nA\n")
    queries = [Query(f"t{k}", "A" * residues, "", "made up") for k in range(targets)]
    made = (Job.of(query, out / query.name) for query in queries)
    jobs = tuple(replace(job, entities=(replace(job.entities[0], alignments=(alignment,)),)) for job in made)
    machine = replace(MACHINE, memory=memory)
    plan = Plan(**vars(plan) | {"jobs": jobs, "models": MODELS, "machine": machine})
    return runner_for(plan, build_graph(plan), auto=auto).func  # type: ignore[attr-defined]


def test_one_target_runs_in_the_process(tmp_path: Path) -> None:
    assert chosen(tmp_path, 1) is run_graph
    assert chosen(tmp_path, 1, workers=2) is run_on_cluster


def test_a_long_batch_gets_workers(tmp_path: Path) -> None:
    assert chosen(tmp_path, 4) is run_on_cluster
    assert chosen(tmp_path, 4, workers=1) is run_graph
    assert chosen(tmp_path, 4, auto=False) is run_graph  # Python's API


def test_what_does_not_fit_beside_other_processes_stays_in_this_one(tmp_path: Path) -> None:
    assert chosen(tmp_path, 4, memory=15 * 10**8) is run_graph


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"slurm": True, "pbs": True}, "--slurm and --pbs: give one of them"),
        ({"slurm": True, "scheduler": "tcp://a:1"}, "--slurm and --scheduler: give one of them"),
        ({"tls_ca": Path("ca.pem")}, "--tls-cert: is missing"),
        ({"workers": 9}, "--workers 9: 9 cores are needed and 2 cores can be used"),
    ],
)
def test_settings_that_do_not_go_together(tmp_path: Path, given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        chosen(tmp_path, 2, **given)


def _limited(monkeypatch: pytest.MonkeyPatch, soft: int, hard: int) -> list[tuple[int, int]]:
    """This process has 20 files open and these limits; the limits that it sets."""
    found: list[tuple[int, int]] = []
    monkeypatch.setattr(open_files.os, "listdir", lambda path: ["a file"] * 20)
    monkeypatch.setattr(open_files.resource, "getrlimit", lambda which: (soft, hard))
    monkeypatch.setattr(open_files.resource, "setrlimit", lambda which, limits: found.append(limits))
    return found


def test_too_few_open_files_for_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _limited(monkeypatch, 60, 80)
    said: list[str] = []
    with events.listening(lambda event: said.append(event.text)):
        assert chosen(tmp_path, 4) is run_graph
    assert said == ["no worker processes: 2 worker processes may need 108 open files, and the limit is 80 (ulimit -n)"]
    with pytest.raises(InputError, match=r"--workers 2: 2 worker processes may need 108 open files.*; raise the limit"):
        chosen(tmp_path, 4, workers=2)
    assert chosen(tmp_path, 4, workers=1) is run_graph


def test_the_soft_limit_on_open_files_is_raised_where_the_hard_one_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = _limited(monkeypatch, 60, 4096)
    assert chosen(tmp_path, 4) is run_on_cluster
    assert limits == [(108, 4096)]
