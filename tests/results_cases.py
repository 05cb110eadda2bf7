# SPDX-License-Identifier: Apache-2.0
"""Results folders that tests write as a run does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from output_cases import PROVENANCE, relaxed
from prediction_cases import prediction

from af2cpu.confidence import confidence_of, rank
from af2cpu.outputs.arrays import read_result
from af2cpu.outputs.layout import LAYOUTS, Layout
from af2cpu.outputs.write import (
    write_done,
    write_prediction,
    write_ranking,
    write_relaxed,
)
from af2cpu.records import Confidence, Prediction, PredictionId, Relaxed

SEQUENCE = "MKVLAX"
JOB = "a_protein"
PLDDT = {"model_1_ptm": 60.0, "model_2_ptm": 80.0}  # the second is the best


def layout_in(name: str, folder: Path) -> Layout:
    folder.mkdir(exist_ok=True)
    return LAYOUTS[name](folder, JOB)


def predicted(model: str, seed: int = 0, sequence: str = SEQUENCE) -> Prediction:
    plddt = PLDDT.get(model, 50)  # and pTM, so that a complex has the same ranks
    many = np.full(len(sequence.replace(":", "")), plddt, np.float32)
    return prediction(sequence, model=model, seed=seed, plddt=many, ptm=plddt / 100)


def run_into(
    layout: Layout, models: tuple[str, ...] = tuple(PLDDT), relax: bool = True, sequence: str = SEQUENCE
) -> list[str]:
    """A run as the pipeline does it: what is there is used again. Returns the notes."""
    notes: list[str] = []
    scored: dict[str, tuple[Prediction, Confidence]] = {}
    for model in models:
        who = PredictionId(model, 0, 0)
        done = layout.find("result", who, ".npz")
        p = read_result(done, model) if done else predicted(model, sequence=sequence)
        scored[who.name] = p, confidence_of(who, p)
        if not done:
            notes += write_prediction(layout, *scored[who.name], PROVENANCE).notes
    ranking = rank(confidence for _, confidence in scored.values())
    results: dict[str, Relaxed] = {}
    if relax:
        best = ranking.entries[0]
        p, confidence = scored[best.who.name]
        results[best.who.name] = relaxed(p)
        if not layout.find("relaxed", best.who, ".cif"):
            notes += write_relaxed(layout, p, results[best.who.name], confidence, PROVENANCE).notes
    violations = {name: result.violations_after for name, result in results.items()}
    write_ranking(layout, ranking, violations if relax else None)
    write_done(layout)
    return notes


def contents(folder: Path) -> dict[str, bytes]:
    """Without temporary files."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
