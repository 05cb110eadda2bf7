"""ranking_debug.json, and names of files that tell the ranks."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from af2cpu.outputs.layout import Layout
from af2cpu.run_records import FilesWritten, to_json
from af2cpu.workspace import Stage, Work, content_hash, each


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


def hashes(work: Work[Any], paths: Collection[Path]) -> dict[str, str]:
    """Content of files by their path from the artefact's folder."""
    return {os.path.relpath(path, work.folder): content_hash(path) for path in paths}


def unchanged(work: Work[Any], done: FilesWritten) -> bool:
    """Whether the files that a stage wrote beside its artefact are still what they were."""
    places = ((work.folder / name, content) for name, content in done.files.items())
    return all(path.is_file() and content_hash(path) == content for path, content in places)


RANKED = Stage(name="ranked", version=1, done=FilesWritten, depends_on=_depends_on, make=each(_make), intact=unchanged)
