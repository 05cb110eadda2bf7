# SPDX-License-Identifier: Apache-2.0
"""mmCIF files of the PDB, read by gemmi and understood as AlphaFold 2 understands them.

The sequence is that of the experiment (`_entity_poly_seq`), residues without coordinates included; chains bear the
author's names; only the first model counts.

DEVIATION: AlphaFold 2 loses a template where Biopython refuses its file for a missing B-factor or for alternative
residues without marks of alternative location. gemmi reads such files, and so do we. tests/unit/formats/test_mmcif.py
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import gemmi
import numpy as np

from af2cpu.errors import InputError
from af2cpu.formats.chain import MOST_DISTANT, AtomRows, ProteinChain, letter_of, place_atoms
from af2cpu.formats.structure.sites import read_text

_ATOM_SITE = (
    "group_PDB",
    "label_atom_id",
    "label_comp_id",
    "label_asym_id",
    "label_seq_id",
    "auth_asym_id",
    "auth_seq_id",
    "pdbx_PDB_ins_code",
    "pdbx_PDB_model_num",
    "occupancy",
    "Cartn_x",
    "Cartn_y",
    "Cartn_z",
)
_AXES = ("Cartn_x", "Cartn_y", "Cartn_z")
_SCHEME = ("asym_id", "seq_id", "auth_seq_num")  # of _pdbx_poly_seq_scheme


class StructureError(InputError):
    """A structure file can't be used; the message is one line that names the file."""


@dataclass(frozen=True)
class _Monomer:
    number: int
    name: str


@dataclass(frozen=True)
class _Polymer:
    """The residues of a label chain; rows of alternative residues at one position are counted like the others."""

    monomers: Sequence[_Monomer]

    @property
    def start(self) -> int:
        return min(monomer.number for monomer in self.monomers)

    @property
    def sequence(self) -> str:
        return "".join(letter_of(monomer.name) for monomer in self.monomers)


class MmcifEntry:
    """One entry: `sequences` of its protein chains, `chain` gives the atoms of one of them."""

    def __init__(self, path: Path, block: gemmi.cif.Block) -> None:
        self.path = path
        self.release_date = _release_date(block)  # of the oldest revision; None where the file does not tell
        polymers = _protein_polymers(block)
        if not polymers:
            raise StructureError(f"{path}: no protein chain")
        self._columns = _atom_columns(block, path)
        label, author = self._columns["label_asym_id"], self._columns["auth_asym_id"]
        authors = dict(zip(label, author, strict=True))
        unseen = sorted(set(polymers) - set(authors))
        if unseen:
            # AlphaFold 2 drops the whole entry: its parser stumbles over the missing name.
            raise StructureError(f"{path}: protein chain {unseen[0]} has no atoms")
        self._polymers: dict[str, list[tuple[str, _Polymer]]] = defaultdict(list)
        for asym, polymer in polymers.items():
            self._polymers[authors[asym]].append((asym, polymer))
        # Where two protein chains share the author's name the last sequence counts, as in AlphaFold 2.
        self.sequences: Mapping[str, str] = {name: parts[-1][1].sequence for name, parts in self._polymers.items()}

    def chain(self, name: str) -> ProteinChain:
        """The chain with the author's identifier `name`. Raises KeyError, and StructureError for unusable atoms."""
        sequence = self.sequences[name]
        try:
            positions, mask = place_atoms(self._atoms(self._residues(name)), len(sequence))
        except ValueError as error:
            raise StructureError(f"{self.path}: chain {name} has unusable atoms ({_one_line(error)})") from error
        return ProteinChain(name, sequence, positions, mask)

    def _residues(self, name: str) -> list[tuple[int, int]]:
        """Rows of the atoms of a chain's residues, each with the residue's index.

        Rows are gathered by the author's number, as Biopython groups them: where a place in the sequence has
        alternative residues (point mutations) the one that the file lists last counts.
        """
        columns = self._columns
        starts = {asym: polymer.start for asym, polymer in self._polymers[name]}
        rows: dict[tuple[str, str, str], list[int]] = defaultdict(list)
        key_of: dict[int, tuple[str, str, str]] = {}
        for row, author in enumerate(columns["auth_asym_id"]):
            if author != name:
                continue
            hetero = columns["label_comp_id"][row] if columns["group_PDB"][row] == "HETATM" else ""
            key = (hetero, columns["auth_seq_id"][row], columns["pdbx_PDB_ins_code"][row])
            rows[key].append(row)
            asym = columns["label_asym_id"][row]
            if asym in starts:
                key_of[int(columns["label_seq_id"][row]) - starts[asym]] = key
        names = columns["label_comp_id"]
        return [
            (row, residue) for residue, key in key_of.items() for row in rows[key] if names[row] == names[rows[key][-1]]
        ]

    def _atoms(self, chosen: Sequence[tuple[int, int]]) -> AtomRows:
        columns = self._columns
        take = [row for row, _ in chosen]
        position = np.array([[float(columns[axis][row]) for axis in _AXES] for row in take], np.float64).reshape(-1, 3)
        wrong = np.flatnonzero(~(np.abs(position) < MOST_DISTANT).all(axis=1))  # also NaN
        if len(wrong):
            row = take[wrong[0]]
            atom = " ".join(columns[tag][row] for tag in ("label_comp_id", "auth_seq_id", "label_atom_id"))
            raise ValueError(f"{atom}: coordinates that are no numbers, or absurd")
        return AtomRows(
            residue=[residue for _, residue in chosen],
            residue_name=[columns["label_comp_id"][row] for row in take],
            name=[columns["label_atom_id"][row] for row in take],
            occupancy=[float(columns["occupancy"][row]) for row in take],
            position=position,
        )


