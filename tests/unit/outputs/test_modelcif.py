# SPDX-License-Identifier: Apache-2.0
"""ModelCIF files, read back by python-modelcif, gemmi, Biopython and our own reader of templates."""

from __future__ import annotations

import io
import time
from datetime import date
from pathlib import Path

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

SEQUENCE = "MACDEFGHIKLMNPQRSTVWYX" + "GAVX"


def provenance(**changes: object) -> Provenance:
    fields: dict[str, object] = {
        "description": "P12345 a protein",
        "entry": "P12345",
        "version": "1.2.3",
        "parameters": "params_model_1_ptm.npz",
        "date": date(2026, 3, 4),
    }
    return Provenance(**fields | changes)  # type: ignore[arg-type]


def _cif(p: Prediction, relaxed: bool = False, **changes: object) -> str:
    confidence = confidence_of(PredictionId(p.model, 0, 0), p)
    atoms = relaxed_atoms(p, with_hydrogens(p, 0.0)) if relaxed else predicted_atoms(p)
    return modelcif_text(atoms, confidence, provenance(**changes), relaxed)


def _values(text: str) -> dict[str, list[str]]:
    return dict(MMCIF2Dict(io.StringIO(text)))


@pytest.mark.parametrize("sequence", ["M", "G", SEQUENCE])
def test_modelcif_s_own_library_reads_all(sequence: str) -> None:
    p = prediction(sequence)
    (system,) = modelcif.reader.read(io.StringIO(_cif(p)), reject_old_file=True)
    (entity,) = system.entities
    assert entity.type == "polymer"
    assert "".join(c.code_canonical for c in entity.sequence) == sequence
    ((model,),) = system.model_groups
    placed = (p.atom_mask >= 0.5).sum()
    atoms = list(model.get_atoms())
    assert len(atoms) == placed > 0
    for atom in atoms:
        given = p.atom_positions[atom.seq_id - 1, ATOM37_INDEX[atom.atom_id]]
        np.testing.assert_allclose([atom.x, atom.y, atom.z], given, atol=5.1e-4)
        assert atom.biso == pytest.approx(p.plddt[atom.seq_id - 1], abs=5.1e-3)
    local = [m for m in model.qa_metrics if hasattr(m, "residue")]
    assert [m.residue.seq_id for m in local] == list(range(1, len(sequence) + 1))
    np.testing.assert_allclose([m.value for m in local], p.plddt, atol=5.1e-3)
    whole = {type(m).__name__: m.value for m in model.qa_metrics if not hasattr(m, "residue")}
    assert list(whole.values()) == pytest.approx([p.plddt.mean(), 0.625], abs=5.1e-3)
    assert [(s.name, s.version) for s in system.software] == [("af2cpu", "1.2.3"), ("AlphaFold", "2.3.2")]
    (protocol,) = system.protocols
    assert [step.method_type for step in protocol.steps] == ["coevolution MSA", "template search", "modeling"]
    assert {type(m).type for m in local} == {"pLDDT"}


@pytest.mark.parametrize("sequence", ["M", SEQUENCE])
def test_gemmi_and_biopython_read_it(sequence: str) -> None:
    p = prediction(sequence)
    text = _cif(p)
    structure = gemmi.make_structure_from_block(gemmi.cif.read_string(text).sole_block())
    (chain,) = structure[0]
    n_atoms = int((p.atom_mask >= 0.5).sum())
    assert (chain.name, chain.count_atom_sites()) == ("A", n_atoms)
    assert [r.label_seq for r in chain] == [k + 1 for k, letter in enumerate(sequence) if letter != "X"]
    assert structure.entities[0].full_sequence[-1] == ("UNK" if sequence[-1] == "X" else "MET")
    (biopython,) = MMCIFParser(QUIET=False).get_structure("x", io.StringIO(text))[0]
    assert sum(1 for _ in biopython.get_atoms()) == n_atoms
    for residue in biopython:
        (b_factor,) = {atom.bfactor for atom in residue}
        assert b_factor == pytest.approx(p.plddt[residue.id[1] - 1], abs=5.1e-3)


def test_it_can_serve_as_a_template_with_its_date(tmp_path: Path) -> None:
    sequence = SEQUENCE.replace("R", "K")  # reading templates renames atoms of odd arginines
    p = prediction(sequence)
    (tmp_path / "x.cif").write_text(_cif(p))
    entry = read_mmcif(tmp_path / "x.cif")
    assert entry.release_date == date(2026, 3, 4)
    assert entry.sequences["A"] == sequence
    chain = entry.chain("A")
    assert np.array_equal(chain.mask, p.atom_mask)
    np.testing.assert_allclose(chain.positions, p.atom_positions * p.atom_mask[..., None], atol=5.1e-4)
    assert "_pdbx_audit_revision_history.revision_date" not in _values(_cif(p, date=None))


