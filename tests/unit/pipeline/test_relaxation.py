"""The stage of relaxation and what the records say of it."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from af2cpu.relax import RelaxSettings, relax_settings
from af2cpu.run_records import PredictionScores, TargetRun, from_json, to_json
from af2cpu.settings import load_settings


def _run(**facts: object) -> TargetRun:
    given = {"name": "a", "sequence": "MKV", "source": "a.fasta", "settings": {}, "not_relaxed": {}} | facts
    return TargetRun(ranking=(PredictionScores("best", 80.0, None),), **given)  # type: ignore[arg-type]


def test_the_defaults_of_a_run_are_those_of_the_relaxation() -> None:
    assert relax_settings(load_settings({})) == RelaxSettings()


def test_every_flag_reaches_the_relaxation() -> None:
    given = {"relax_threads": 2, "relax_max_seconds": 5, "relax_max_steps": 7, "relax_anyway": True, "seed": 3}
    expected = RelaxSettings(threads=2, max_seconds=5.0, max_steps=7, anyway=True, seed=3)
    assert relax_settings(load_settings(given)) == expected
    assert set(asdict(expected)) >= {"threads", "max_seconds", "max_steps", "anyway"}  # all part of the stage's key


@pytest.mark.parametrize(
    ("left", "text"),
    [
        (0, "relaxed, no violations remain"),
        (1, "relaxed, 1 violation remains"),
        (206, "relaxed, 206 violations remain"),
    ],
)
def test_what_remains_is_told(left: int, text: str) -> None:
    assert _run(remaining_violations={"best": left}).relaxation("best") == text


def test_why_it_is_not_relaxed_is_told() -> None:
    assert _run(not_relaxed={"best": "noise"}).relaxation("best") == "not relaxed: noise"
    assert _run().relaxation("best") == ""


def test_records_of_earlier_versions_are_read() -> None:
    content = to_json(_run())
    del content["remaining_violations"]
    assert from_json(TargetRun, content).relaxation("best") == ""
