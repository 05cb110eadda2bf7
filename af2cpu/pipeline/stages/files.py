# SPDX-License-Identifier: Apache-2.0
"""Files that a stage writes beside its artefact: their content, to see whether they are unchanged."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from af2cpu.outputs.layout import Layout
from af2cpu.records import PredictionId
from af2cpu.runs.records import FeaturesMade, FilesWritten
from af2cpu.workspace import Work, content_hash


def hashes(work: Work[Any], paths: Collection[Path]) -> dict[str, str]:
    """Content of files by their path from the artefact's folder. Raises OSError."""
    return {os.path.relpath(path, work.folder): content_hash(path) for path in paths}


def unchanged(work: Work[Any], done: FilesWritten | FeaturesMade) -> bool:
    """Whether the files that a stage wrote beside its artefact are still what they were."""
    places = ((work.folder / name, content) for name, content in done.files.items())
    return all(path.is_file() and content_hash(path) == content for path, content in places)


def files_of(layout: Layout, who: PredictionId, kinds: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Content of a prediction's files of some kinds and endings, under the names that they have now."""
    found = {kind + ending: layout.find(kind, who, ending) for kind, ending in kinds}
    return {name: content_hash(path) for name, path in found.items() if path is not None}
