# SPDX-License-Identifier: Apache-2.0
"""Which workers a run refuses, and what it says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from af2cpu.ops import isa
from af2cpu.schedule.workers.accepted import refusal
from af2cpu.schedule.workers.tasks import WorkerInfo
from af2cpu.version import __version__

WORKER = WorkerInfo("one", "host", 4, True, 10**9, __version__, "avx512", 17)


@pytest.fixture(autouse=True)
def _levels(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernels of the run's host."""
    monkeypatch.setattr(isa, "levels", lambda: ["scalar", "avx2", "avx512"])


def test_a_worker_like_the_run_is_used() -> None:
    assert refusal(WORKER, "avx512") == ""
    assert refusal(replace(WORKER, isa="amx"), None) == ""  # this run has no kernels: nothing depends on them
    assert refusal(replace(WORKER, isa="avx2", predicts=False), "avx512") == ""


def test_others_are_refused() -> None:
    assert refusal(None, None) == "start workers with af2cpu worker"
    assert refusal(replace(WORKER, version="0.0"), None) == f"it has af2cpu 0.0, and this run {__version__}"
    assert refusal(replace(WORKER, isa=None), "avx512") == "its installation has no kernels, and this run uses them"


@pytest.mark.parametrize(("theirs", "common"), [("avx2", "avx2"), ("amx", "avx512")])
def test_the_instruction_set_for_all_is_one_that_all_have(theirs: str, common: str) -> None:
    reason = refusal(replace(WORKER, isa=theirs), "avx512")
    assert reason.startswith(f"its kernels run on {theirs}, and those of this run on avx512")
    assert reason.endswith(f"; set AF2CPU_ISA={common} for all")
