# SPDX-License-Identifier: Apache-2.0
"""The targets of a results folder, in both layouts, those without results among them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from af2cpu.errors import InputError
from af2cpu.outputs.layout import AlphaFoldLayout, ColabFoldLayout, Layout
from af2cpu.records import PredictionId
from af2cpu.runs.failures import failure_path, read_failure
from af2cpu.runs.records import TargetRun, read_record

_RUN = "run.json"  # written when a target is done
_SEARCH = "search.json"  # written when its features are made


@dataclass(frozen=True)
class Found:
    """One target of a results folder."""

    layout: Layout
    work: Path  # where features.npz, search.json and log.txt of it are
    error: str | None  # that there are no results, or that the last run of it failed, and why
    failed: bool = False  # in the last run; there may be results of an earlier one

    @property
    def name(self) -> str:
        return self.layout.job

    @property
    def done(self) -> bool:
        """Whether there are results, of this run or of one before."""
        return self.layout.document("run").is_file()


def find_targets(out: Path) -> list[Found]:
    """Sorted by name. `out` is the folder of a run or, in AlphaFold 2's layout, that of one target.

    Raises InputError if there is no such folder.
    """
    if not out.is_dir():
        raise InputError(f"{out}: no such folder; give the one that af2cpu predict -o wrote")
    if (out / _RUN).is_file():
        return [_found(AlphaFoldLayout(out, out.resolve().name), out)]
    colabfold = {path.name.removesuffix(f"_{_RUN}") for path in out.glob(f"?*_{_RUN}")}
    found = [_found(ColabFoldLayout(out, job), out / job) for job in colabfold]
    found += [
        _found(AlphaFoldLayout(folder, folder.name), folder)
        for folder in out.iterdir()
        if (folder / _RUN).is_file() or (_has_begun(folder) and folder.name not in colabfold)
    ]
    return sorted(found, key=lambda one: one.layout.document("run").as_posix())


def read_run(layout: Layout) -> TargetRun:
    """run.json of a target. Raises InputError that names it if it is missing, damaged or not of this program."""
    path = layout.document("run")
    run = read_record(TargetRun, path)
    if not run.ranking:
        raise InputError(f"{path}: lacks any prediction; run af2cpu predict again")
    return run


def prediction_id(name: str, seed: int) -> PredictionId:
    """The prediction of a name such as model_1_ptm_pred_0 in a run with `seed`."""
    model, _, index = name.rpartition("_pred_")
    return PredictionId(model, int(index), seed + int(index))


def _found(layout: Layout, work: Path) -> Found:
    failure = read_failure(work)
    if failure:
        return Found(layout, work, f"failed: {failure.message}", failed=True)
    return Found(layout, work, None if layout.document("run").is_file() else "no prediction yet")


def _has_begun(folder: Path) -> bool:
    """Whether a folder is that of a target without results yet."""
    return (folder / _SEARCH).is_file() or failure_path(folder).is_file()
