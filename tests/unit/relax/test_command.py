# SPDX-License-Identifier: Apache-2.0
"""af2cpu relax."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import gemmi
import numpy as np
import pytest
import typer
from Bio.PDB import MMCIFParser
from openmm import app
from relax_cases import helix, joined, moved, text_of, torn
from typer.testing import CliRunner, Result

from af2cpu.chemistry.residues import ATOM37_INDEX
from af2cpu.commands.relax import relax as command
from af2cpu.formats.structure import read_protein
from af2cpu.records import Protein
from af2cpu.records.chain_ids import chain_id
from af2cpu.relax.structure import given_atoms, mmcif_text

_app = typer.Typer()
_app.command()(command)


def _file(path: Path, protein: Protein) -> Path:
    path.write_text(text_of(protein))
    return path


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(_app, [str(argument) for argument in arguments])


def test_writes_the_relaxed_file(tmp_path: Path) -> None:
    out = tmp_path / "relaxed.pdb"
    result = _run(_file(tmp_path / "in.pdb", torn(helix("SAKXDRELYHTVG"), 7, 1.0)), "-o", out)
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
    result = _run(_file(tmp_path / "in.pdb", helix()), "-o", out, "--relax-max-seconds", 0)
    assert result.exit_code == 1
    assert "not relaxed: round 1 failed: out of time" in result.output
    assert not out.exists()


def test_caps_and_noise_have_flags(tmp_path: Path) -> None:
    crowded, out = replace(helix(), atom_positions=helix().atom_positions * np.float32(0.5)), tmp_path / "out.pdb"
    source = _file(tmp_path / "in.pdb", crowded)
    result = _run(source, "-o", out)
    assert result.exit_code == 1
    assert "residues overlap others; --relax-anyway" in result.output
    assert not out.exists()
    anyway = _run(source, "-o", out, "--relax-anyway", "--relax-max-steps", 3, "--max-rounds", 1)
    assert anyway.exit_code == 0
    assert "the structure is noise" not in anyway.output
    assert "round 1 ended after 3 steps (--relax-max-steps) before it converged" in anyway.output


def test_springs_have_a_flag(tmp_path: Path) -> None:
    source, outs = _file(tmp_path / "in.pdb", helix("SAKD")), (tmp_path / "plain.pdb", tmp_path / "springs.pdb")
    for out, flags in zip(outs, ([], ["--relax-springs"]), strict=True):
        assert _run(source, "-o", out, *flags).exit_code == 0
    assert outs[0].read_text() != outs[1].read_text()


def test_remaining_violations_are_a_warning(tmp_path: Path) -> None:
    protein = moved(joined(helix(), helix(chain="B", shift=30.0)), 14, ("N", "CA", "C", "O", "CB"), [0.0, 0.0, 30.0])
    result = _run(_file(tmp_path / "in.pdb", protein), "-o", tmp_path / "out.pdb", "--max-rounds", 1)
    assert result.exit_code == 0
    assert "residues still have structural violations" in result.output


def test_a_gap_whose_numbers_go_on_stays_open(tmp_path: Path) -> None:
    """The residues around it keep their distance, and no end of chain is made there."""
    whole, out = helix("SAKDRELYHTVGAKDE"), tmp_path / "out.pdb"
    rows = [row for row in range(16) if not 7 <= row < 10]
    arrays = {name: value[rows] for name, value in vars(whole).items() if isinstance(value, np.ndarray)}
    gapped = replace(whole, **arrays | {"residue_index": np.arange(1, 14)})
    result = _run(_file(tmp_path / "in.pdb", gapped), "-o", out)
    assert result.exit_code == 0, result.output
    assert "the gap is left open: A/7 LEU" in result.output
    relaxed, _ = read_protein(out)
    shift = (relaxed.atom_positions - gapped.atom_positions)[gapped.atom_mask > 0]
    assert np.linalg.norm(shift, axis=-1).max() < 2.0
    assert np.flatnonzero(relaxed.atom_mask[:, ATOM37_INDEX["OXT"]]).tolist() == [12]


def test_two_molecules_of_one_name_stay_two(tmp_path: Path) -> None:
    text = "".join(
        line
        for shift in (0.0, 40.0)
        for line in text_of(helix("SAKDRE", shift=shift)).splitlines(keepends=True)
        if not line.startswith("END")
    )
    source, out = tmp_path / "in.pdb", tmp_path / "out.pdb"
    source.write_text(text)
    result = _run(source, "-o", out)
    assert result.exit_code == 0, result.output
    assert "note: chains that share a name are renamed: A to B" in result.output
    relaxed, _ = read_protein(out)
    assert relaxed.chain_ids.tolist() == ["A"] * 6 + ["B"] * 6
    assert relaxed.atom_positions[6:, ATOM37_INDEX["CA"], 2].min() > 30


@pytest.mark.parametrize("ending", [".pdb", ".cif"])
def test_a_complex_keeps_names_and_numbers(tmp_path: Path, ending: str) -> None:
    """Two copies, numbers that go on from chain to chain, a chain of one residue, an insertion code."""
    chains = [helix("SAKD", "A", first=3), helix("SAKD", "D", first=7, shift=25.0), helix("K", "C", shift=50.0)]
    protein = replace(joined(*chains), insertion_codes=np.array([*["", "B"] * 4, ""]))
    out = tmp_path / f"out{ending}"
    result = _run(_file(tmp_path / "in.pdb", protein), "-o", out)
    assert result.exit_code == 0, result.output
    assert "kept as given: C/1 LYS (a chain of one residue)" in result.output
    relaxed, notes = read_protein(out)
    assert notes == ()
    for name in ("aatype", "chain_ids", "residue_index", "insertion_codes"):
        np.testing.assert_array_equal(getattr(relaxed, name), getattr(protein, name))
    np.testing.assert_allclose(relaxed.atom_positions[8], protein.atom_positions[8], atol=6e-4)
    assert np.flatnonzero(relaxed.atom_mask[:, ATOM37_INDEX["OXT"]]).tolist() == [3, 7]


def test_mmcif_has_an_entity_for_each_sequence(tmp_path: Path) -> None:
    out = tmp_path / "out.cif"
    long = joined(helix("SAKD", "heavy"), helix("GAG", "L", shift=25.0), helix("SAKD", "heavy2", shift=50.0))
    (tmp_path / "in.cif").write_text(mmcif_text(long, given_atoms(long)))
    result = _run(tmp_path / "in.cif", "-o", out)
    assert result.exit_code == 0, result.output
    assert "renamed" not in result.output
    structure = gemmi.read_structure(str(out))
    assert [(entity.name, entity.subchains, entity.full_sequence) for entity in structure.entities] == [
        ("1", ["heavy", "heavy2"], ["SER", "ALA", "LYS", "ASP"]),
        ("2", ["L"], ["GLY", "ALA", "GLY"]),
    ]
    read = MMCIFParser(QUIET=True).get_structure("x", str(out))
    assert [(chain.id, len(chain)) for chain in read[0]] == [("heavy", 4), ("L", 3), ("heavy2", 4)]
    assert app.PDBxFile(str(out)).topology.getNumAtoms() == len(list(read.get_atoms())) > 100
    whole = app.ForceField("amber99sb.xml").createSystem(app.PDBxFile(str(out)).topology)
    assert whole.getNumParticles() == len(list(read.get_atoms()))


def test_names_that_pdb_has_no_room_for_are_replaced_aloud(tmp_path: Path) -> None:
    long = joined(helix("SAKD", "heavy"), helix("GAG", "H", shift=25.0))
    (tmp_path / "in.cif").write_text(mmcif_text(long, given_atoms(long)))
    out = tmp_path / "out.pdb"
    result = _run(tmp_path / "in.cif", "-o", out)
    assert result.exit_code == 0, result.output
    relaxed, _ = read_protein(out)
    first = relaxed.chain_ids[0]
    assert relaxed.chain_ids.tolist() == [first] * 4 + ["H"] * 3
    assert f"heavy to {first}" in " ".join(result.output.split())


def test_a_chain_without_a_name_gets_one_in_mmcif(tmp_path: Path) -> None:
    out = tmp_path / "out.cif"
    result = _run(_file(tmp_path / "in.pdb", joined(helix("SAKD", ""), helix("GAG", "A", shift=25.0))), "-o", out)
    assert result.exit_code == 0, result.output
    assert "note: chains renamed: no name to B" in result.output
    assert read_protein(out)[0].chain_ids.tolist() == ["B"] * 4 + ["A"] * 3


def test_too_many_chains_for_pdb_are_refused_before_the_minimisation(tmp_path: Path) -> None:
    many = joined(*(helix("GAG", chain_id(k), shift=14.0 * k) for k in range(63)))
    (tmp_path / "in.cif").write_text(mmcif_text(many, given_atoms(many)))
    refused = _run(tmp_path / "in.cif", "-o", tmp_path / "out.pdb")
    assert refused.exit_code == 2
    assert "63 chains; the PDB format has names for 62; give --out a name that ends with .cif" in " ".join(
        refused.output.split()
    )
    assert "round 1" not in refused.output
    assert read_protein(tmp_path / "in.cif")[0].chain_ids.tolist() == many.chain_ids.tolist()


@pytest.mark.parametrize("target", ["missing/x.pdb", "folder"])
def test_where_it_can_not_be_written_is_said_before_the_minimisation(tmp_path: Path, target: str) -> None:
    (tmp_path / "folder").mkdir()
    result = _run(_file(tmp_path / "in.pdb", helix()), "-o", tmp_path / target)
    assert result.exit_code == 2
    assert "--out" in result.output
    assert "round 1" not in result.output


def test_bad_file_is_exit_code_2(tmp_path: Path) -> None:
    result = _run(tmp_path / "absent.pdb")
    assert result.exit_code == 2
    assert "absent.pdb" in result.output
