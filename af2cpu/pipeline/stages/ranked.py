# SPDX-License-Identifier: Apache-2.0
"""Writes ranking_debug.json and names files by rank."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from af2cpu.outputs.layout import Layout
from af2cpu.pipeline.stages.files import hashes, unchanged
from af2cpu.runs.records import FilesWritten, to_json
from af2cpu.workspace import Stage, Work, each


@dataclass(frozen=True)
class RankedTask:
    """A protein whose predictions are ranked and, as many as are to be, relaxed."""

    layout: Layout
    relax: bool  # whether any prediction is to be relaxed


def _depends_on(work: Work[RankedTask]) -> Mapping[str, Any]:
    return {
        "ranking": to_json(work.one("ranking").done),
        "predictions": [prediction.content for prediction in work.all("predictions")],
        "relaxations": [relaxation.content for relaxation in work.all("relaxations")],
        "layout": [type(work.task.layout).__name__, work.task.layout.job, work.task.relax],
    }


def _make(work: Work[RankedTask], cores: int) -> FilesWritten:
    from af2cpu.outputs.write import write_ranking

    task = work.task
    violations = {
        name: np.array(done.record.violations_after) for name, done in relaxations(work).items() if done.record.relaxed
    }
    paths = write_ranking(task.layout, work.one("ranking").done.ranking, violations if task.relax else None).paths
    return FilesWritten(hashes(work, paths))


def relaxations(work: Work[Any]) -> dict[str, Any]:
    """RelaxationDone of each prediction that was to be relaxed, by its name, best first."""
    named = {receipt.file.stem.removeprefix("relax_"): receipt.done for receipt in work.all("relaxations")}
    return {name: named[name] for name in work.one("ranking").done.order if name in named}


RANKED = Stage(name="ranked", version=1, done=FilesWritten, depends_on=_depends_on, make=each(_make), intact=unchanged)
