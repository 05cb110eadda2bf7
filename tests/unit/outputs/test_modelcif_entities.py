# SPDX-License-Identifier: Apache-2.0
"""ModelCIF files of complexes, read by python-modelcif, gemmi, Biopython, biotite and our own reader of templates."""

from __future__ import annotations

import importlib
import io
from datetime import date
from pathlib import Path
from typing import Any

import gemmi
import modelcif
import modelcif.reader
import numpy as np
import pytest
from Bio.PDB import MMCIFParser
from Bio.PDB.MMCIF2Dict import MMCIF2Dict
from output_cases import with_hydrogens
from prediction_cases import prediction

from af2cpu.chemistry.residues import ATOM37_INDEX
from af2cpu.confidence import confidence_of
from af2cpu.formats.mmcif import read_mmcif
from af2cpu.outputs.atoms import predicted_atoms, relaxed_atoms
from af2cpu.outputs.modelcif import modelcif_text
from af2cpu.records import NetworkTemplate, Prediction, PredictionId, Provenance

MODEL = "model_1_multimer_v3"
A, B = "MACDEX", "GAVLK"
COMPLEX = f"{A}:{B}:{A}"
LENGTHS = {"A": 6, "B": 5, "C": 6}


def _cif(p: Prediction, relaxed: bool = False, **changes: Any) -> str:
    confidence = confidence_of(PredictionId(p.model, 0, 0), p)
    atoms = relaxed_atoms(p, with_hydrogens(p, 0.0)) if relaxed else predicted_atoms(p)
    fields: dict[str, Any] = {
        "description": "a complex",
        "entry": "complex",
        "version": "1.2.3",
        "parameters": "params_model_1_multimer_v3.npz",
        "date": date(2026, 3, 4),
    }
    return modelcif_text(atoms, confidence, Provenance(**fields | changes), relaxed)


def _values(text: str) -> dict[str, list[str]]:
    return dict(MMCIF2Dict(io.StringIO(text)))


def _rows(values: dict[str, list[str]], category: str, *names: str) -> list[tuple[str, ...]]:
    return list(zip(*(values[f"{category}.{name}"] for name in names), strict=True))


@pytest.fixture(scope="module")
def complex_of_three() -> Prediction:
    return prediction(COMPLEX, model=MODEL)


@pytest.mark.parametrize("relaxed", [False, True])
def test_modelcif_s_own_library_reads_all(complex_of_three: Prediction, relaxed: bool) -> None:
    p = complex_of_three
    (system,) = modelcif.reader.read(io.StringIO(_cif(p, relaxed)), reject_old_file=True)
    assert ["".join(c.code_canonical for c in entity.sequence) for entity in system.entities] == [A, B]
    assert [(one.id, system.entities.index(one.entity)) for one in system.asym_units] == [("A", 0), ("B", 1), ("C", 0)]
    ((model,),) = system.model_groups
    starts = {"A": 0, "B": 6, "C": 11}
    atoms = [atom for atom in model.get_atoms() if atom.atom_id in ATOM37_INDEX]
    assert len(atoms) == (p.atom_mask >= 0.5).sum()
    for atom in atoms:
        row = starts[atom.asym_unit.id] + atom.seq_id - 1
        given = p.atom_positions[row, ATOM37_INDEX[atom.atom_id]]
        np.testing.assert_allclose([atom.x, atom.y, atom.z], given, atol=5.1e-4)
        assert atom.biso == pytest.approx(p.plddt[row], abs=5.1e-3)
    local = [m for m in model.qa_metrics if hasattr(m, "residue")]
    assert [(m.residue.asym.id, m.residue.seq_id) for m in local] == [
        (chain, k) for chain, length in LENGTHS.items() for k in range(1, length + 1)
    ]
    np.testing.assert_allclose([m.value for m in local], p.plddt, atol=5.1e-3)
    whole = {type(m).type: m.value for m in model.qa_metrics if not hasattr(m, "residue")}
    assert whole == {"pLDDT": pytest.approx(p.plddt.mean(), abs=5.1e-3), "pTM": 0.62, "ipTM": 0.38}
    (protocol,) = system.protocols
    assert protocol.steps[-1 - relaxed].input_data == system.entities


