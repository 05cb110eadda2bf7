# SPDX-License-Identifier: Apache-2.0
"""The local runner: what is made, shared, left out; failures that stay with their target."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from plan_cases import search_plan, told
from search_cases import demo_database, queries

from af2cpu.formats.features import read_features
from af2cpu.pipeline.graph import build_graph
from af2cpu.pipeline.run import run
from af2cpu.pipeline.stages import STAGES
from af2cpu.pipeline.survey import survey
from af2cpu.records import Query
from af2cpu.runs.failures import read_failure
from af2cpu.search import msa
from af2cpu.search.databases import DatabaseSet
from af2cpu.settings import RunSettings
from af2cpu.workspace import TargetLocks, Work

DATABASES = DatabaseSet((demo_database("uniref90")[0], demo_database("mgnify")[0]), None, None, None)
(GB1,), (CRAMBIN,) = queries("gb1"), queries("crambin")
TWIN = replace(GB1, name="twin", description="the same sequence")


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the queries of each pass over a database."""
    found: list[str] = []
    search = msa.search_msas

    def counted(given: Sequence[Query], *more: Any) -> Iterator[Any]:
        found.extend(query.name for query in given)
        yield from search(given, *more)

    monkeypatch.setattr(msa, "search_msas", counted)
    return found


def test_equal_sequences_share_a_search(tmp_path: Path, searches: list[str]) -> None:
    outcomes = run(search_plan(tmp_path, [GB1, CRAMBIN, TWIN], DATABASES))
    assert searches == ["gb1", "crambin"] * 2
    assert [outcome.error for outcome in outcomes] == [None] * 3
    assert [set(outcome.searched) for outcome in outcomes] == [{"uniref90", "mgnify"}] * 3
    for name in ("uniref90_hits.sto", "mgnify_hits.sto"):
        assert (tmp_path / "twin/msas" / name).read_bytes() == (tmp_path / "gb1/msas" / name).read_bytes()
    assert [outcome.search.alignments for outcome in outcomes if outcome.search] == [
        ("msas/uniref90_hits.sto", "msas/mgnify_hits.sto")
    ] * 3
    shutil.rmtree(tmp_path / "gb1")  # the twin's copy serves it
    again = run(search_plan(tmp_path, [GB1, TWIN], DATABASES))
    assert len(searches) == 4
    assert [outcome.reused for outcome in again] == [False, True]


def test_features_do_not_depend_on_who_was_searched_first(tmp_path: Path) -> None:
    """The alignment of another protein bears its name, from which AlphaFold reads a species."""
    uniprot = replace(GB1, name="uniprot", description="tr|A0A2W3M096|A0A2W3M096_STAAU of another")
    run(search_plan(tmp_path / "shared", [uniprot, GB1], DATABASES))
    run(search_plan(tmp_path / "alone", [GB1], DATABASES))
    features = [(tmp_path / place / "gb1/features.npz").read_bytes() for place in ("shared", "alone")]
    assert features[0] == features[1]
    assert read_features(tmp_path / "shared/uniprot/features.npz").msa_species_identifiers[0] == b"STAAU"


def test_the_cache_serves_another_run(tmp_path: Path, searches: list[str]) -> None:
    settings = RunSettings(msa_cache=tmp_path / "cache")
    run(search_plan(tmp_path / "one", [GB1], DATABASES, settings))
    run(search_plan(tmp_path / "two", [TWIN, CRAMBIN], DATABASES, settings))
    assert searches == ["gb1", "gb1", "crambin", "crambin"]
    texts = [(tmp_path / place / "msas/uniref90_hits.sto").read_bytes() for place in ("one/gb1", "two/twin")]
    assert texts[0] == texts[1]


