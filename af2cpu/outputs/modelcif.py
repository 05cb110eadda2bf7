"""ModelCIF: AlphaFold 2's categories, pLDDT per residue, and what readers of the PDB's own files look for.

Item names and allowed values are those of the dictionary mmcif_ma.dic, version 1.4.9. Ids: entity 1, chain A, model 1,
data 1 the target and 2 the model. Software, steps and templates: modelcif_method.py, modelcif_templates.py.

DEVIATION: AlphaFold 2 gives the mean of the atoms' pLDDT as the model's; here it is the mean of the residues, by which
models are ranked. It fills gaps of the residue numbers with UNK residues; here `label_seq_id` counts without gaps and
`auth_seq_id` keeps the number. It names the authors of its paper as the authors of the model; here they are cited.
tests/unit/outputs/test_modelcif.py
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import gemmi

from af2cpu.chemistry.residues import RESNAMES, RESTYPES_WITH_X
from af2cpu.outputs.atoms import AtomTable
from af2cpu.outputs.citation import AUTHORS, CITATION
from af2cpu.outputs.mmcif_columns import Columns
from af2cpu.outputs.modelcif_method import method_categories, search_group
from af2cpu.outputs.modelcif_templates import template_categories
from af2cpu.outputs.structure import CHAIN
from af2cpu.outputs.text import plain
from af2cpu.records import Confidence, Provenance

_DICTIONARY = "https://raw.githubusercontent.com/ihmwg/ModelCIF/master/dist/mmcif_ma.dic"
_LETTER = dict(zip(RESNAMES, RESTYPES_WITH_X, strict=True))
_CHEMICAL_NAMES = dict(
    zip(
        RESNAMES,
        "ALANINE;ARGININE;ASPARAGINE;ASPARTIC ACID;CYSTEINE;GLUTAMINE;GLUTAMIC ACID;GLYCINE;HISTIDINE;ISOLEUCINE;"
        "LEUCINE;LYSINE;METHIONINE;PHENYLALANINE;PROLINE;SERINE;THREONINE;TRYPTOPHAN;TYROSINE;VALINE;UNKNOWN".split(
            ";"
        ),
        strict=True,
    )
)
_DISCLAIMER = (
    "This is a computed model, made by a neural network, not the result of an experiment. It may be wrong, also where "
    "its confidence is high. It is provided as it is, without warranty of any kind, and is no medical or other "
    "professional advice."
)
# Type, details, URL and name: the licence of AlphaFold 2's parameters, as its own files have it.
_LICENSE = (
    "license",
    "Data in this file is available under a CC-BY-4.0 license.",
    "https://creativecommons.org/licenses/by/4.0/",
    "CC-BY-4.0",
)


def modelcif_text(atoms: AtomTable, confidence: Confidence, provenance: Provenance, relaxed: bool) -> str:
    """The whole file. The same arguments give the same bytes."""
    document = gemmi.cif.Document()
    block = document.add_new_block(provenance.entry)
    for categories in (
        _entry(provenance, confidence, relaxed),
        _usage(provenance),
        _polymer(atoms, provenance),
        _residues(atoms),
        _model(confidence, relaxed),
        method_categories(provenance, relaxed),
        template_categories(
            "".join(_LETTER[name] for name in atoms.names),
            provenance.network_templates,
            own=provenance.own_templates,
            software_group=search_group(provenance),
        ),
        _quality(atoms, confidence),
        {"_atom_type": {"symbol": sorted(set(atoms.element))}},
    ):
        for category, columns in categories.items():
            block.set_mmcif_category(f"{category}.", {name: list(values) for name, values in columns.items()})
    block.set_mmcif_category("_atom_site.", {name: list(v) for name, v in _atom_site(atoms).items()}, raw=True)
    options = gemmi.cif.WriteOptions()
    options.prefer_pairs, options.align_pairs, options.misuse_hash = True, 33, True
    return document.as_string(options)


def _one(**values: object) -> Columns:
    """A category of a single row."""
    return {name: [value] for name, value in values.items()}


def title_of(provenance: Provenance, confidence: Confidence) -> str:
    """The warning about the parameters, if there is one, comes first: viewers cut titles off."""
    title = f"{confidence.who.model} prediction of {plain(provenance.description) or provenance.entry}"
    return f"{plain(provenance.warning)}: {title}" if provenance.warning else title


def _entry(provenance: Provenance, confidence: Confidence, relaxed: bool) -> dict[str, Columns]:
    entry = provenance.entry
    state = "relaxed with a force field" if relaxed else "as the network placed its atoms"
    categories = {
        "_entry": _one(id=entry),
        "_audit_conform": _one(dict_name="mmcif_ma.dic", dict_version="1.4.9", dict_location=_DICTIONARY),
        "_struct": _one(
            entry_id=entry,
            title=title_of(provenance, confidence),
            pdbx_descriptor=plain(provenance.description) or None,
            pdbx_model_details=f"{confidence.who.name}, {state}, parameters {plain(provenance.parameters)}",
        ),
    }
    if provenance.date:
        # AlphaFold 2 reads a template's release date here.
        categories["_pdbx_audit_revision_history"] = _one(
            ordinal="1",
            data_content_type="Structure model",
            major_revision="1",
            minor_revision="0",
            revision_date=provenance.date.isoformat(),
        )
    return categories


def _usage(provenance: Provenance) -> dict[str, Columns]:
    first = ("disclaimer", plain(provenance.warning), None, None) if provenance.warning else _LICENSE
    rows = [first, ("disclaimer", _DISCLAIMER, None, None)]
    return {
        "_pdbx_data_usage": {
            "id": [str(k) for k in range(1, len(rows) + 1)],
            "type": [row[0] for row in rows],
            "details": [textwrap.fill(row[1], 78) for row in rows],
            "url": [row[2] for row in rows],
            "name": [row[3] for row in rows],
        },
        "_citation": {name: [value] for name, value in CITATION.items()},
        "_citation_author": {
            "citation_id": ["primary"] * len(AUTHORS),
            "name": AUTHORS,
            "ordinal": [str(k) for k in range(1, len(AUTHORS) + 1)],
        },
    }


def _polymer(atoms: AtomTable, provenance: Provenance) -> dict[str, Columns]:
    letters = "".join(_LETTER[name] for name in atoms.names)
    coded = "".join("(UNK)" if letter == "X" else letter for letter in letters)
    present = sorted(set(atoms.names))
    return {
        "_entity": _one(
            id="1",
            type="polymer",
            src_method=None,
            pdbx_description=plain(provenance.description) or None,
            pdbx_number_of_molecules="1",
        ),
        "_entity_poly": _one(
            entity_id="1",
            type="polypeptide(L)",
            nstd_linkage="no",
            nstd_monomer="no",
            pdbx_seq_one_letter_code=_lines(coded),
            pdbx_seq_one_letter_code_can=_lines(letters),
            pdbx_strand_id=CHAIN,
        ),
        "_struct_asym": _one(
            id=CHAIN,
            pdbx_blank_PDB_chainid_flag="N",
            pdbx_modified="N",
            entity_id="1",
            details=None,
        ),
        "_chem_comp": {
            "id": present,
            "type": ["peptide linking" if name == "GLY" else "L-peptide linking" for name in present],
            "mon_nstd_flag": ["n" if name == "UNK" else "y" for name in present],
            "name": [_CHEMICAL_NAMES[name] for name in present],
        },
    }


def _lines(sequence: str) -> str:
    return "\n".join(sequence[k : k + 80] for k in range(0, len(sequence), 80))


def _residues(atoms: AtomTable) -> dict[str, Columns]:
    n_res = len(atoms.names)
    order = [str(k) for k in range(1, n_res + 1)]
    numbers = [str(number) for number in atoms.numbers]
    seen = set(atoms.residue.tolist())
    placed = [k in seen for k in range(n_res)]
    return {
        "_entity_poly_seq": {"entity_id": ["1"] * n_res, "num": order, "mon_id": atoms.names, "hetero": ["n"] * n_res},
        "_pdbx_poly_seq_scheme": {
            "asym_id": [CHAIN] * n_res,
            "entity_id": ["1"] * n_res,
            "seq_id": order,
            "mon_id": atoms.names,
            "ndb_seq_num": order,
            "pdb_seq_num": numbers,
            "auth_seq_num": [number if here else None for number, here in zip(numbers, placed, strict=True)],
            "pdb_mon_id": [name if here else None for name, here in zip(atoms.names, placed, strict=True)],
            "auth_mon_id": [name if here else None for name, here in zip(atoms.names, placed, strict=True)],
            "pdb_strand_id": [CHAIN] * n_res,
            "pdb_ins_code": [False] * n_res,
            "hetero": ["n"] * n_res,
        },
    }


def _model(confidence: Confidence, relaxed: bool) -> dict[str, Columns]:
    return {
        "_ma_target_entity": _one(entity_id="1", data_id="1", origin=False),
        "_ma_target_entity_instance": _one(asym_id=CHAIN, entity_id="1", details=False),
        "_ma_model_list": _one(
            ordinal_id="1",
            model_id="1",
            model_group_id="1",
            model_name=f"{confidence.who.name}, {'relaxed' if relaxed else 'unrelaxed'}",
            model_group_name="AlphaFold 2 monomer model",
            data_id="2",
            model_type="Ab initio model",
        ),
        "_ma_model_group": _one(id="1", name="AlphaFold 2 monomer model"),
        "_ma_model_group_link": _one(model_id="1", group_id="1"),
    }


def _quality(atoms: AtomTable, confidence: Confidence) -> dict[str, Columns]:
    metrics = [("pLDDT", "global"), ("pLDDT", "local")]
    overall = [("1", f"{confidence.mean_plddt:.2f}")]
    if confidence.ptm is not None:
        metrics.append(("pTM", "global"))
        overall.append(("3", f"{confidence.ptm:.2f}"))
    n_res = len(atoms.names)
    order = [str(k) for k in range(1, n_res + 1)]
    return {
        "_ma_qa_metric": {
            "id": [str(k) for k in range(1, len(metrics) + 1)],
            "name": [name for name, _ in metrics],
            "type": [name for name, _ in metrics],
            "mode": [mode for _, mode in metrics],
            "software_group_id": ["1"] * len(metrics),
        },
        "_ma_qa_metric_global": {
            "ordinal_id": [str(k) for k in range(1, len(overall) + 1)],
            "model_id": ["1"] * len(overall),
            "metric_id": [metric for metric, _ in overall],
            "metric_value": [value for _, value in overall],
        },
        "_ma_qa_metric_local": {
            "ordinal_id": order,
            "model_id": ["1"] * n_res,
            "label_asym_id": [CHAIN] * n_res,
            "label_seq_id": order,
            "label_comp_id": atoms.names,
            "metric_id": ["2"] * n_res,
            "metric_value": [f"{value:.2f}" for value in atoms.plddt.tolist()],
        },
    }


def _atom_site(atoms: AtomTable) -> dict[str, Sequence[str]]:
    """Values as they stand in the file: names of atoms, residues and elements of proteins need no quotes."""
    n_atoms = len(atoms.atom)
    place = atoms.residue.tolist()
    x, y, z = ([f"{value:.3f}" for value in axis] for axis in atoms.position.T.tolist())
    plddt = [f"{value:.2f}" for value in atoms.plddt.tolist()]
    residue, number = [atoms.names[k] for k in place], [str(atoms.numbers[k]) for k in place]
    return {
        "group_PDB": ["ATOM"] * n_atoms,
        "id": [str(k) for k in range(1, n_atoms + 1)],
        "type_symbol": atoms.element,
        "label_atom_id": atoms.atom,
        "label_alt_id": ["."] * n_atoms,
        "label_comp_id": residue,
        "label_asym_id": [CHAIN] * n_atoms,
        "label_entity_id": ["1"] * n_atoms,
        "label_seq_id": [str(k + 1) for k in place],
        "pdbx_PDB_ins_code": ["?"] * n_atoms,
        "Cartn_x": x,
        "Cartn_y": y,
        "Cartn_z": z,
        "occupancy": ["1.00"] * n_atoms,
        "B_iso_or_equiv": [plddt[k] for k in place],
        "auth_seq_id": number,
        "auth_comp_id": residue,
        "auth_asym_id": [CHAIN] * n_atoms,
        "auth_atom_id": atoms.atom,
        "pdbx_PDB_model_num": ["1"] * n_atoms,
    }
