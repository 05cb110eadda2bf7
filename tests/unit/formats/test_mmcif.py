# SPDX-License-Identifier: Apache-2.0
"""Entries of the PDB as AlphaFold 2 understands them; tests/parity/features compares whole entries."""

from __future__ import annotations

import gzip
from dataclasses import replace
from datetime import date
from pathlib import Path

import gemmi
import numpy as np
import pytest
from mmcif_cases import Atom, Chain, protein, write_mmcif

from af2cpu.chemistry.residues import CA, CB
from af2cpu.formats.chain import letter_of
from af2cpu.formats.mmcif import StructureError, read_mmcif


def test_sequence_is_the_experiments_and_chains_are_the_authors(tmp_path: Path) -> None:
    chain = protein("A", "Q", "ACDEFG", 1, missing=(1, 4))
    entry = read_mmcif(write_mmcif(tmp_path / "1abc.cif", [chain]))
    assert dict(entry.sequences) == {"Q": "ACDEFG"}
    assert entry.release_date == date(2009, 1, 2)
    found = entry.chain("Q")
    assert found.mask[:, CA].tolist() == [0, 1, 1, 0, 1, 1]
    assert found.mask[:, CB].tolist() == [0, 1, 1, 0, 1, 0]
    atom = next(a for a in chain.atoms if (a.residue, a.name) == (2, "CA"))
    np.testing.assert_allclose(found.positions[1, CA], atom.position, atol=6e-4)
    assert found.positions[found.mask == 0].max() == 0
    with pytest.raises(KeyError):
        entry.chain("A")


def test_numbering_may_start_anywhere(tmp_path: Path) -> None:
    atoms = [Atom(n, "ALA", "CA", (float(n), 0.0, 0.0)) for n in (5, 7)]
    chain = Chain("A", "A", [(5, "ALA"), (6, "GLY"), (7, "ALA")], atoms)
    found = read_mmcif(write_mmcif(tmp_path / "1abc.cif", [chain])).chain("A")
    assert found.sequence == "AGA"
    assert found.positions[:, CA, 0].tolist() == [5, 0, 7]


def test_gzip(tmp_path: Path) -> None:
    path = write_mmcif(tmp_path / "1abc.cif", [protein("A", "A", "ACDEFG", 1)])
    zipped = tmp_path / "1abc.cif.gz"
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    assert np.array_equal(read_mmcif(zipped).chain("A").positions, read_mmcif(path).chain("A").positions)


def test_what_biopython_refuses_is_read(tmp_path: Path) -> None:
    path = write_mmcif(tmp_path / "1abc.cif", [protein("A", "A", "ACDEFG", 1)])
    whole = read_mmcif(path).chain("A")
    path.write_text(path.read_text().replace(" 20.00 ", " ? "))
    assert np.array_equal(read_mmcif(path).chain("A").positions, whole.positions)


def _saved_by_gemmi(path: Path) -> str:
    """An entry without '#' between its categories, its atoms last, with the PDB's table of modelled residues."""
    write_mmcif(path, [protein("A", "A", "ACDEFG", 1, missing=(6,))])
    block = gemmi.cif.read(str(path)).sole_block()
    scheme = block.init_loop("_pdbx_poly_seq_scheme.", ["asym_id", "seq_id", "mon_id", "auth_seq_num"])
    for number, name in enumerate(("ALA", "CYS", "ASP", "GLU", "PHE", "GLY"), start=1):
        scheme.add_row(["A", str(number), name, str(number + 10) if number < 6 else "?"])
    block.move_item(block.get_index("_atom_site.id"), -1)
    text = block.as_string()
    assert "#" not in text
    assert text.index("_pdbx_poly_seq_scheme") < text.index("_atom_site")
    return text


def test_a_file_that_another_program_saved_is_read(tmp_path: Path) -> None:
    path = tmp_path / "1abc.cif"
    text = _saved_by_gemmi(path)
    whole = read_mmcif(path).chain("A")
    path.write_text(text)
    assert np.array_equal(read_mmcif(path).chain("A").positions, whole.positions)
    path.write_text(text.rstrip())
    assert np.array_equal(read_mmcif(path).chain("A").positions, whole.positions)


def test_a_file_that_another_program_saved_may_be_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "1abc.cif"
    lines = _saved_by_gemmi(path).splitlines(keepends=True)
    cut = next(k for k, line in enumerate(lines) if line.startswith("ATOM") and "PHE" in line)
    path.write_text("".join(lines[:cut]))
    with pytest.raises(StructureError, match=r"1abc\.cif: the file is cut off \(residue 5 of chain A has no atoms\)"):
        read_mmcif(path)


def test_coordinates_that_are_no_numbers_are_named(tmp_path: Path) -> None:
    chain = protein("A", "A", "ACD", 1)
    atoms = [
        replace(a, position=(float("nan"), 0.0, 0.0)) if (a.residue, a.name) == (2, "SG") else a for a in chain.atoms
    ]
    entry = read_mmcif(write_mmcif(tmp_path / "1abc.cif", [replace(chain, atoms=atoms)]))
    with pytest.raises(
        StructureError, match=r"chain A has unusable atoms \(CYS 12 SG: coordinates that are no numbers"
    ):
        entry.chain("A")


def test_a_protein_chain_without_atoms_spoils_the_entry(tmp_path: Path) -> None:
    """As in AlphaFold 2, whose parser stumbles over the author's name that is not there."""
    path = write_mmcif(tmp_path / "1abc.cif", [protein("A", "A", "ACD", 1), protein("B", "B", "ACD", 1, (1, 2, 3))])
    with pytest.raises(StructureError, match="chain B has no atoms"):
        read_mmcif(path)


@pytest.mark.parametrize(("name", "letter"), [("ALA", "A"), ("MSE", "M"), ("UNK", "X"), ("HOH", "X"), ("SEP", "S")])
def test_letters(name: str, letter: str) -> None:
    assert letter_of(name) == letter
