# SPDX-License-Identifier: Apache-2.0
"""`--preset full` and `--template-search hhsearch` from the command line: what is written, reused, refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson
import pytest
from hh_cases import GB1, HHR, bfd_uniref, full_dbs, link_sequences, stand_in, touched
from typer.testing import CliRunner, Result

from af2cpu.cli import app
from af2cpu.formats.features import read_features

_FULL = ("--preset", "full_dbs", "--template-search", "hhsearch", "--threads", "1")
_RELATIVE = "A" * 20 + GB1.sequence[20:]
A3M = f">gb1\n{GB1.sequence}\n>tr|A0A000|A0A000_HUMAN\n{_RELATIVE}\n>wrong\n{GB1.sequence}A\n"


def search(folder: Path, data_dir: Path, *more: str) -> Result:
    fasta = folder / "gb1.fasta"
    fasta.write_text(f">gb1 a protein\n{GB1.sequence}\n")
    arguments = ["search", str(fasta), "-o", str(folder / "out"), "--data-dir", str(data_dir), *more]
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def record(folder: Path) -> dict[str, Any]:
    return orjson.loads((folder / "out/gb1/search.json").read_bytes())


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Databases for two programs that always write the same."""
    stand_in(tmp_path, monkeypatch, "hhblits", f"cat > $6 <<'END'\n{A3M}END")
    stand_in(tmp_path, monkeypatch, "hhsearch", f"cat > $4 <<'END'\n{HHR}END")
    folder = touched(tmp_path / "data")
    link_sequences(folder)
    return folder


def runs(folder: Path) -> tuple[int, int]:
    """How often hhblits and hhsearch have searched."""
    paths = (folder / f"{program}.args" for program in ("hhblits", "hhsearch"))
    first, second = (len(path.read_text().splitlines()) for path in paths)
    return first, second


def test_what_is_searched_and_recorded(tmp_path: Path, data_dir: Path) -> None:
    result = search(tmp_path, data_dir, *_FULL)
    assert result.exit_code == 0, result.output
    assert "bfd_uniref: 2 profiles, 1 hit" in result.output
    found = record(tmp_path)
    assert [one["name"] for one in found["databases"]] == ["uniref90", "bfd_uniref", "mgnify", "pdb70"]
    _, profiles, _, pdb70 = found["databases"]
    assert (profiles["program"], profiles["hits"], profiles["rows"]) == ("hhblits 9.8.7", 1, 2)
    assert profiles["path"] == bfd_uniref(data_dir).path
    assert profiles["command"].startswith("hhblits -i query.fasta -cpu 1 -oa3m bfd_uniref_hits.a3m -o /dev/null -n 3")
    assert (pdb70["program"], pdb70["hits"]) == ("hhsearch 9.8.7", 2)
    assert "bfd_uniref_hits.a3m: 1 rows that were not in the query's columns are left out" in found["notes"]
    assert {one["name"] for one in found["template_choice"]["skipped"]} == {"1ABC_A", "2XYZ_B"}
    assert sorted(path.name for path in (tmp_path / "out/gb1/msas").glob("*_hits*")) == [
        *("bfd_uniref_hits.a3m", "mgnify_hits.sto", "pdb_hits.hhr", "uniref90_hits.sto")
    ]
    features = read_features(tmp_path / "out/gb1/features.npz")
    species = features.msa_species_identifiers.tolist()
    rows = next(one["rows"] for one in found["databases"] if one["name"] == "uniref90")
    assert species.index(b"HUMAN") <= rows  # after UniRef90's rows, before MGnify's


