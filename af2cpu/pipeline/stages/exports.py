"""The features in other programs' formats: ColabFold's a3m, AlphaFold 2's features.pkl."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from af2cpu.outputs.layout import Layout
from af2cpu.pipeline.stages.features import FEATURES
from af2cpu.pipeline.stages.files import hashes, unchanged
from af2cpu.run_records import FilesWritten
from af2cpu.workspace import Stage, Work, each


@dataclass(frozen=True)
class ExportsTask:
    """Which formats, and where they go."""

    layout: Layout
    af2_pickles: bool


def _depends_on(work: Work[ExportsTask]) -> Mapping[str, Any]:
    layout = work.task.layout
    return {
        "features": work.one("features").content,
        "files": [type(layout).__name__, layout.job, work.task.af2_pickles],
    }


def _make(work: Work[ExportsTask], cores: int) -> FilesWritten:
    from af2cpu.outputs.write import write_features_of

    features = FEATURES.read(work.one("features"))
    written = write_features_of(work.task.layout, features, af2_pickles=work.task.af2_pickles)
    return FilesWritten(hashes(work, written.paths))


EXPORTS = Stage(
    name="exports", version=1, done=FilesWritten, depends_on=_depends_on, make=each(_make), intact=unchanged
)