def read_mmcif(path: str | os.PathLike[str]) -> MmcifEntry:
    """An entry, plain or gzip. Raises InputError where the file is missing, StructureError where it can't be used."""
    path = Path(path)
    text = read_text(path)
    try:
        block = gemmi.cif.read_string(text).sole_block()
        _check_end(path, text, block)
        return MmcifEntry(path, block)
    except StructureError:
        raise
    except (RuntimeError, ValueError, LookupError) as error:  # all three come from gemmi for broken files
        raise StructureError(f"{path}: not a usable mmCIF file ({_one_line(error)})") from error


def _check_end(path: Path, text: str, block: gemmi.cif.Block) -> None:
    """A file that is cut between two atoms is valid mmCIF, so other signs must tell.

    The PDB ends every category with '#', the last one too. Other programs don't: there the last residue that has
    coordinates according to `_pdbx_poly_seq_scheme` must have them.
    """
    lines = text.splitlines()
    if any(line.rstrip() == "#" for line in lines[1:]):
        last = next(line for line in reversed(lines) if line.strip())
        if block.find_values("_pdbx_audit_revision_history.revision_date") and not last.startswith("#"):
            raise StructureError(f"{path}: the file is cut off (it does not end with '#')")
        return
    modelled = [(asym, number) for asym, number, author in _table(block, "_pdbx_poly_seq_scheme.", _SCHEME) if author]
    present = {tuple(row) for row in _table(block, "_atom_site.", ["label_asym_id", "label_seq_id"])}
    if modelled and modelled[-1] not in present:
        chain, number = modelled[-1]
        raise StructureError(f"{path}: the file is cut off (residue {number} of chain {chain} has no atoms)")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _table(block: gemmi.cif.Block, category: str, tags: Sequence[str]) -> list[list[str]]:
    """Rows of a category, values without quotes; empty where a tag is absent."""
    return [[gemmi.cif.as_string(value) for value in row] for row in block.find(category, list(tags))]


def _release_date(block: gemmi.cif.Block) -> date | None:
    dates = [row[0] for row in _table(block, "_pdbx_audit_revision_history.", ["revision_date"])]
    return date.fromisoformat(min(dates)) if dates else None


def _protein_polymers(block: gemmi.cif.Block) -> dict[str, _Polymer]:
    """Label chain -> its residues, for polymers with at least one peptide-like residue."""
    monomers: dict[str, list[_Monomer]] = defaultdict(list)
    for entity, number, name in _table(block, "_entity_poly_seq.", ["entity_id", "num", "mon_id"]):
        monomers[entity].append(_Monomer(int(number), name))
    kind = dict(_table(block, "_chem_comp.", ["id", "type"]))
    proteins = {
        entity: _Polymer(residues)
        for entity, residues in monomers.items()
        if any("peptide" in kind[residue.name].lower() for residue in residues)
    }
    chains = _table(block, "_struct_asym.", ["id", "entity_id"])
    return {asym: polymer for entity, polymer in proteins.items() for asym, of in chains if of == entity}


def _atom_columns(block: gemmi.cif.Block, path: Path) -> dict[str, list[str]]:
    """The columns of `_atom_site` that are needed, of model 1."""
    columns = {tag: list(block.find_values(f"_atom_site.{tag}")) for tag in _ATOM_SITE}
    if len({len(column) for column in columns.values()}) > 1 or not columns["group_PDB"]:
        absent = [tag for tag, column in columns.items() if not column]
        raise StructureError(f"{path}: no atoms, or a column of them is missing ({', '.join(absent)})")
    for tag in ("label_atom_id", "label_asym_id", "auth_asym_id"):
        columns[tag] = [gemmi.cif.as_string(value) for value in columns[tag]]
    models = columns["pdbx_PDB_model_num"]
    if len(set(models)) > 1:
        rows = [row for row, model in enumerate(models) if model == "1"]
        columns = {tag: [column[row] for row in rows] for tag, column in columns.items()}
    elif models[0] != "1":
        raise StructureError(f"{path}: no model 1")
    return columns
