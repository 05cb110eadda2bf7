# SPDX-License-Identifier: Apache-2.0
"""The features in other programs' formats: ColabFold's a3m, AlphaFold 2's features.pkl."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from af2cpu import events
from af2cpu.outputs.layout import ColabFoldLayout, Layout
from af2cpu.pipeline.stages.features import FEATURES
from af2cpu.pipeline.stages.files import hashes, unchanged
from af2cpu.records import Query
from af2cpu.runs.records import FilesWritten
from af2cpu.workspace import Stage, Work, each


@dataclass(frozen=True)
class ExportsTask:
    """Which formats, and where they go."""

    query: Query
    layout: Layout
    af2_pickles: bool


def _depends_on(work: Work[ExportsTask]) -> Mapping[str, Any]:
    layout = work.task.layout
    return {
        "features": work.one("features").content,
        "alignments": [alignment.content for alignment in work.all("alignments")],
        "files": [type(layout).__name__, layout.job, work.task.af2_pickles],
    }


def _make(work: Work[ExportsTask], cores: int) -> FilesWritten:
    from af2cpu.outputs.write import write_features_of

    features = FEATURES.read(work.one("features"))
    names = _row_names(work, features.n_seq) if isinstance(work.task.layout, ColabFoldLayout) else None
    written = write_features_of(work.task.layout, features, names, af2_pickles=work.task.af2_pickles)
    return FilesWritten(hashes(work, written.paths))


def _row_names(work: Work[ExportsTask], n_seq: int) -> list[list[str]] | None:
    """Names of the MSA's rows, from the alignments that the features were made of; None if those are gone or others."""
    from af2cpu.features.msa import row_names
    from af2cpu.query import read_given

    if work.task.query.n_chains > 1:
        return None  # rows of several alignments side by side
    names = row_names([read_given(one.file, work.task.query) for one in work.all("alignments")] or [])
    if len(names) == n_seq:
        return [names]
    events.emit("note", "the rows of the a3m are numbered: the alignments that the features were made of are not there")
    return None


EXPORTS = Stage(
    name="exports", version=2, done=FilesWritten, depends_on=_depends_on, make=each(_make), intact=unchanged
)
