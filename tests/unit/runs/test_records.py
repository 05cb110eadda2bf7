# SPDX-License-Identifier: Apache-2.0
"""run.json of proteins and of complexes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson
from prediction_cases import prediction

from af2cpu.confidence import confidence_of
from af2cpu.records import PredictionId
from af2cpu.runs.records import PassScores, PredictionScores, TargetRun, from_json, read_record

OF_COMPLEXES = {"iptm", "chains", "interfaces"}


def _run(sequence: str) -> TargetRun:
    p = prediction(sequence, model="model_1_multimer_v3")
    scores = PredictionScores.of(confidence_of(PredictionId(p.model, 0, 0), p))
    passes = {scores.name: (PassScores(50.0, 0.5, 0.0, p.iptm), PassScores(60.0, 0.75, 1.5, p.iptm))}
    return TargetRun(
        name="x", sequence=sequence, source="x", settings={}, ranking=(scores,), not_relaxed={}, passes=passes
    )


def test_scores_of_chains_are_kept(tmp_path: Path) -> None:
    run = _run("ACDE:FG:ACDE")
    (tmp_path / "run.json").write_bytes(orjson.dumps(run.as_json()))
    again = read_record(TargetRun, tmp_path / "run.json")
    assert again == run
    assert (again.n_chains, again.n_res) == (3, 10)
    assert [one.id for one in again.best.chains] == ["A", "B", "C"]
    assert [(one.a, one.b) for one in again.best.interfaces] == [("A", "B"), ("A", "C"), ("B", "C")]
    assert again.passes[run.best.name][1].iptm == again.best.iptm == 0.375


def test_a_proteins_record_has_none_of_them() -> None:
    run = _run("ACDE")
    content = run.as_json()
    assert content["ranking"][0].keys() == {"name", "plddt", "ptm"}
    assert all(line.keys() == {"plddt", "ptm", "change"} for line in content["passes"][run.best.name])
    assert from_json(TargetRun, content) == run
    assert set(_run("AC:DE").as_json()["ranking"][0]) == {"name", "plddt", "ptm"} | OF_COMPLEXES


def test_an_interface_without_contacts_is_read_back() -> None:
    run = _run("AC:DE")
    (interface,) = run.best.interfaces
    best = replace(run.best, interfaces=(replace(interface, contacts=0, contact_pae=None, mean_plddt=None),))
    again = from_json(TargetRun, orjson.loads(orjson.dumps(replace(run, ranking=(best,)).as_json())))
    assert again.best.interfaces[0].mean_plddt is None
