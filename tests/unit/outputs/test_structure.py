# SPDX-License-Identifier: Apache-2.0
"""PDB files, read back by programs that are not ours."""

from __future__ import annotations

import importlib
import io
import string
from dataclasses import replace
from pathlib import Path

import gemmi
import numpy as np
import pytest
from Bio import SeqIO
from Bio.PDB import PDBParser
from output_cases import with_hydrogens
from prediction_cases import prediction
from shared_data import shared_data

from af2cpu.chemistry.residues import ATOM14, ATOM37_INDEX, CA, RESNAMES
from af2cpu.formats.structure import read_chains
from af2cpu.outputs.atoms import predicted_atoms, relaxed_atoms
from af2cpu.outputs.structure import pdb_limit_note, pdb_text
from af2cpu.records import Atoms, Prediction

CHAIN_ARRAYS = "aatype residue_index atom_positions atom_mask plddt asym_id entity_id sym_id".split()
SEQUENCE = "MACDEFGHIKLMNPQRSTVWYX" + "GAVX"


def _pdb(p: Prediction) -> str:
    return pdb_text(predicted_atoms(p))


def _residue_atoms(p: Prediction) -> dict[int, list[str]]:
    return {k + 1: list(ATOM14[RESNAMES[aatype]]) for k, aatype in enumerate(p.aatype) if ATOM14[RESNAMES[aatype]]}


def test_columns_are_the_format_s() -> None:
    positions = np.zeros((1, 37, 3), np.float32)
    positions[0, CA] = (1.5, -22.25, 333.0625)
    p = prediction("G", atom_positions=positions, plddt=np.array([87.654], np.float32))
    lines = _pdb(p).splitlines()
    assert {len(line) for line in lines} == {80}
    assert [line.split()[0] for line in lines] == [
        "SEQRES",
        "MODEL",
        "ATOM",
        "ATOM",
        "ATOM",
        "ATOM",
        "TER",
        "ENDMDL",
        "END",
    ]
    assert lines[0].rstrip() == "SEQRES   1 A    1  GLY"
    assert lines[1].rstrip() == "MODEL     1"
    assert lines[3] == "ATOM      2  CA  GLY A   1       1.500 -22.250 333.062  1.00 87.65           C  "
    assert lines[6].rstrip() == "TER       5      GLY A   1"


@pytest.mark.parametrize("sequence", ["M", SEQUENCE])
def test_gemmi_and_biopython_read_it(sequence: str) -> None:
    p = prediction(sequence)
    expected = _residue_atoms(p)
    (chain,) = gemmi.read_pdb_string(_pdb(p))[0]
    structure = PDBParser(QUIET=False).get_structure("x", io.StringIO(_pdb(p)))
    (biopython,) = structure[0]
    assert chain.name == biopython.id == "A"
    for read in (
        {r.seqid.num: {a.name: (a.pos.tolist(), a.b_iso, a.element.name) for a in r} for r in chain},
        {r.id[1]: {a.name: (a.coord, a.bfactor, a.element) for a in r} for r in biopython},
    ):
        assert {number: sorted(atoms) for number, atoms in read.items()} == {
            number: sorted(atoms) for number, atoms in expected.items()
        }
        for number, atoms in read.items():
            for name, (position, b_factor, element) in atoms.items():
                given = p.atom_positions[number - 1, ATOM37_INDEX[name]]
                np.testing.assert_allclose(position, given, atol=5.1e-4)
                assert b_factor == pytest.approx(p.plddt[number - 1], abs=5.1e-3)
                assert element == name[0]


def test_x_is_unk_where_it_has_atoms() -> None:
    p = prediction("AXA")
    p.atom_mask[1, :5] = 1
    (chain,) = gemmi.read_pdb_string(_pdb(p))[0]
    assert [(r.name, len(r)) for r in chain] == [("ALA", 5), ("UNK", 5), ("ALA", 5)]
    p.atom_mask[1] = 0
    (chain,) = gemmi.read_pdb_string(_pdb(p))[0]
    assert [(r.name, r.seqid.num) for r in chain] == [("ALA", 1), ("ALA", 3)]


