# SPDX-License-Identifier: Apache-2.0
"""report.html, and in ColabFold's layout the sign that a job is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from af2cpu.outputs.layout import Layout
from af2cpu.pipeline.stages.files import hashes, unchanged
from af2cpu.runs.records import FilesWritten
from af2cpu.workspace import Stage, Work, each


@dataclass(frozen=True)
class ReportTask:
    """Where the page goes, and the folder of the target's features."""

    layout: Layout
    folder: Path


def _depends_on(work: Work[ReportTask]) -> Mapping[str, Any]:
    return {
        "run": work.one("run").content,
        "predictions": [prediction.content for prediction in work.all("predictions")],
        "features": work.one("features").content,
    }


def _make(work: Work[ReportTask], cores: int) -> FilesWritten:
    from af2cpu.outputs.report import write_report
    from af2cpu.outputs.write import write_done

    write_report(work.task.layout, work.task.folder)
    return FilesWritten(hashes(work, write_done(work.task.layout).paths))


REPORT = Stage(name="report", version=3, done=FilesWritten, depends_on=_depends_on, make=each(_make), intact=unchanged)