def test_categories_and_items() -> None:
    values = _values(_cif(prediction("GX")))
    categories = {name.partition(".")[0] for name in values if name != "data_"}
    assert categories >= set(
        "_entry _audit_conform _struct _citation _citation_author _pdbx_data_usage _entity _entity_poly "
        "_entity_poly_seq _struct_asym _chem_comp _atom_type _pdbx_poly_seq_scheme _atom_site _software "
        "_ma_software_group _ma_data _ma_target_entity _ma_target_entity_instance _ma_model_list "
        "_ma_protocol_step _ma_qa_metric _ma_qa_metric_global _ma_qa_metric_local".split()
    )
    assert values["_audit_conform.dict_name"] == ["mmcif_ma.dic"]
    assert values["_ma_qa_metric.mode"] == ["global", "local", "global"]
    assert values["_ma_qa_metric.type"] == ["pLDDT", "pLDDT", "pTM"]
    assert values["_ma_model_list.model_type"] == ["Ab initio model"]
    assert values["_entity_poly.pdbx_seq_one_letter_code"] == ["G(UNK)"]
    assert values["_chem_comp.id"] == ["GLY", "UNK"]
    assert values["_chem_comp.type"] == ["peptide linking", "L-peptide linking"]
    assert values["_atom_type.symbol"] == ["C", "N", "O"]
    assert values["_pdbx_poly_seq_scheme.auth_seq_num"] == ["1", "?"]


def test_models_without_ptm_say_nothing_of_it() -> None:
    values = _values(_cif(prediction("GA", model="model_1", ptm=None)))
    assert values["_ma_qa_metric.type"] == ["pLDDT", "pLDDT"]
    assert values["_ma_qa_metric_global.metric_id"] == ["1"]


def test_gaps_in_the_numbers_stay_gaps() -> None:
    p = prediction("GAV", residue_index=np.array([4, 5, 90], np.int32))
    values = _values(_cif(p))
    assert values["_entity_poly_seq.num"] == ["1", "2", "3"]
    assert values["_pdbx_poly_seq_scheme.pdb_seq_num"] == ["5", "6", "91"]
    assert list(dict.fromkeys(values["_atom_site.auth_seq_id"])) == ["5", "6", "91"]
    assert list(dict.fromkeys(values["_atom_site.label_seq_id"])) == ["1", "2", "3"]


TEMPLATES = (
    NetworkTemplate("2q2k_A", "-ACDEYG-IKL" + "-" * 15),  # 8 of 9 residues are identical
    NetworkTemplate("1abc_BB", "-" * 24 + "VX"),
)


def test_templates_are_recorded() -> None:
    p = prediction(SEQUENCE)
    (system,) = modelcif.reader.read(io.StringIO(_cif(p, network_templates=TEMPLATES)), reject_old_file=True)
    first, second = system.templates
    assert [type(t) for t in system.templates] == [modelcif.Template, modelcif.Template]
    assert [(r.name, r.accession) for t in (first, second) for r in t.references] == [("PDB", "2Q2K"), ("PDB", "1ABC")]
    assert [t.strand_id for t in (first, second)] == ["A", "BB"]
    assert "".join(c.code_canonical for c in first.entity.sequence) == "ACDEYGIKL"
    assert [c.id for c in second.entity.sequence] == ["VAL", "UNK"]
    assert first.transformation.rot_matrix == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    pairs = [pair for alignment in system.alignments for pair in alignment.pairs]
    assert [pair.template.template for pair in pairs] == [first, second]
    assert [pair.target.seq_id_range for pair in pairs] == [(2, 11), (25, 26)]
    assert [pair.template.seq_id_range for pair in pairs] == [(1, 9), (1, 2)]
    assert [pair.template.gapped_sequence for pair in pairs] == ["ACDEYG-IKL", "VX"]
    assert [pair.target.gapped_sequence for pair in pairs] == ["ACDEFGHIKL", "VX"]
    assert [pair.identity.value for pair in pairs] == [pytest.approx(88.9), 100.0]
    (protocol,) = system.protocols
    _, search, modeling = protocol.steps
    assert [data for data in search.output_data if isinstance(data, modelcif.Template)] == [first, second]
    assert len(search.output_data) == 4
    assert len(modeling.input_data) == 5


def test_templates_of_the_user_s_are_no_entries_of_the_pdb() -> None:
    own = (NetworkTemplate("my_model_A", SEQUENCE),)
    text = _cif(prediction(SEQUENCE), network_templates=own, own_templates=("A",))
    (system,) = modelcif.reader.read(io.StringIO(text), reject_old_file=True)
    (template,) = system.templates
    assert isinstance(template, modelcif.CustomTemplate)
    assert template.details == "Structure file my_model of the user's, chain A"
    assert "_ma_template_ref_db_details.template_id" not in _values(text)


