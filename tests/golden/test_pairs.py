# SPDX-License-Identifier: Apache-2.0
"""All against all: each sequence searched once, one table of all pairs, a killed run that does nothing twice."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from kill_cases import contents, done, finish, kill
from typer.testing import CliRunner

from af2cpu.chemistry.residues import HHBLITS_AA_TO_ID
from af2cpu.cli import app
from af2cpu.formats.features import read_features
from af2cpu.pipeline.graph import build_graph
from af2cpu.pipeline.run import Outcome, run
from af2cpu.pipeline.survey import survey
from af2cpu.plan.plan import Plan, plan_run
from af2cpu.search import msa
from af2cpu.settings import load_settings

COUNT, PAIRS = 12, 66
DATABASES = ("uniref90", "uniprot")
LETTERS = "ACDEFGHIKLMNPQRSTVWY"
FIXED = {"models": "tiny_multimer", "params": "synthetic:0", "recycles": 0, "relax": "none", "threads": 1}


def write_inputs(folder: Path, count: int) -> Path:
    """So many proteins of 15 residues, and databases with relatives of each in five species."""
    draw = random.Random(7)
    sequences = ["".join(draw.choices(LETTERS, k=15)) for _ in range(count)]
    relatives = [
        f">tr|A{number:05d}{species}|A{number:05d}{species}_SPEC{species} made up\n"
        f"{letters[: 4 + species]}{draw.choice(LETTERS)}{letters[5 + species :]}\n"
        for number, letters in enumerate(sequences)
        for species in range(5)
    ]
    for name in DATABASES:
        (folder / f"{name}.fasta").write_text("".join(relatives))
    path = folder / "all.fasta"
    path.write_text("".join(f">p{number} protein {number}\n{letters}\n" for number, letters in enumerate(sequences)))
    return path


def databases(folder: Path) -> list[str]:
    return [f"{name}={folder / name}.fasta" for name in DATABASES]


def plan_of(folder: Path, **settings: Any) -> Plan:
    read = load_settings(FIXED | {"db": databases(folder)} | settings)
    return plan_run([folder / "all.fasta"], folder / "out", read, pairs=True)


def arguments(folder: Path, out: Path) -> list[str]:
    flags = [part for name, value in FIXED.items() for part in (f"--{name}", str(value))]
    flags += [part for one in databases(folder) for part in ("--db", one)]
    return ["predict", "--pairs", str(folder / "all.fasta"), "-o", str(out), "--workers", "1", *flags]


def table(out: Path) -> list[dict[str, str]]:
    with (out / "pairs.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    write_inputs(folder, COUNT)
    return folder


@pytest.fixture(scope="module")
def searches() -> Iterator[list[str]]:
    """The database and the sequence of each search."""
    found: list[str] = []
    search = msa.search_msas

    def counted(queries: Sequence[Any], folders: Any, given: Sequence[Any], *more: Any) -> Iterator[Any]:
        found.extend(f"{database.name} {query.sequence}" for database, _ in given for query in queries)
        yield from search(queries, folders, given, *more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(msa, "search_msas", counted)
        yield found


@pytest.fixture(scope="module")
def outcomes(folder: Path, searches: list[str]) -> list[Outcome]:
    return run(plan_of(folder))


def test_twelve_searches_serve_sixty_six_pairs(outcomes: list[Outcome], searches: list[str]) -> None:
    assert [outcome.error for outcome in outcomes] == [None] * PAIRS
    assert len(searches) == len(set(searches)) == COUNT * len(DATABASES)


def test_alignments_are_on_the_disk_once(folder: Path, outcomes: list[Outcome]) -> None:
    alignments = list((folder / "out").glob("*/msas/?/*_hits.sto"))
    assert len(alignments) == PAIRS * 2 * len(DATABASES)
    assert len({path.stat().st_ino for path in alignments}) == COUNT * len(DATABASES)


def test_rows_of_one_species_are_paired(outcomes: list[Outcome]) -> None:
    """Rows besides the first that have residues of both chains."""
    rows = [read_features(outcome.folder / "features.npz").msa[1:] != HHBLITS_AA_TO_ID["-"] for outcome in outcomes]
    paired = [int((row[:, :15].any(axis=1) & row[:, 15:].any(axis=1)).sum()) for row in rows]
    assert sum(count > 0 for count in paired) > PAIRS // 2


def test_the_table_has_all_pairs_the_best_first(folder: Path, outcomes: list[Outcome]) -> None:
    rows = table(folder / "out")
    assert [row["rank"] for row in rows] == [str(rank) for rank in range(1, PAIRS + 1)]
    assert {row["target"]: (row["a"], row["b"]) for row in rows} == {
        f"p{a}__p{b}": (f"p{a}", f"p{b}") for a in range(COUNT) for b in range(a + 1, COUNT)
    }
    scores = [float(row["score"]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert {row["status"] for row in rows} == {"done"}
    by_name = {outcome.name: outcome for outcome in outcomes}
    for row in rows:
        run_of = by_name[row["target"]].run
        assert run_of
        (interface,) = run_of.best.interfaces
        assert float(row["iptm"]) == pytest.approx(run_of.best.iptm, abs=1e-4)
        assert float(row["ipsae"]) == pytest.approx(interface.ipsae, abs=1e-4)
        assert float(row["score"]) == pytest.approx((run_of.best.iptm or 0.0) + interface.ipsae, abs=1e-4)
        assert row["best"] == run_of.best.name
        assert all((folder / "out" / row[name]).is_file() for name in ("structure", "report"))
    page = (folder / "out/pairs.html").read_text()
    assert all(f'href="{row["report"]}"' in page for row in rows)


def test_again_nothing_is_done_and_one_more_protein_is_one_more_search(
    folder: Path, outcomes: list[Outcome], searches: list[str]
) -> None:
    assert survey(build_graph(plan_of(folder))).steps == ()
    proteins = (folder / "all.fasta").read_text()
    try:
        (folder / "all.fasta").write_text(f"{proteins}>new\nMKTAYIAKQRQISFV\n")
        steps = survey(build_graph(plan_of(folder))).steps
    finally:
        (folder / "all.fasta").write_text(proteins)
    stale = {step.node.id: step.stale for step in steps if step.node.stage == "msa"}
    assert stale == {"msa:uniref90:p0__p1_A": 1, "msa:uniprot:p0__p1_A": 1}
    assert sum(step.node.stage == "prediction" for step in steps) == COUNT


def test_pairs_that_have_not_begun_are_in_the_table(tmp_path: Path) -> None:
    """One part of three; the parts write one table."""
    write_inputs(tmp_path, 3)
    command = arguments(tmp_path, tmp_path / "out")
    assert CliRunner().invoke(app, [*command, "--shard", "2/3"]).exit_code == 0
    assert [row["status"] for row in table(tmp_path / "out")] == ["done", "unfinished", "unfinished"]
    assert CliRunner().invoke(app, [*command, "--shard", "1/3"]).exit_code == 0
    assert [row["status"] for row in table(tmp_path / "out")] == ["done", "done", "unfinished"]
    (tmp_path / "out/pairs.csv").unlink()
    assert CliRunner().invoke(app, ["report", str(tmp_path / "out")]).exit_code == 0
    assert [row["rank"] for row in table(tmp_path / "out")] == ["1", "2", ""]
    result = CliRunner().invoke(app, command)
    assert [row["rank"] for row in table(tmp_path / "out")] == ["1", "2", "3"]
    assert result.stdout.splitlines()[-1] == f"pairs, best first (pairs.csv too): {tmp_path / 'out/pairs.html'}"


def test_search_first_then_fold(tmp_path: Path) -> None:
    """Names and the table are the same as those of predict."""
    write_inputs(tmp_path, 3)
    out = tmp_path / "out"
    searched = ["search", "--pairs", str(tmp_path / "all.fasta"), "-o", str(out), "--threads", "1", "--workers", "1"]
    searched += [part for one in databases(tmp_path) for part in ("--db", one)]
    assert CliRunner().invoke(app, searched).exit_code == 0
    assert not (out / "pairs.csv").exists()
    flags = [part for name, value in FIXED.items() for part in (f"--{name}", str(value))]
    assert CliRunner().invoke(app, ["fold", str(out), "--workers", "1", *flags]).exit_code == 0
    assert [row["status"] for row in table(out)] == ["done"] * 3
    before = done(out)
    assert CliRunner().invoke(app, arguments(tmp_path, out)).exit_code == 0
    kept = {
        name for name in before if "msas" in name or name.endswith(("features.npz", "result_tiny_multimer_pred_0.npz"))
    }
    assert {name: before[name] for name in kept} == {name: done(out)[name] for name in kept}


def test_a_killed_run_does_nothing_twice(tmp_path: Path) -> None:
    """Two kills at random moments, then to the end: what was complete stays, and all but times is as without them."""
    write_inputs(tmp_path, 3)
    duration = finish(arguments(tmp_path, tmp_path / "undisturbed"))
    command, out = arguments(tmp_path, tmp_path / "killed"), tmp_path / "killed"
    seed = random.randrange(10**6)
    moments = random.Random(seed)
    for _ in range(2):
        before = done(out)
        kill(command, moments.uniform(0.5, 0.95) * duration)
        assert before.items() <= done(out).items(), f"seed {seed}"
    before = done(out)
    finish(command)
    assert before.items() <= done(out).items(), f"seed {seed}"
    for row in table(out):
        ours, theirs = (contents(place / row["target"]) for place in (out, tmp_path / "undisturbed"))
        assert set(ours) == set(theirs), f"seed {seed}"
        assert [name for name in ours if ours[name] != theirs[name]] == [], f"seed {seed}"
    assert (out / "pairs.csv").read_bytes() == (tmp_path / "undisturbed/pairs.csv").read_bytes(), f"seed {seed}"