@pytest.mark.parametrize("length", [1, 13, 14, 27, 400])
def test_seqres_has_every_residue(length: int) -> None:
    """Residues without atoms too, as gemmi and Biopython read them."""
    sequence = ("MACDEFGHIKLMNPQRSTVWYX" * 20)[:length]
    text = _pdb(prediction(sequence))
    names = [RESNAMES[k] for k in prediction(sequence).aatype]
    structure = gemmi.read_pdb_string(text)
    structure.setup_entities()
    (entity,) = structure.entities
    assert entity.full_sequence == names
    (record,) = SeqIO.parse(io.StringIO(text), "pdb-seqres")
    assert (str(record.seq), record.annotations["chain"]) == (sequence, "A")


def test_a_chain_too_long_for_seqres_has_none() -> None:
    p = prediction("G" * 10_000, ptm=None)
    few = replace(p, atom_mask=p.atom_mask * (np.arange(37) == CA))
    assert "SEQRES" not in _pdb(few)
    fits = replace(few, **{name: getattr(few, name)[:9_999] for name in CHAIN_ARRAYS})
    lines = [line for line in _pdb(fits).splitlines() if line.startswith("SEQRES")]
    assert (len(lines), lines[-1].rstrip()) == (770, "SEQRES 770 A 9999  GLY GLY")


def test_missing_atoms_are_left_out(tmp_path: Path) -> None:
    p = prediction("WKR")
    p.atom_mask[1, 5:] = 0
    path = tmp_path / "x.pdb"
    path.write_text(_pdb(p))
    (chain,) = read_chains(path)
    assert np.array_equal(chain.mask, p.atom_mask)


def test_numbers_are_those_of_residue_index() -> None:
    p = prediction("AAA", residue_index=np.array([0, 41, 42], np.int32))
    (chain,) = gemmi.read_pdb_string(_pdb(p))[0]
    assert [r.seqid.num for r in chain] == [1, 42, 43]


def test_pdbfixer_finds_nothing_to_mend(tmp_path: Path) -> None:
    import pdbfixer

    path = tmp_path / "x.pdb"
    path.write_text(_pdb(prediction("MACDEFGHIKLMNPQRSTVWY")))
    fixer = pdbfixer.PDBFixer(str(path))
    fixer.findMissingResidues()
    fixer.findNonstandardResidues()
    fixer.findMissingAtoms()
    assert (fixer.missingResidues, fixer.nonstandardResidues, fixer.missingAtoms) == ({}, [], {})
    assert fixer.topology.getNumResidues() == 21


def test_what_outgrows_the_columns_goes_on_in_hybrid_36() -> None:
    p = prediction("G" * 10_003, ptm=None)
    few = replace(p, atom_mask=p.atom_mask * (np.arange(37) == CA))
    text = _pdb(few)
    assert {len(line) for line in text.splitlines()} == {80}
    (chain,) = gemmi.read_pdb_string(text)[0]
    assert [r.seqid.num for r in chain] == list(range(1, 10_004))
    last = chain[-1][0].pos.tolist()
    np.testing.assert_allclose(last, p.atom_positions[-1, CA], atol=5.1e-4)
    note = pdb_limit_note(predicted_atoms(few)) or ""
    assert "hybrid-36" in note
    assert "10,003 residues" in note


def test_note_comes_with_the_first_number_too_many() -> None:
    assert pdb_limit_note(predicted_atoms(prediction("G" * 9_999, ptm=None))) is None
    many = prediction("W" * 7142 + "AA", ptm=None)  # 99,998 atoms and TER
    assert pdb_limit_note(predicted_atoms(many)) is None
    more = prediction("W" * 7142 + "AAG", ptm=None)
    assert "100,003 atoms" in (pdb_limit_note(predicted_atoms(more)) or "")


def test_a_hundred_thousand_atoms_are_read_back() -> None:
    p = prediction("W" * 7200, ptm=None)
    (chain,) = gemmi.read_pdb_string(_pdb(p))[0]
    assert chain.count_atom_sites() == 7200 * 14 > 99_999
    np.testing.assert_allclose(chain[-1]["CH2"][0].pos.tolist(), p.atom_positions[-1, ATOM37_INDEX["CH2"]], atol=5.1e-4)


