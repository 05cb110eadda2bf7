# SPDX-License-Identifier: Apache-2.0
"""The templates of a ModelCIF file: what the network was given of each chain, and how it is aligned.

Item names are those of mmcif_ma.dic, as python-modelcif writes them. Ids count from 1: template k, its transformation,
its segment and its alignment have the same number. Data ids go on after those of the target and the model.

Each chain of a complex has templates of its own; those of copies are told for each copy. The features keep only the
residues of a template that are aligned to the target, so the sequence of a template here is these residues, and its
numbers count them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from af2cpu.outputs.mmcif_columns import Columns
from af2cpu.outputs.modelcif_entities import Entity, model_data
from af2cpu.outputs.text import plain
from af2cpu.records import NetworkTemplate, Provenance


@dataclass(frozen=True)
class _Aligned:
    """One template against its chain of the target. Positions of the target count from 1."""

    target_chain: str
    entry: str
    chain: str
    own: bool  # a file of the user's, not an entry of the PDB
    letters: str  # the aligned residues
    begin: int
    end: int
    target: str  # rows of the alignment, from begin to end
    template: str
    identity: float  # percent of the aligned pairs


def template_data(entities: Sequence[Entity], templates: Sequence[NetworkTemplate]) -> list[tuple[str, str, str]]:
    """(id, name, content type) of the data that the templates and their alignments are, for `_ma_data`."""
    first = model_data(entities) + 1
    several = sum(len(entity.chains) for entity in entities) > 1
    rows = [
        (str(first + k), f"Template {plain(one.name)}{f' of chain {one.chain}' * several}, aligned residues")
        for k, one in enumerate(templates)
    ]
    alignments = [
        (
            str(first + len(templates) + k),
            f"Alignment of {f'chain {one.chain}' if several else 'the target'} to {plain(one.name)}",
        )
        for k, one in enumerate(templates)
    ]
    return [
        *((number, name, "template structure") for number, name in rows),
        *((number, name, "target-template alignment") for number, name in alignments),
    ]


def template_categories(entities: Sequence[Entity], provenance: Provenance, software_group: str) -> dict[str, Columns]:
    """The categories about the templates that the network got; empty without any.

    software_group: id of the group that aligned them.
    """
    if not provenance.network_templates:
        return {}
    sequences = {chain: entity.letters for entity in entities for chain in entity.chains}
    rows = [
        _aligned(sequences[template.chain], template, own=template.chain in provenance.own_templates)
        for template in provenance.network_templates
    ]
    first = model_data(entities) + 1
    return {
        "_ma_template_trans_matrix": _unmoved(len(rows)),
        "_ma_template_details": _details(rows, first),
        **_sources(rows),
        **_polymers(rows),
        **_alignments(rows, first, software_group),
    }


def _aligned(target: str, template: NetworkTemplate, *, own: bool) -> _Aligned:
    places = [k for k, letter in enumerate(template.sequence) if letter != "-"]
    begin, end = places[0], places[-1] + 1
    same = sum(template.sequence[k] == target[k] for k in places)
    entry, _, chain = template.name.rpartition("_")
    return _Aligned(
        target_chain=template.chain,
        entry=plain(entry),
        chain=plain(chain),
        own=own,
        letters="".join(template.sequence[k] for k in places),
        begin=begin + 1,
        end=end,
        target=target[begin:end],
        template=template.sequence[begin:end],
        identity=100 * same / len(places),
    )


def _ids(rows: Sequence[_Aligned]) -> list[str]:
    return [str(k) for k in range(1, len(rows) + 1)]


def _unmoved(count: int) -> Columns:
    """Identity transformations: the network superimposes nothing."""
    numbers = range(1, 4)
    rotation = {f"rot_matrix[{j}][{i}]": [f"{i == j:d}.0"] * count for i in numbers for j in numbers}
    vector = {f"tr_vector[{i}]": ["0.0"] * count for i in numbers}
    return {"id": [str(k) for k in range(1, count + 1)], **rotation, **vector}


def _details(rows: Sequence[_Aligned], first_data: int) -> Columns:
    ids, count = _ids(rows), len(rows)
    return {
        "ordinal_id": ids,
        "template_id": ids,
        "template_origin": ["customized" if row.own else "reference database" for row in rows],
        "template_entity_type": ["polymer"] * count,
        "template_trans_matrix_id": ids,
        "template_data_id": [str(first_data + k) for k in range(count)],
        "target_asym_id": [row.target_chain for row in rows],
        "template_model_num": ["1"] * count,
        "template_auth_asym_id": [row.chain for row in rows],
    }


def _sources(rows: Sequence[_Aligned]) -> dict[str, Columns]:
    """Entries of the PDB, and the names of the user's files."""
    numbered = list(zip(_ids(rows), rows, strict=True))
    own = [(number, row) for number, row in numbered if row.own]
    entries = [(number, row) for number, row in numbered if not row.own]
    categories: dict[str, Columns] = {}
    if own:
        details = [f"Structure file {row.entry} of the user's, chain {row.chain}" for _, row in own]
        categories["_ma_template_customized"] = {"template_id": [number for number, _ in own], "details": details}
    if entries:
        categories["_ma_template_ref_db_details"] = {
            "template_id": [number for number, _ in entries],
            "db_name": ["PDB" for _ in entries],
            "db_accession_code": [row.entry.upper() for _, row in entries],
        }
    return categories


def _polymers(rows: Sequence[_Aligned]) -> dict[str, Columns]:
    ids = _ids(rows)
    return {
        "_ma_template_poly": {
            "template_id": ids,
            "seq_one_letter_code": [row.letters.replace("X", "(UNK)") for row in rows],
            "seq_one_letter_code_can": [row.letters for row in rows],
        },
        "_ma_template_poly_segment": {
            "id": ids,
            "template_id": ids,
            "residue_number_begin": ["1"] * len(rows),
            "residue_number_end": [str(len(row.letters)) for row in rows],
        },
        "_ma_target_template_poly_mapping": {
            "id": ids,
            "template_segment_id": ids,
            "target_asym_id": [row.target_chain for row in rows],
            "target_seq_id_begin": [str(row.begin) for row in rows],
            "target_seq_id_end": [str(row.end) for row in rows],
        },
    }


def _alignments(rows: Sequence[_Aligned], first_data: int, software_group: str) -> dict[str, Columns]:
    ids, count = _ids(rows), len(rows)
    return {
        "_ma_alignment_info": {
            "alignment_id": ids,
            "data_id": [str(first_data + count + k) for k in range(count)],
            "software_group_id": [software_group] * count,
            "alignment_length": [str(len(row.target)) for row in rows],
            "alignment_type": ["target-template pairwise alignment"] * count,
            "alignment_mode": ["local"] * count,
        },
        "_ma_alignment_details": {
            "ordinal_id": ids,
            "alignment_id": ids,
            "template_segment_id": ids,
            "target_asym_id": [row.target_chain for row in rows],
            "percent_sequence_identity": [f"{row.identity:.1f}" for row in rows],
            "sequence_identity_denominator": ["Number of aligned residue pairs (not including the gaps)"] * count,
        },
        "_ma_alignment": {
            "ordinal_id": [str(k) for k in range(1, 2 * count + 1)],
            "alignment_id": [one for one in ids for _ in range(2)],
            "target_template_flag": ["1", "2"] * count,  # 1 is the target
            "sequence": [text for row in rows for text in (row.target, row.template)],
        },
    }