def test_gemmi_and_biopython_read_it(complex_of_three: Prediction) -> None:
    p, text = complex_of_three, _cif(complex_of_three)
    structure = gemmi.make_structure_from_block(gemmi.cif.read_string(text).sole_block())
    assert [(chain.name, [r.label_seq for r in chain]) for chain in structure[0]] == [
        ("A", [1, 2, 3, 4, 5]),  # X has no atoms
        ("B", [1, 2, 3, 4, 5]),
        ("C", [1, 2, 3, 4, 5]),
    ]
    assert [(one.name, one.subchains, len(one.full_sequence)) for one in structure.entities] == [
        ("1", ["A", "C"], 6),
        ("2", ["B"], 5),
    ]
    chains = list(MMCIFParser(QUIET=False).get_structure("x", io.StringIO(text))[0])
    assert [(chain.id, [residue.id[1] for residue in chain]) for chain in chains] == [
        (chain, [1, 2, 3, 4, 5]) for chain in "ABC"
    ]
    np.testing.assert_allclose(chains[1][3]["CA"].coord, p.atom_positions[8, ATOM37_INDEX["CA"]], atol=5.1e-4)


def test_biotite_reads_it(complex_of_three: Prediction) -> None:
    pdbx = importlib.import_module("biotite.structure.io.pdbx")
    file = pdbx.CIFFile.read(io.StringIO(_cif(complex_of_three)))
    assert {chain: str(sequence) for chain, sequence in pdbx.get_sequence(file).items()} == {"A": A, "B": B, "C": A}
    atoms = pdbx.get_structure(file, model=1, extra_fields=["b_factor", "label_entity_id"], use_author_fields=False)
    assert list(dict.fromkeys(zip(atoms.chain_id, atoms.label_entity_id, strict=True))) == [
        ("A", "1"),
        ("B", "2"),
        ("C", "1"),
    ]
    alphas = atoms[atoms.atom_name == "CA"]
    assert alphas.res_id.tolist() == [1, 2, 3, 4, 5] * 3
    placed = complex_of_three.atom_mask[:, ATOM37_INDEX["CA"]] > 0
    np.testing.assert_allclose(alphas.b_factor, complex_of_three.plddt[placed], atol=5.1e-3)


def test_chains_can_serve_as_templates(tmp_path: Path, complex_of_three: Prediction) -> None:
    (tmp_path / "x.cif").write_text(_cif(complex_of_three))
    entry = read_mmcif(tmp_path / "x.cif")
    assert entry.sequences == {"A": A, "B": B, "C": A}
    given = complex_of_three.atom_positions * complex_of_three.atom_mask[..., None]
    np.testing.assert_allclose(entry.chain("C").positions, given[11:], atol=5.1e-4)


def test_entities_and_chains(complex_of_three: Prediction) -> None:
    values = _values(_cif(complex_of_three, chain_names=("P1 kinase", "P2", "P1 copy")))
    assert _rows(values, "_entity", "id", "pdbx_description", "pdbx_number_of_molecules") == [
        ("1", "P1 kinase; P1 copy", "2"),
        ("2", "P2", "1"),
    ]
    assert _rows(values, "_entity_poly", "entity_id", "pdbx_strand_id", "pdbx_seq_one_letter_code") == [
        ("1", "A,C", "MACDE(UNK)"),
        ("2", "B", B),
    ]
    assert _rows(values, "_struct_asym", "id", "entity_id") == [("A", "1"), ("B", "2"), ("C", "1")]
    assert _rows(values, "_ma_target_entity_instance", "asym_id", "entity_id") == [("A", "1"), ("B", "2"), ("C", "1")]
    assert _rows(values, "_ma_target_entity", "entity_id", "data_id") == [("1", "1"), ("2", "2")]
    assert _rows(values, "_ma_data", "id", "name", "content_type") == [
        ("1", "Target sequence of chains A, C", "target"),
        ("2", "Target sequence of chain B", "target"),
        ("3", "Model", "model coordinates"),
    ]
    assert values["_entity_poly_seq.num"] == [*"123456", *"12345"]
    scheme = _rows(values, "_pdbx_poly_seq_scheme", "asym_id", "entity_id", "seq_id", "pdb_seq_num", "auth_seq_num")
    assert scheme[5:8] == [("A", "1", "6", "6", "?"), ("B", "2", "1", "1", "1"), ("B", "2", "2", "2", "2")]
    assert len(scheme) == 17
    assert values["_ma_model_list.model_group_name"] == values["_ma_model_group.name"] == ["AlphaFold 2 multimer model"]
    assert values["_ma_model_list.data_id"] == ["3"]
    assert _rows(values, "_ma_qa_metric", "id", "type", "mode")[2:] == [("3", "pTM", "global"), ("4", "ipTM", "global")]


