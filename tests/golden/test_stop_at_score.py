# SPDX-License-Identifier: Apache-2.0
"""--stop-at-score: no further predictions of a target once one is good enough; another score makes what is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from plan_cases import ONE, TWO, tiny_plan, tiny_run, told

from af2cpu.pipeline.graph import build_graph
from af2cpu.pipeline.run import Outcome, run
from af2cpu.pipeline.survey import survey
from af2cpu.plan.plan import Plan
from af2cpu.schedule.choose import runner_for


def plan_of(folder: Path, fasta: str = ONE, **settings: Any) -> Plan:
    return tiny_plan(folder, fasta, **_four(fasta) | settings)


def predicted(folder: Path, fasta: str = ONE, **settings: Any) -> list[Outcome]:
    return tiny_run(folder, fasta, **_four(fasta) | settings)


def _four(fasta: str) -> dict[str, Any]:
    """Four predictions of each target."""
    return {"models": ["tiny_multimer" if fasta is TWO else "tiny"], "num_seeds": 4}


def scores(outcome: Outcome) -> list[float]:
    """Of the predictions in the order in which they are made."""
    assert outcome.ranking
    return [entry.out_of_100 for entry in sorted(outcome.ranking.entries, key=lambda one: one.who.index)]


def split(found: list[float]) -> tuple[int, float]:
    """The first prediction that is better than the first, and a score between it and all before it."""
    last = next(k for k in range(1, len(found)) if found[k] > max(found[:k]))
    return last, (max(found[:last]) + found[last]) / 2


@pytest.mark.parametrize("fasta", [ONE, TWO])
def test_none_is_made_after_one_that_is_good_enough(tmp_path: Path, computed: list[str], fasta: str) -> None:
    (every,) = predicted(tmp_path / "every", fasta)
    found = scores(every)
    last, score = split(found)
    computed.clear()
    with told("line") as lines:
        (until,) = predicted(tmp_path / "until", fasta, stop_at_score=score)
    assert computed == [f"{until.name} {k}" for k in range(last + 1)]
    assert scores(until) == found[: last + 1]
    assert until.run
    name = f"{plan_of(tmp_path, fasta).models[0].name}_pred_{last}"
    assert [line.text for line in lines if "further" in line.text] == [
        f"{name} scores {found[last]:.1f}: no further predictions are needed"
    ]
    assert until.run.notes[-1].startswith(f"{last + 1} of 4 predictions were made: {name} scores")
    folder = until.folder
    assert {path.name for path in folder.glob("ranked_*.pdb")} == {f"ranked_{k}.pdb" for k in range(last + 1)}
    assert len(json.loads((folder / "ranking_debug.json").read_bytes())["order"]) == last + 1


def test_a_higher_score_makes_the_others_and_no_more(tmp_path: Path, computed: list[str]) -> None:
    (every,) = predicted(tmp_path / "every", relax="best")
    last, score = split(scores(every))
    computed.clear()
    predicted(tmp_path / "until", relax="best", stop_at_score=score)
    assert len(computed) == last + 1
    (again,) = predicted(tmp_path / "until", relax="best", stop_at_score=score)
    assert again.reused
    assert again.run
    assert list(again.run.not_relaxed) == [f"tiny_pred_{last}"]  # the best of those that were made; noise
    assert len(computed) == last + 1
    (all_of_them,) = predicted(tmp_path / "until", relax="best", stop_at_score=100)
    assert computed == [f"one {k}" for k in range(4)]
    assert all_of_them.run
    assert every.run
    assert all_of_them.ranking == every.ranking
    assert all_of_them.run.not_relaxed == every.run.not_relaxed
    files = [(tmp_path / place / "out/one/ranking_debug.json").read_bytes() for place in ("every", "until")]
    assert files[0] == files[1]
    (fewer,) = predicted(tmp_path / "until", relax="best", stop_at_score=0)
    assert len(scores(fewer)) == 1
    assert len(computed) == 4
    assert [path.name for path in fewer.folder.glob("ranked_*.pdb")] == ["ranked_0.pdb"]


def test_the_survey_tells_what_is_still_needed(tmp_path: Path) -> None:
    def steps(score: float) -> list[str]:
        found = survey(build_graph(plan_of(tmp_path, stop_at_score=score))).steps
        return [step.node.id for step in found if step.node.stage == "prediction"]

    assert len(steps(0)) == 4  # before any is made
    predicted(tmp_path, stop_at_score=0)
    assert steps(0) == []
    assert steps(100) == [f"one/prediction/tiny_pred_{k}" for k in (1, 2, 3)]


def test_equal_sequences_end_alike(tmp_path: Path, computed: list[str]) -> None:
    (every,) = predicted(tmp_path / "every")
    last, score = split(scores(every))
    computed.clear()
    one, twin = predicted(tmp_path / "two", ONE + ONE.replace("one", "twin"), stop_at_score=score)
    assert computed == [f"one {k}" for k in range(last + 1)]
    assert scores(twin) == scores(one)


def test_workers_end_it_as_one_process_does(tmp_path: Path) -> None:
    """With two workers the predictions of a target still follow each other."""
    fasta = ONE + ">other\nGGLVKHGFWAY\n"
    expected = {one.name: scores(one) for one in predicted(tmp_path / "alone", fasta)}
    _, score = split(expected["one"])
    plan = plan_of(tmp_path / "workers", fasta, stop_at_score=score, workers=2)
    graph = build_graph(plan)
    with told("started", "finished") as found:
        outcomes = run(plan, graph, runner_for(plan, graph))
    for outcome in outcomes:
        made = scores(outcome)
        assert made == expected[outcome.name][: len(made)]
        assert max(made[:-1], default=0.0) <= score
        assert len(made) == 4 or made[-1] > score
        steps = [(one.kind, one.text) for one in found if one.text.startswith(f"{outcome.name}/prediction/")]
        names = [f"{outcome.name}/prediction/tiny_pred_{k}" for k in range(len(made))]
        assert steps == [(kind, name) for name in names for kind in ("started", "finished")]