def test_no_templates_no_categories() -> None:
    values = _values(_cif(prediction("GA")))
    assert not [name for name in values if name.startswith(("_ma_template", "_ma_alignment"))]


SOFTWARE = (("OpenMM", "8.6"), ("pyhmmer", "0.12"), ("PyTorch", "2.13"), ("PDBFixer", "1.12"))


def test_software_with_versions_by_step() -> None:
    p = prediction("GAV")
    (system,) = modelcif.reader.read(io.StringIO(_cif(p, relaxed=True, software=SOFTWARE)))
    versions = {one.name: one.version for one in system.software}
    assert versions == {"af2cpu": "1.2.3", "AlphaFold": "2.3.2", **dict(SOFTWARE)}
    (protocol,) = system.protocols
    assert {step.method_type: [one.name for one in step.software] for step in protocol.steps} == {
        "coevolution MSA": ["af2cpu", "pyhmmer"],
        "template search": ["af2cpu", "pyhmmer"],
        "modeling": ["af2cpu", "AlphaFold", "PyTorch"],
        "model refinement": ["af2cpu", "OpenMM", "PDBFixer"],
    }


def test_external_programs_are_named() -> None:
    programs = (("hhblits", "3.3.0"), ("hhsearch", "3.3.0"))
    values = _values(_cif(prediction("GAV"), software=(*SOFTWARE, *programs)))
    named = list(zip(values["_software.name"], values["_software.version"], values["_software.type"], strict=True))
    assert named[3:] == [("pyhmmer", "0.12", "library"), *((*program, "program") for program in programs)]


def test_software_that_took_no_part_is_left_out() -> None:
    unrelaxed = _values(_cif(prediction("GAV"), software=SOFTWARE))
    assert unrelaxed["_software.name"] == ["af2cpu", "AlphaFold", "PyTorch", "pyhmmer"]
    given = tuple(one for one in SOFTWARE if one[0] != "pyhmmer")
    (system,) = modelcif.reader.read(io.StringIO(_cif(prediction("GAV"), relaxed=True, software=given)))
    steps = {step.method_type: [one.name for one in step.software] for step in system.protocols[0].steps}
    assert steps["coevolution MSA"] == ["af2cpu", "AlphaFold", "PyTorch"]
    assert steps["model refinement"] == ["af2cpu", "OpenMM", "PDBFixer"]


def test_relaxed_models_say_so() -> None:
    p = prediction("GAV")
    plain, relaxed = _values(_cif(p)), _values(_cif(p, relaxed=True, templates=False))
    assert relaxed["_ma_protocol_step.method_type"] == ["coevolution MSA", "modeling", "model refinement"]
    assert plain["_ma_model_list.model_name"] == ["model_1_ptm_pred_0, unrelaxed"]
    assert relaxed["_ma_model_list.model_name"] == ["model_1_ptm_pred_0, relaxed"]


@pytest.mark.parametrize(
    "description",
    [
        'it\'s "odd"; data_x _atom_site.id loop_ #1 $x [2]',
        ";starts a text field",
        "_name",
        "data_",
        "?",
        ".",
        "'",
        "ends with '",
        "tab\tand\x07bell",
        "<script>alert(1)</script>",
        "β-lactamase Größe",
        "x" * 5000,
        "",
        "\n;\nbroken\n;\n",
    ],
)
def test_any_description_is_quoted(description: str) -> None:
    values = _values(_cif(prediction("GA"), description=description, warning="random parameters"))
    block = gemmi.cif.read_string(_cif(prediction("GA"), description=description)).sole_block()
    assert len(block.find_loop("_atom_site.id")) == 9
    assert len(values["_atom_site.id"]) == 9
    (title,) = values["_struct.title"]
    assert title.startswith("random parameters: model_1_ptm prediction of ")
    assert title.isascii()
    assert len(title) < 600
    told = " ".join(description.split())
    if told.isascii() and told.isprintable() and len(told) < 500:
        assert title.endswith(told or "P12345")


def test_a_warning_takes_the_licence_s_place() -> None:
    official = _values(_cif(prediction("GA")))
    synthetic = _values(_cif(prediction("GA"), warning="random parameters: this means nothing"))
    assert official["_pdbx_data_usage.type"] == ["license", "disclaimer"]
    assert synthetic["_pdbx_data_usage.type"] == ["disclaimer", "disclaimer"]
    assert "this means nothing" in synthetic["_pdbx_data_usage.details"][0]


def test_long_chains_are_fast_and_the_same_twice() -> None:
    p = prediction("ACDEFGHIKLMNPQRSTVWY" * 150, ptm=None)
    began = time.perf_counter()
    text = _cif(p)
    assert time.perf_counter() - began < 5  # 0.2 s on a quiet machine
    assert text == _cif(p)
    (system,) = modelcif.reader.read(io.StringIO(text))
    assert len(list(system.model_groups[0][0].get_atoms())) == int(p.atom_mask.sum()) > 20_000
