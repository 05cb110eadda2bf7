# SPDX-License-Identifier: Apache-2.0
"""One relaxation. Whatever fails, the unrelaxed structure stays, and the record says why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from af2cpu import events
from af2cpu.outputs.layout import STRUCTURES, Layout, write_bytes
from af2cpu.pipeline.stages.files import files_of
from af2cpu.pipeline.stages.prediction import PREDICTION, names_and_texts
from af2cpu.records import PredictionId, Protein, Provenance, Relaxed
from af2cpu.relax.settings import RelaxSettings
from af2cpu.runs.records import RelaxationDone, RelaxationRecord, record_bytes
from af2cpu.workspace import Stage, Work, each


@dataclass(frozen=True)
class RelaxationTask:
    """A prediction to relax."""

    who: PredictionId
    layout: Layout
    settings: RelaxSettings
    provenance: Provenance


def _depends_on(work: Work[RelaxationTask]) -> Mapping[str, Any]:
    return {
        "prediction": work.one("prediction").content,
        "settings": asdict(work.task.settings),
        "files": names_and_texts(work.task.layout, work.task.provenance),
    }


def _make(work: Work[RelaxationTask], cores: int) -> RelaxationDone:
    from af2cpu.outputs.write import write_relaxed
    from af2cpu.relax.rounds import relax

    task, predicted = work.task, work.one("prediction")
    events.emit("line", f"{task.who.name}: relaxing")
    prediction = PREDICTION.read(predicted)
    relaxed = relax(Protein.from_prediction(prediction), task.settings, task.who.name)
    notes = relaxed.notes
    for note in notes:
        events.emit("note", f"{task.who.name}: {note}")
    if relaxed.relaxed:
        provenance = replace(task.provenance, network_templates=predicted.done.templates)
        notes += write_relaxed(task.layout, prediction, relaxed, predicted.done.confidence, provenance).notes
    else:
        task.layout.drop_old(["relaxed"], task.who)
    record = _record(relaxed, _structures(task) if relaxed.relaxed else {})
    write_bytes(work.file, record_bytes(record))
    events.emit("line" if record.relaxed else "note", f"{task.who.name}: {_result(record)}")
    return RelaxationDone(record, relaxed.seconds, notes)


def _record(relaxed: Relaxed, files: Mapping[str, str]) -> RelaxationRecord:
    return RelaxationRecord(
        relaxed=relaxed.relaxed,
        reason=relaxed.reason,
        notes=relaxed.notes,
        violations_before=tuple(relaxed.violations_before.astype(int).tolist()),
        violations_after=tuple(relaxed.violations_after.astype(int).tolist()),
        energy_before_kcal_mol=relaxed.energy_before_kcal_mol,
        energy_after_kcal_mol=relaxed.energy_after_kcal_mol,
        rmsd_heavy_angstrom=relaxed.rmsd_heavy,
        rounds=relaxed.rounds,
        steps=relaxed.steps,
        files=files,
    )


def _result(record: RelaxationRecord) -> str:
    if not record.relaxed:
        return f"not relaxed: {record.reason}"
    return f"relaxed, {record.remaining} residues with violations remain, moved by {record.rmsd_heavy_angstrom:.3f} A"


def _structures(task: RelaxationTask) -> dict[str, str]:
    """Content of the relaxed files by ending, under whichever name they have."""
    files = files_of(task.layout, task.who, [("relaxed", ending) for ending in STRUCTURES])
    return {name.removeprefix("relaxed"): content for name, content in files.items()}


def _intact(work: Work[RelaxationTask], done: RelaxationDone) -> bool:
    return not done.record.relaxed or _structures(work.task) == done.record.files


RELAXATION = Stage(
    name="relaxation", version=8, done=RelaxationDone, depends_on=_depends_on, make=each(_make), intact=_intact
)