def test_chains_without_names_have_the_complex_s_description(complex_of_three: Prediction) -> None:
    assert _values(_cif(complex_of_three))["_entity.pdbx_description"] == ["a complex", "a complex"]


def test_copies_are_one_entity() -> None:
    values = _values(_cif(prediction("GA:GA:GA", model=MODEL)))
    assert _rows(values, "_entity", "id", "pdbx_number_of_molecules") == [("1", "3")]
    assert values["_entity_poly.pdbx_strand_id"] == ["A,B,C"]
    assert values["_struct_asym.entity_id"] == ["1", "1", "1"]


def test_a_hundred_chains_have_identifiers_of_two_letters() -> None:
    text = _cif(prediction(":".join(["G"] * 100), model=MODEL))
    structure = gemmi.make_structure_from_block(gemmi.cif.read_string(text).sole_block())
    names = [chain.name for chain in structure[0]]
    assert (names[61:64], len(set(names))) == (["9", "AA", "BA"], 100)
    (system,) = modelcif.reader.read(io.StringIO(text))
    assert [one.id for one in system.asym_units] == names


def test_the_paper_of_the_network_is_cited(complex_of_three: Prediction) -> None:
    values = _values(_cif(complex_of_three))
    assert values["_citation.id"] == ["primary", "multimer"]
    assert values["_citation.pdbx_database_id_DOI"][1] == "10.1101/2021.10.04.463034"
    authors = _rows(values, "_citation_author", "citation_id", "name", "ordinal")
    assert ("multimer", "Evans, Richard", "1") in authors
    monomer = _values(_cif(prediction(COMPLEX, model="model_1_ptm")))
    assert monomer["_citation.id"] == ["primary"]


TEMPLATES = (
    NetworkTemplate("2q2k_A", "-ACDE-", "A"),
    NetworkTemplate("mine_X", "GAIL-", "B"),  # 3 of 4 residues are identical
    NetworkTemplate("1abc_B", "--VL-", "B"),
    NetworkTemplate("2q2k_A", "-ACDE-", "C"),
)


def test_templates_are_recorded_by_chain(complex_of_three: Prediction) -> None:
    text = _cif(complex_of_three, network_templates=TEMPLATES)
    (system,) = modelcif.reader.read(io.StringIO(text), reject_old_file=True)
    pairs = [pair for alignment in system.alignments for pair in alignment.pairs]
    assert [pair.target.asym.id for pair in pairs] == ["A", "B", "B", "C"]
    assert [pair.target.seq_id_range for pair in pairs] == [(2, 5), (1, 4), (3, 4), (2, 5)]
    assert [pair.target.gapped_sequence for pair in pairs] == ["ACDE", "GAVL", "VL", "ACDE"]
    assert [pair.identity.value for pair in pairs] == [100.0, 75.0, 100.0, 100.0]
    assert [pair.template.template for pair in pairs] == list(system.templates)
    (protocol,) = system.protocols
    _, search, modeling = protocol.steps
    assert len(search.output_data) == 8
    assert len(modeling.input_data) == 10  # with two sequences
    values = _values(text)
    assert values["_ma_template_details.template_data_id"] == ["4", "5", "6", "7"]
    assert values["_ma_data.name"][3] == "Template 2q2k_A of chain A, aligned residues"
    assert values["_ma_data.name"][10] == "Alignment of chain C to 2q2k_A"


def test_templates_of_one_chain_may_be_the_user_s(complex_of_three: Prediction) -> None:
    text = _cif(complex_of_three, network_templates=TEMPLATES, own_templates=("B",))
    (system,) = modelcif.reader.read(io.StringIO(text), reject_old_file=True)
    kinds = [isinstance(one, modelcif.CustomTemplate) for one in system.templates]
    assert kinds == [False, True, True, False]
    values = _values(text)
    assert values["_ma_template_customized.template_id"] == ["2", "3"]
    assert _rows(values, "_ma_template_ref_db_details", "template_id", "db_accession_code") == [
        ("1", "2Q2K"),
        ("4", "2Q2K"),
    ]
