"""Pictures: coverage of the alignment, pLDDT and PAE of the ranked predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from af2cpu.formats.features import read_features
from af2cpu.outputs.layout import Layout
from af2cpu.pipeline.stages.ranked import hashes, unchanged
from af2cpu.records import Prediction
from af2cpu.run_records import FilesWritten
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


def predictions(work: Work[Any]) -> dict[str, Prediction]:
    """The predictions of a protein by name, read from their files."""
    from af2cpu.outputs.arrays import read_result

    named = ((receipt.done.confidence.who, receipt.file) for receipt in work.all("predictions"))
    return {who.name: read_result(path, who.model, extras=False) for who, path in named}


def _make(work: Work[PlotsTask], cores: int) -> FilesWritten:
    from af2cpu.outputs.write import write_plots

    features = work.one("features").file
    ranking = work.one("ranking").done.ranking
    written = write_plots(work.task.layout, read_features(features), ranking, predictions(work))
    return FilesWritten(hashes(work, written.paths))


PLOTS = Stage(name="plots", version=2, done=FilesWritten, depends_on=_depends_on, make=each(_make), intact=unchanged)