def test_results_are_reused_until_something_changes(
    tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def again() -> tuple[int, int]:
        result = search(tmp_path, data_dir, *_FULL, "--msa-cache", str(tmp_path / "cache"))
        assert result.exit_code == 0, result.output
        return runs(tmp_path)

    assert again() == again() == (1, 1)
    (tmp_path / "out").rename(tmp_path / "earlier")
    assert again() == (1, 1)  # from the cache
    os.utime(f"{bfd_uniref(data_dir).prefixes[1]}_a3m.ffdata", ns=(1, 1))
    assert again() == (2, 1)
    program = stand_in(tmp_path, monkeypatch, "hhsearch", f"cat > $4 <<'END'\n{HHR}END")
    program.write_text(program.read_text().replace("9.8.7", "9.9.0"))
    assert again() == (2, 2)


def test_refused_before_any_work(tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> str:
        result = search(tmp_path, data_dir, *_FULL)
        assert result.exit_code == 2
        assert not (tmp_path / "out").exists()
        (line,) = result.output.splitlines()
        return line

    hhblits = tmp_path / "bin/hhblits"
    hhblits.write_text("#!/bin/sh\nkill -ILL $$\n")
    assert refused().startswith("error: hhblits died of SIGILL (Illegal instruction); it was built for another")
    hhblits.unlink()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert refused().startswith("error: hhblits: is not on PATH; install hh-suite (Debian's package hhsuite)")
    (data_dir / "pdb70/pdb70_cs219.ffdata").unlink()
    assert "databases are missing: pdb70 (" in refused()


def test_a_program_that_dies_fails_its_target(tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, "hhblits", "echo no such luck >&2; exit 1")
    result = search(tmp_path, data_dir, *_FULL)
    assert result.exit_code == 1
    assert "failed: hhblits ended with exit code 1; it said: no such luck" in result.output
    assert not (tmp_path / "out/gb1/features.npz").exists()


def test_hits_that_are_given_are_used(tmp_path: Path, data_dir: Path) -> None:
    """AlphaFold's msas folder of a monomer, with and without hits of the other program."""
    assert search(tmp_path, data_dir, *_FULL).exit_code == 0
    msas = (tmp_path / "out/gb1/msas").rename(tmp_path / "msas")
    result = search(tmp_path, data_dir, "--preset", "full", "--msa", str(msas), "-v")
    assert result.exit_code == 0, result.output
    assert record(tmp_path)["databases"] == []
    assert {one["name"] for one in record(tmp_path)["template_choice"]["skipped"]} == {"1ABC_A", "2XYZ_B"}
    (msas / "pdb_hits.sto").write_text("# STOCKHOLM 1.0\n//\n")
    for chosen, other in (("hmmsearch", "pdb_hits.hhr"), ("hhsearch", "pdb_hits.sto")):
        result = search(tmp_path, data_dir, "--preset", "full", "--msa", str(msas), "--template-search", chosen)
        assert result.exit_code == 0, result.output
        assert any(f"{other}: not used, since" in note for note in record(tmp_path)["notes"])
        assert bool(record(tmp_path)["template_choice"]["skipped"]) == (chosen == "hhsearch")
    assert runs(tmp_path) == (1, 1)


def test_the_programs_themselves(tmp_path: Path) -> None:
    """hh-suite's own, on miniature databases: templates are found, and the features follow AlphaFold's order."""
    result = search(tmp_path, full_dbs(), *_FULL)
    assert result.exit_code == 0, result.output
    found = record(tmp_path)
    assert [one["name"] for one in found["databases"]] == ["uniref90", "bfd_uniref", "mgnify", "pdb70"]
    assert found["databases"][1]["sequences"] == 6
    used = [one["name"] for one in found["template_choice"]["used"]]
    assert {"0i70_A", "0i71_A", "0i72_A"} <= set(used)
    features = read_features(tmp_path / "out/gb1/features.npz")
    assert (features.template_sum_probs[:3] > 40).all()
    hits = tmp_path / "out/gb1/msas/pdb_hits.hhr"
    head, _, body = hits.read_text().partition("No 1\n")
    hits.write_text(f"{head}No 1\n{body}No 1\n{body}")
    msas = hits.parent.rename(tmp_path / "msas")
    assert search(tmp_path, full_dbs(), *_FULL, "--msa", str(msas)).exit_code == 0
    twice = [one["name"] for one in record(tmp_path)["template_choice"]["used"]]
    assert sorted(twice) == sorted(2 * used)  # with HHsearch equal templates all count


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("echo 'HHblits 3.9.1:'", "hhblits (optional): hhblits 3.9.1"),
        ("kill -ILL $$", "hhblits (optional): hhblits died of SIGILL (Illegal instruction); it was built for another"),
    ],
)
def test_doctor_starts_the_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, said: str) -> None:
    stand_in(tmp_path, monkeypatch, "hhblits", "").write_text(f"#!/bin/sh\n{body}\n")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    output = CliRunner().invoke(app, ["doctor"]).stdout
    assert said in output
    assert "hhsearch (optional): hhsearch: is not on PATH" in output
    assert "missing: hhsearch" not in output
    assert "missing: hhsearch: is not on PATH" in CliRunner().invoke(app, ["doctor", *_FULL[2:4]]).stdout