def test_a_warning_about_the_parameters_is_the_title() -> None:
    warning = "random parameters (synthetic:0): these structures mean nothing, whatever their confidence says of them"
    text = pdb_text(predicted_atoms(prediction("ACD")), warning)
    titles = [line for line in text.splitlines() if line.startswith("TITLE")]
    assert len(titles) == 2
    assert {len(line) for line in text.splitlines()} == {80}
    structure = gemmi.read_pdb_string(text)
    assert " ".join(structure.info["_struct.title"].split()) == warning.upper()
    assert len(structure[0]["A"]) == 3


def test_no_files_of_numbers_that_are_none() -> None:
    p = prediction("AC")
    bad = p.atom_positions.copy()
    bad[1, CA, 2] = np.nan
    with pytest.raises(ValueError, match="model_1_ptm: positions or pLDDT that are no finite numbers"):
        predicted_atoms(replace(p, atom_positions=bad))
    with pytest.raises(ValueError, match="no finite numbers"):
        predicted_atoms(replace(p, plddt=np.array([50.0, np.inf], np.float32)))
    with pytest.raises(ValueError, match="no atoms to write"):
        predicted_atoms(prediction("XX"))
    bad[1, CA, 2], bad[1, 36] = 0.0, np.nan  # alanine and cysteine have no OXT here: it does not count
    predicted_atoms(replace(p, atom_positions=bad))


def test_relaxed_structures_get_the_prediction_s_confidence() -> None:
    p = prediction("MAXG")
    atoms = relaxed_atoms(p, with_hydrogens(p, 1.0))
    (chain,) = gemmi.read_pdb_string(pdb_text(atoms))[0]
    assert [(r.name, r.seqid.num, len(r)) for r in chain] == [("MET", 1, 9), ("ALA", 2, 6), ("GLY", 4, 5)]
    assert [a.b_iso for r in chain for a in r if a.name == "HA"] == pytest.approx(p.plddt[[0, 1, 3]], abs=5.1e-3)
    np.testing.assert_allclose(chain[1]["CA"][0].pos.tolist(), p.atom_positions[1, CA] + 1, atol=2e-3)
    assert chain[0]["HA"][0].element.name == "H"


@pytest.mark.parametrize("other", ["MAXA", "MAV", "MAXGG", "MAVA"])
def test_a_relaxed_structure_of_another_chain_is_refused(other: str) -> None:
    with pytest.raises(ValueError, match="the relaxed structure is of another chain"):
        relaxed_atoms(prediction("MAVG"), with_hydrogens(prediction(other), 0.0))


def test_alphafold_s_own_files_come_out_as_they_went_in() -> None:
    """Of a published run: the unrelaxed file is rebuilt byte for byte, its relaxed one keeps every number."""
    path = shared_data("pdb", "6KWC_1_model_1_ptm_unrelaxed.pdb")
    (chain,) = read_chains(path)
    b_factors = [r[0].b_iso for r in gemmi.read_structure(str(path))[0]["A"]]
    p = prediction(
        chain.sequence,
        atom_positions=chain.positions,
        atom_mask=chain.mask,
        plddt=np.array(b_factors, np.float32),
    )
    theirs = [line for line in path.read_text().splitlines() if line.split()[0] not in ("REMARK", "PARENT")]
    ours = [line for line in _pdb(p).splitlines() if not line.startswith("SEQRES")]
    assert ours == theirs
    relaxed = shared_data("pdb", "6KWC_1_model_1_ptm_relaxed.pdb").read_text().replace("-0.000", " 0.000")
    rows = [(row, atom) for row, residue in enumerate(gemmi.read_pdb_string(relaxed)[0]["A"]) for atom in residue]
    atoms = Atoms(
        residue=np.array([row for row, _ in rows]),
        name=np.array([atom.name for _, atom in rows]),
        element=np.array([atom.element.name for _, atom in rows]),
        position=np.array([atom.pos.tolist() for _, atom in rows]),
    )
    ours = [line for line in pdb_text(relaxed_atoms(p, atoms)).splitlines() if line.startswith("ATOM")]
    assert ours == [line.ljust(80) for line in relaxed.splitlines() if line.startswith("ATOM")]