def test_what_one_sequence_breaks_the_others_keep(
    tmp_path: Path, searches: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pass for several sequences that fails is made again for those that are missing, in halves."""
    stage = STAGES["msa"]

    def fails_for_crambin(works: Sequence[Work[Any]], cores: int) -> Iterator[Any]:
        if any(work.task.query.name == "crambin" for work in works):
            raise RuntimeError("no luck\nwith crambin")
        yield from stage.make(works, cores)

    monkeypatch.setitem(STAGES, "msa", replace(stage, make=fails_for_crambin))  # type: ignore[arg-type]
    with told("failed") as failed:
        outcomes = run(search_plan(tmp_path, [GB1, CRAMBIN], DATABASES))
    assert [outcome.error for outcome in outcomes] == [None, "RuntimeError: no luck"]
    assert [(event.target, event.text) for event in failed] == [("crambin", "failed: RuntimeError: no luck")]
    failure = read_failure(tmp_path / "crambin")
    assert failure is not None
    assert (failure.stage, failure.message) == ("msa", "RuntimeError: no luck")
    assert "with crambin" in (tmp_path / "crambin/error.log").read_text()
    assert "Traceback" not in (tmp_path / "crambin/log.txt").read_text()
    assert not (tmp_path / "crambin/features.npz").exists()
    monkeypatch.setitem(STAGES, "msa", stage)  # type: ignore[arg-type]
    assert run(search_plan(tmp_path, [CRAMBIN], DATABASES))[0].error is None
    assert read_failure(tmp_path / "crambin") is None
    assert not (tmp_path / "crambin/error.log").exists()


def test_the_folder_of_another_run_is_left_alone(tmp_path: Path, searches: list[str]) -> None:
    """Also by the search of a protein with the same sequence."""
    (tmp_path / "gb1").mkdir()
    with TargetLocks() as locks:
        locks.take(tmp_path / "gb1")
        gb1, twin, crambin = run(search_plan(tmp_path, [GB1, TWIN, CRAMBIN], DATABASES))
    assert "another run is at work here" in str(gb1.error)
    assert (twin.error, crambin.error) == (None, None)
    assert not list((tmp_path / "gb1").iterdir())
    assert len(searches) == 4  # one pass over each database


@pytest.mark.parametrize("first", [True, False])
def test_a_broken_folder_is_its_own_target_s_failure(tmp_path: Path, searches: list[str], first: bool) -> None:
    broken, whole = ("gb1", "twin") if first else ("twin", "gb1")
    (tmp_path / broken).mkdir()
    (tmp_path / broken / "msas").write_text("no folder")
    outcomes = {one.name: one for one in run(search_plan(tmp_path, [GB1, TWIN, CRAMBIN], DATABASES))}
    assert f"{tmp_path / broken / 'msas'}: " in str(outcomes[broken].error)
    assert outcomes[whole].error is None
    assert outcomes["crambin"].error is None
    assert len(searches) == 4  # one pass over each database


def test_the_survey_tells_what_a_run_would_do(tmp_path: Path) -> None:
    plan = search_plan(tmp_path, [GB1, CRAMBIN], DATABASES)
    graph = build_graph(plan)
    before = survey(graph).steps
    assert [step.node.stage for step in before if step.node.stage != "database"] == [
        *("msa", "msa", "features", "search record", "features", "search record")
    ]
    assert not list(tmp_path.iterdir())
    run(plan)
    assert survey(graph).steps == ()
    (tmp_path / "gb1/msas/mgnify_hits.sto").unlink()
    steps = survey(graph).steps
    assert (steps[0].node.id, steps[0].stale) == ("msa:mgnify:gb1", 1)
    assert [step.node.id for step in steps[1:]] == ["gb1/features", "gb1/search record"]  # and nothing of crambin


def test_the_survey_knows_what_targets_share(tmp_path: Path) -> None:
    """Each has its own place of an alignment, which its search.json names."""
    plan = search_plan(tmp_path, [GB1, TWIN], DATABASES)
    run(plan)
    assert survey(build_graph(plan)).steps == ()


def test_a_target_is_done_once_after_its_last_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = STAGES["search record"]

    def fails_for_crambin(works: Sequence[Work[Any]], cores: int) -> Iterator[Any]:
        if any(work.task.job.name == "crambin" for work in works):
            raise RuntimeError("no luck")
        yield from stage.make(works, cores)

    monkeypatch.setitem(STAGES, "search record", replace(stage, make=fails_for_crambin))  # type: ignore[arg-type]
    with told("done") as done:
        run(search_plan(tmp_path, [GB1, CRAMBIN, TWIN], DATABASES))
    assert [event.target for event in done] == ["gb1", "twin"]
    assert (tmp_path / "twin/search.json").is_file()


def test_a_run_that_is_interrupted_forgets_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--retry-failed finds the targets of a retry that was killed."""
    stage = STAGES["features"]

    def raising(error: BaseException) -> None:
        def make(*_: object) -> Iterator[Any]:
            raise error

        monkeypatch.setitem(STAGES, "features", replace(stage, make=make))  # type: ignore[arg-type]

    raising(RuntimeError("no luck"))
    run(search_plan(tmp_path, [GB1], DATABASES))
    assert (tmp_path / "gb1/error.log").is_file()
    raising(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run(search_plan(tmp_path, [GB1], DATABASES))
    assert read_failure(tmp_path / "gb1") is not None
    raising(OSError(28, "No space left on device"))
    run(search_plan(tmp_path, [GB1], DATABASES))
    assert not (tmp_path / "gb1/error.log").exists()  # it was of another failure
    monkeypatch.setitem(STAGES, "features", stage)  # type: ignore[arg-type]
    run(search_plan(tmp_path, [GB1], DATABASES))
    assert read_failure(tmp_path / "gb1") is None
