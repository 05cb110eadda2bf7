# SPDX-License-Identifier: Apache-2.0
"""Pictures: coverage of the alignment, pLDDT and PAE of the ranked predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from af2cpu.outputs.layout import Layout
from af2cpu.pipeline.stages.features import FEATURES
from af2cpu.pipeline.stages.files import hashes, unchanged
from af2cpu.pipeline.stages.prediction import PREDICTION
from af2cpu.runs.records import FilesWritten
from af2cpu.workspace import Stage, Work, each


@dataclass(frozen=True)
class PlotsTask:
    """Where the pictures go."""

    layout: Layout


def _depends_on(work: Work[PlotsTask]) -> Mapping[str, Any]:
    return {
        "features": work.one("features").content,
        "predictions": [prediction.content for prediction in work.all("predictions")],
        "order": work.one("ranking").done.order,
        "job": work.task.layout.job,
    }


def _make(work: Work[PlotsTask], cores: int) -> FilesWritten:
    from af2cpu.outputs.write import write_plots

    predictions = {one.done.confidence.who.name: PREDICTION.read(one) for one in work.all("predictions")}
    ranking = work.one("ranking").done.ranking
    written = write_plots(work.task.layout, FEATURES.read(work.one("features")), ranking, predictions)
    return FilesWritten(hashes(work, written.paths))


PLOTS = Stage(name="plots", version=2, done=FilesWritten, depends_on=_depends_on, make=each(_make), intact=unchanged)