COMPLEX = "MACDEFX:GAVX:MACDEFX:W"


def test_chains_are_lettered_in_the_user_s_order_each_from_1() -> None:
    p = prediction(COMPLEX)
    lines = _pdb(p).splitlines()
    assert {len(line) for line in lines} == {80}
    assert [line.rstrip() for line in lines if line.startswith("TER")] == [
        "TER      48      PHE A   6",
        "TER      65      VAL B   3",
        "TER     113      PHE C   6",
        "TER     128      TRP D   1",
    ]
    sequences = {one.annotations["chain"]: str(one.seq) for one in SeqIO.parse(io.StringIO(_pdb(p)), "pdb-seqres")}
    assert sequences == dict(zip("ABCD", COMPLEX.split(":"), strict=True))
    structure = gemmi.read_pdb_string(_pdb(p))
    numbers = [(chain.name, [residue.seqid.num for residue in chain]) for chain in structure[0]]
    assert numbers == [("A", [1, 2, 3, 4, 5, 6]), ("B", [1, 2, 3]), ("C", [1, 2, 3, 4, 5, 6]), ("D", [1])]
    biopython = PDBParser(QUIET=False).get_structure("x", io.StringIO(_pdb(p)))[0]
    assert [(chain.id, [residue.id[1] for residue in chain]) for chain in biopython] == numbers
    np.testing.assert_allclose(biopython["C"][2]["CB"].coord, p.atom_positions[12, ATOM37_INDEX["CB"]], atol=5.1e-4)
    assert structure[0]["D"][0][0].b_iso == pytest.approx(p.plddt[-1], abs=5.1e-3)


def test_biotite_reads_chains(tmp_path: Path) -> None:
    reader = importlib.import_module("biotite.structure.io.pdb")
    p = prediction(COMPLEX)
    atoms = reader.PDBFile.read(io.StringIO(_pdb(p))).get_structure(model=1, extra_fields=["b_factor"])
    alphas = atoms[atoms.atom_name == "CA"]
    placed = p.atom_mask[:, CA] > 0
    assert alphas.chain_id.tolist() == p.chains.ids[placed].tolist()
    assert alphas.res_id.tolist() == (p.residue_index[placed] + 1).tolist()
    np.testing.assert_allclose(alphas.coord, p.atom_positions[placed, CA], atol=5.1e-4)
    np.testing.assert_allclose(alphas.b_factor, p.plddt[placed], atol=5.1e-3)


def test_relaxed_chains_have_the_same_letters_and_numbers() -> None:
    p = prediction(COMPLEX)
    predicted, relaxed = (
        [(chain.name, [residue.seqid.num for residue in chain]) for chain in gemmi.read_pdb_string(text)[0]]
        for text in (_pdb(p), pdb_text(relaxed_atoms(p, with_hydrogens(p, 0.0))))
    )
    assert relaxed == predicted


def test_sixty_two_chains_and_no_more() -> None:
    all_letters = prediction(":".join(["G"] * 62))
    structure = gemmi.read_pdb_string(_pdb(all_letters))
    assert [chain.name for chain in structure[0]] == list(
        string.ascii_uppercase + string.ascii_lowercase + string.digits
    )
    assert pdb_limit_note(predicted_atoms(all_letters)) is None
    too_many = predicted_atoms(prediction(":".join(["G"] * 63)))
    with pytest.raises(ValueError, match="63 chains have no PDB file: the format has identifiers for 62"):
        pdb_text(too_many)
    note = pdb_limit_note(too_many)
    assert note == "63 chains: the PDB format has identifiers for 62, so the structures are .cif files only"


def test_residues_count_by_chain_and_atoms_altogether() -> None:
    long = "G" * 6_000
    assert pdb_limit_note(predicted_atoms(prediction(f"{long}:{long}", ptm=None))) is None
    many = prediction(":".join(["W" * 3572] * 2), ptm=None)  # 100,016 atoms
    note = pdb_limit_note(predicted_atoms(many)) or ""
    assert note.startswith("3,572 residues of a chain with 100,018 atoms outgrow")
    assert "SEQRES 462 B 6000" in _pdb(prediction(f"{long}:{long}", ptm=None))
