"""The templates of a ModelCIF file: what the network was given of each chain, and how it is aligned.

Item names are those of mmcif_ma.dic, as python-modelcif writes them. Ids count from 1: template k, its transformation,
its segment and its alignment have the same number. Data ids go on after those of the target and the model.

The features keep only the residues of a template that are aligned to the target, so the sequence of a template here
is these residues, and its numbers count them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from af2cpu.outputs.mmcif_columns import Columns
from af2cpu.outputs.structure import CHAIN
from af2cpu.outputs.text import plain
from af2cpu.records import NetworkTemplate

_FIRST_DATA = 3  # 1 is the target, 2 the model


@dataclass(frozen=True)
class _Aligned:
    """One template against the target. Positions of the target count from 1."""

    entry: str
    chain: str
    letters: str  # the aligned residues
    begin: int
    end: int
    target: str  # rows of the alignment, from begin to end
    template: str
    identity: float  # percent of the aligned pairs


def template_data(templates: Sequence[NetworkTemplate]) -> list[tuple[str, str, str]]:
    """(id, name, content type) of the data that the templates and their alignments are, for `_ma_data`."""
    numbers = range(_FIRST_DATA, _FIRST_DATA + len(templates))
    names = [plain(template.name) for template in templates]
    rows = [
        (str(k), f"Template {name}, aligned residues", "template structure")
        for k, name in zip(numbers, names, strict=True)
    ]
    return rows + [
        (str(k + len(names)), f"Alignment of the target to {name}", "target-template alignment")
        for k, name in zip(numbers, names, strict=True)
    ]


def template_categories(
    target: str, templates: Sequence[NetworkTemplate], *, own: bool, software_group: str
) -> dict[str, Columns]:
    """The categories about the templates; empty without any.

    Args:
      target: the target's sequence, n_res letters.
      templates: as the network got them, best first.
      own: they are files of the user's, not entries of the PDB.
      software_group: id of the group that aligned them.
    """
    if not templates:
        return {}
    rows = [_aligned(target, template) for template in templates]
    return {
        "_ma_template_trans_matrix": _unmoved(len(rows)),
        "_ma_template_details": _details(rows, own),
        **_sources(rows, own),
        **_polymers(rows),
        **_alignments(rows, software_group),
    }


def _aligned(target: str, template: NetworkTemplate) -> _Aligned:
    places = [k for k, letter in enumerate(template.sequence) if letter != "-"]
    begin, end = places[0], places[-1] + 1
    same = sum(template.sequence[k] == target[k] for k in places)
    entry, _, chain = template.name.rpartition("_")
    return _Aligned(
        entry=plain(entry),
        chain=plain(chain),
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


def _details(rows: Sequence[_Aligned], own: bool) -> Columns:
    ids, count = _ids(rows), len(rows)
    return {
        "ordinal_id": ids,
        "template_id": ids,
        "template_origin": ["customized" if own else "reference database"] * count,
        "template_entity_type": ["polymer"] * count,
        "template_trans_matrix_id": ids,
        "template_data_id": [str(_FIRST_DATA + k) for k in range(count)],
        "target_asym_id": [CHAIN] * count,
        "template_model_num": ["1"] * count,
        "template_auth_asym_id": [row.chain for row in rows],
    }


def _sources(rows: Sequence[_Aligned], own: bool) -> dict[str, Columns]:
    """Entries of the PDB, or the names of the user's files."""
    ids = _ids(rows)
    if own:
        details = [f"Structure file {row.entry} of the user's, chain {row.chain}" for row in rows]
        return {"_ma_template_customized": {"template_id": ids, "details": details}}
    accessions = [row.entry.upper() for row in rows]
    return {
        "_ma_template_ref_db_details": {
            "template_id": ids,
            "db_name": ["PDB"] * len(rows),
            "db_accession_code": accessions,
        }
    }


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
            "target_asym_id": [CHAIN] * len(rows),
            "target_seq_id_begin": [str(row.begin) for row in rows],
            "target_seq_id_end": [str(row.end) for row in rows],
        },
    }


def _alignments(rows: Sequence[_Aligned], software_group: str) -> dict[str, Columns]:
    ids, count = _ids(rows), len(rows)
    return {
        "_ma_alignment_info": {
            "alignment_id": ids,
            "data_id": [str(_FIRST_DATA + count + k) for k in range(count)],
            "software_group_id": [software_group] * count,
            "alignment_length": [str(len(row.target)) for row in rows],
            "alignment_type": ["target-template pairwise alignment"] * count,
            "alignment_mode": ["local"] * count,
        },
        "_ma_alignment_details": {
            "ordinal_id": ids,
            "alignment_id": ids,
            "template_segment_id": ids,
            "target_asym_id": [CHAIN] * count,
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
