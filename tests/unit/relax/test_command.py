"""af2cpu relax."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from relax_cases import helix, joined, moved, text_of, torn
from typer.testing import CliRunner, Result

from af2cpu.commands.relax import relax as command
from af2cpu.formats.structure import read_protein
from af2cpu.records import Protein

_app = typer.Typer()
_app.command()(command)


def _file(path: Path, protein: Protein) -> Path:
    path.write_text(text_of(protein))
    return path


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(_app, [str(argument) for argument in arguments])


def test_writes_the_relaxed_file(tmp_path: Path) -> None:
    out = tmp_path / "relaxed.pdb"
    result = _run(_file(tmp_path / "in.pdb", torn(helix("SAKXDRELYHTVG"), 7, 2.0)), "-o", out)
    assert result.exit_code == 0, result.output
    assert "residues with violations 2 to 0" in result.output
    assert "round 1: " in result.output
    protein, _ = read_protein(out)
    assert protein.n_res == 12  # X has no atoms
    assert protein.residue_index.tolist() == [1, 2, 3, *range(5, 14)]


def test_default_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert _run(_file(tmp_path / "my.model.pdb", helix())).exit_code == 0
    assert [path.name for path in Path().iterdir()] == ["my.model_relaxed.pdb"]


def test_failure_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    out = tmp_path / "relaxed.pdb"
    result = _run(_file(tmp_path / "in.pdb", helix()), "-o", out, "--max-seconds", 0)
    assert result.exit_code == 1
    assert "NOT relaxed: round 1 failed: out of time" in result.output
    assert not out.exists()


def test_remaining_violations_are_a_warning(tmp_path: Path) -> None:
    protein = moved(joined(helix(), helix(chain="B", shift=30.0)), 14, ("N", "CA", "C", "O", "CB"), [0.0, 0.0, 30.0])
    result = _run(_file(tmp_path / "in.pdb", protein), "-o", tmp_path / "out.pdb", "--max-rounds", 1)
    assert result.exit_code == 0
    assert "residues still have structural violations" in result.output


def test_bad_file_is_exit_code_2(tmp_path: Path) -> None:
    result = _run(tmp_path / "absent.pdb")
    assert result.exit_code == 2
    assert "absent.pdb" in result.output
