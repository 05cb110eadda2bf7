# SPDX-License-Identifier: Apache-2.0
"""ModelCIF: AlphaFold 2's categories, pLDDT per residue, and categories that readers of PDB entries expect.

Item names and allowed values are those of the dictionary mmcif_ma.dic, version 1.4.9. Ids: model 1; data 1, 2, ... the
entities of the target, then the model, then templates. Entities and chains: modelcif_entities.py. Software, steps and
templates: modelcif_method.py, modelcif_templates.py.

DEVIATION: AlphaFold 2 gives the mean of the atoms' pLDDT as the model's; here it is the mean of the residues, by which
models are ranked. It fills gaps of the residue numbers with UNK residues; here `label_seq_id` counts without gaps and
`auth_seq_id` keeps the number. It names the authors of its paper as the authors of the model; here they are cited.
It writes an entity for each chain of a complex; here copies of a chain are one entity.
tests/unit/outputs/test_modelcif.py
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import gemmi

from af2cpu.outputs.atoms import AtomTable
from af2cpu.outputs.citation import papers_of
from af2cpu.outputs.mmcif_columns import Columns
from af2cpu.outputs.modelcif_entities import (
    Entity,
    entities_of,
    label_seq_ids,
    model_data,
    polymer_categories,
    residue_categories,
    target_categories,
)
from af2cpu.outputs.modelcif_method import method_categories, search_group
from af2cpu.outputs.modelcif_templates import template_categories
from af2cpu.outputs.text import plain
from af2cpu.records import Confidence, Provenance

_DICTIONARY = "https://raw.githubusercontent.com/ihmwg/ModelCIF/master/dist/mmcif_ma.dic"
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
    entities = entities_of(atoms, provenance)
    for categories in (
        _entry(provenance, confidence, relaxed),
        _usage(provenance, confidence),
        polymer_categories(entities, atoms),
        residue_categories(entities, atoms),
        target_categories(entities, atoms),
        _model(entities, confidence, relaxed),
        method_categories(entities, provenance, relaxed),
        template_categories(entities, provenance, search_group(provenance)),
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


def _usage(provenance: Provenance, confidence: Confidence) -> dict[str, Columns]:
    first = ("disclaimer", plain(provenance.warning), None, None) if provenance.warning else _LICENSE
    rows = [first, ("disclaimer", _DISCLAIMER, None, None)]
    papers = papers_of([confidence.who.model])
    return {
        "_pdbx_data_usage": {
            "id": [str(k) for k in range(1, len(rows) + 1)],
            "type": [row[0] for row in rows],
            "details": [textwrap.fill(row[1], 78) for row in rows],
            "url": [row[2] for row in rows],
            "name": [row[3] for row in rows],
        },
        "_citation": {name: [paper.items[name] for paper in papers] for name in papers[0].items},
        "_citation_author": {
            "citation_id": [paper.items["id"] for paper in papers for _ in paper.authors],
            "name": [name for paper in papers for name in paper.authors],
            "ordinal": [str(k) for paper in papers for k in range(1, len(paper.authors) + 1)],
        },
    }


def _model(entities: Sequence[Entity], confidence: Confidence, relaxed: bool) -> dict[str, Columns]:
    kind = "monomer" if sum(len(entity.chains) for entity in entities) == 1 else "multimer"
    group = f"AlphaFold 2 {kind} model"
    return {
        "_ma_model_list": _one(
            ordinal_id="1",
            model_id="1",
            model_group_id="1",
            model_name=f"{confidence.who.name}, {'relaxed' if relaxed else 'unrelaxed'}",
            model_group_name=group,
            data_id=str(model_data(entities)),
            model_type="Ab initio model",
        ),
        "_ma_model_group": _one(id="1", name=group),
        "_ma_model_group_link": _one(model_id="1", group_id="1"),
    }


def _quality(atoms: AtomTable, confidence: Confidence) -> dict[str, Columns]:
    metrics = [("pLDDT", "global"), ("pLDDT", "local")]
    overall = [("1", f"{confidence.mean_plddt:.2f}")]
    for name, value in (("pTM", confidence.ptm), ("ipTM", confidence.iptm)):
        if value is not None:
            metrics.append((name, "global"))
            overall.append((str(len(metrics)), f"{value:.2f}"))
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
            "ordinal_id": [str(k) for k in range(1, atoms.n_res + 1)],
            "model_id": ["1"] * atoms.n_res,
            "label_asym_id": atoms.chains.ids.tolist(),
            "label_seq_id": label_seq_ids(atoms),
            "label_comp_id": atoms.names,
            "metric_id": ["2"] * atoms.n_res,
            "metric_value": [f"{value:.2f}" for value in atoms.plddt.tolist()],
        },
    }


def _atom_site(atoms: AtomTable) -> dict[str, Sequence[str]]:
    """Values as text of the file: names of atoms, residues and elements of proteins need no quotes."""
    n_atoms = len(atoms.atom)
    place = atoms.residue.tolist()
    x, y, z = ([f"{value:.3f}" for value in axis] for axis in atoms.position.T.tolist())
    plddt = [f"{value:.2f}" for value in atoms.plddt.tolist()]
    residue, number = [atoms.names[k] for k in place], [str(atoms.numbers[k]) for k in place]
    chain, seq_id = atoms.chains.ids[atoms.residue].tolist(), label_seq_ids(atoms)
    return {
        "group_PDB": ["ATOM"] * n_atoms,
        "id": [str(k) for k in range(1, n_atoms + 1)],
        "type_symbol": atoms.element,
        "label_atom_id": atoms.atom,
        "label_alt_id": ["."] * n_atoms,
        "label_comp_id": residue,
        "label_asym_id": chain,
        "label_entity_id": [str(number) for number in atoms.chains.entity_id[atoms.residue].tolist()],
        "label_seq_id": [seq_id[k] for k in place],
        "pdbx_PDB_ins_code": ["?"] * n_atoms,
        "Cartn_x": x,
        "Cartn_y": y,
        "Cartn_z": z,
        "occupancy": ["1.00"] * n_atoms,
        "B_iso_or_equiv": [plddt[k] for k in place],
        "auth_seq_id": number,
        "auth_comp_id": residue,
        "auth_asym_id": chain,
        "auth_atom_id": atoms.atom,
        "pdbx_PDB_model_num": ["1"] * n_atoms,
    }
