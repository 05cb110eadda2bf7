# SPDX-License-Identifier: Apache-2.0
"""mmCIF files of made-up entries, in the PDB's manner: what a template needs and no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from af2cpu.chemistry.residues import RESNAMES, RESTYPES

BACKBONE = ("N", "CA", "C", "O", "CB")  # the atoms that are written; glycine has no CB
_ATOM_SITE = (
    *("group_PDB", "id", "type_symbol", "label_atom_id", "label_alt_id", "label_comp_id", "label_asym_id"),
    *("label_entity_id", "label_seq_id", "pdbx_PDB_ins_code", "Cartn_x", "Cartn_y", "Cartn_z", "occupancy"),
    *("B_iso_or_equiv", "auth_seq_id", "auth_asym_id", "pdbx_PDB_model_num"),
)


@dataclass(frozen=True)
class Entry:
    """A made-up entry of one chain, A."""

    name: str  # four characters; the PDB's begin with 1 to 9, ours with 0
    title: str
    released: str  # such as 2020-05-14
    sequence: str
    backbone: np.ndarray  # [n_res, 5, 3], angstrom, in the order of BACKBONE


def mmcif_text(entry: Entry) -> str:
    """The whole file, which ends with '#' as the PDB's do."""
    residues = [RESNAMES[RESTYPES.index(letter)] for letter in entry.sequence]
    parts = [
        f"data_{entry.name.upper()}",
        f"_entry.id {entry.name.upper()}",
        f"_struct.entry_id {entry.name.upper()}\n_struct.title '{entry.title}'",
        "_exptl.method 'THEORETICAL MODEL'",
        _loop("_pdbx_audit_revision_history", ("ordinal", "revision_date"), [f"1 {entry.released}"]),
        _loop("_entity", ("id", "type"), ["1 polymer"]),
        _loop(
            "_entity_poly_seq",
            ("entity_id", "num", "mon_id"),
            [f"1 {number} {name}" for number, name in enumerate(residues, start=1)],
        ),
        _loop("_chem_comp", ("id", "type"), [f"{name} 'L-peptide linking'" for name in sorted(set(residues))]),
        _loop("_struct_asym", ("id", "entity_id"), ["A 1"]),
        _loop("_atom_site", _ATOM_SITE, _atoms(entry, residues)),
    ]
    return "\n#\n".join(parts) + "\n#\n"


def _loop(category: str, tags: Sequence[str], rows: Sequence[str]) -> str:
    return "\n".join(["loop_", *(f"{category}.{tag}" for tag in tags), *rows])


def _atoms(entry: Entry, residues: Sequence[str]) -> list[str]:
    rows: list[str] = []
    for number, (name, atoms) in enumerate(zip(residues, entry.backbone, strict=True), start=1):
        for atom, (x, y, z) in zip(BACKBONE, atoms, strict=True):
            if name != "GLY" or atom != "CB":
                place = f"{x + 0.0:.2f} {y + 0.0:.2f} {z + 0.0:.2f}"
                rows.append(
                    f"ATOM {len(rows) + 1} {atom[0]} {atom} . {name} A 1 {number} ? {place} 1.0 50.0 {number} A 1"
                )
    return rows
