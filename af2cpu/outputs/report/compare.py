# SPDX-License-Identifier: Apache-2.0
"""Several runs side by side: the best prediction of each target in each run, and how alike they are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from af2cpu.errors import InputError
from af2cpu.geometry.similarity import similarities
from af2cpu.outputs.arrays import read_result
from af2cpu.outputs.report.find import Found, find_targets, prediction_id, read_run
from af2cpu.outputs.report.frames import view_frames
from af2cpu.outputs.report.trace import Stroke, trace
from af2cpu.records import Prediction
from af2cpu.runs.records import TargetRun


@dataclass(frozen=True)
class Compared:
    """The best prediction of a target in one run."""

    error: str | None = None  # why there is none, or what went wrong last
    link: str | None = None  # to the report, from the page's folder; None without a prediction
    best: str = ""
    plddt: float = 0.0  # mean, 0-100
    ptm: float | None = None
    iptm: float | None = None  # of a complex
    trace: tuple[Stroke, ...] = ()  # superposed on that of the first run that has the target
    rmsd: float | None = None  # angstrom, C-alpha atoms, to the first run that has the target
    tm: float | None = None  # TM-score to the same
    other_sequence: bool = False  # than in the first run that has the target: the structures are not compared


@dataclass(frozen=True)
class ComparedTarget:
    """A line of the page."""

    name: str
    residues: int | None  # in the first run that has the target
    chains: int  # in the same; 0 if there is none
    cells: tuple[Compared | None, ...]  # by run; None where a run does not know the target


@dataclass(frozen=True)
class Comparison:
    """The page."""

    runs: tuple[str, ...]  # folders, as they were given
    targets: tuple[ComparedTarget, ...]  # by name


@dataclass(frozen=True)
class _Best:
    """What is read of a target in one run."""

    found: Found
    run: TargetRun
    prediction: Prediction


def compare_runs(folders: Sequence[Path], page_folder: Path) -> Comparison:
    """Targets of the same name are compared; links are relative to `page_folder`.

    Raises InputError for a folder that does not exist or has no targets. A damaged target is reported in its cell.
    """
    runs = []
    for folder in folders:
        found = {one.name: one for one in find_targets(folder)}
        if not found:
            raise InputError(f"{folder}: no results of af2cpu predict in this folder; give the one that was its -o")
        runs.append(found)
    names = sorted({name for run in runs for name in run})
    targets = tuple(_target(name, [run.get(name) for run in runs], page_folder) for name in names)
    return Comparison(tuple(map(str, folders)), targets)


def _target(name: str, places: Sequence[Found | None], page_folder: Path) -> ComparedTarget:
    read = [_read(found) if found else None for found in places]
    first = next((one for one in read if isinstance(one, _Best)), None)
    cells = tuple(
        _cell(one, first, page_folder) if isinstance(one, _Best) else Compared(error=one) if one else None
        for one in read
    )
    return ComparedTarget(name, first.run.n_res if first else None, first.run.n_chains if first else 0, cells)


def _read(found: Found) -> _Best | str:
    """The best prediction, or why there is none."""
    if not found.done:
        return found.error or "no prediction yet"
    try:
        run = read_run(found.layout)
        who = prediction_id(run.best.name, run.settings["seed"])
        prediction = read_result(found.layout.of("result", who, ".npz"), who.model, extras=False)
    except InputError as error:
        return str(error)
    return _Best(found, run, prediction)


def _cell(one: _Best, first: _Best | None, page_folder: Path) -> Compared:
    comparable = first is not None and first is not one and first.run.sequence == one.run.sequence
    pair = [first.prediction, one.prediction] if first is not None and comparable else [one.prediction]
    frame, _ = view_frames(pair)[-1]
    rmsd, tm = similarities(pair)
    return Compared(
        error=one.found.error,
        link=quote(os.path.relpath(one.found.layout.page(), page_folder)),
        best=one.run.best.name,
        plddt=one.run.best.plddt,
        ptm=one.run.best.ptm,
        iptm=one.run.best.iptm,
        trace=trace(one.prediction, frame),
        rmsd=float(rmsd[0, 1]) if comparable else None,
        tm=float(tm[0, 1]) if comparable else None,
        other_sequence=first is not None and first.run.sequence != one.run.sequence,
    )
