"""The text of the result: a PDB file with hydrogens, numbers and chains as they were, B-factors per residue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import gemmi
import numpy as np

from af2cpu.chemistry.residues import ATOM37, RESNAMES
from af2cpu.records import Protein


class PlacedAtom(NamedTuple):
    """An atom of the output."""

    name: str
    element: str
    position: np.ndarray  # [3], angstrom


def given_atoms(protein: Protein, row: int) -> list[PlacedAtom]:
    """Atoms of a residue as they are in the protein."""
    return [
        PlacedAtom(ATOM37[slot], ATOM37[slot][0], protein.atom_positions[row, slot])
        for slot in np.flatnonzero(protein.atom_mask[row] > 0)
    ]


def pdb_text(protein: Protein, atoms: Sequence[Iterable[PlacedAtom]]) -> str:
    """PDB file of `atoms`, one list per residue; residues without atoms do not appear.

    Names of chains that PDB has no room for are replaced by free letters.
    """
    model = gemmi.Model(1)
    chain: gemmi.Chain | None = None
    for row in range(protein.n_res):
        name = str(protein.chain_ids[row])
        if chain is None or chain.name != name:
            chain = model.add_chain(gemmi.Chain(name))
        residue = _residue(protein, row, atoms[row])
        if len(residue):
            chain.add_residue(residue)
    structure = gemmi.Structure()
    structure.add_model(model)
    structure.remove_empty_chains()
    if any(len(chain.name) > 1 for chain in structure[0]):
        structure.shorten_chain_names()
    structure.setup_entities()
    structure.assign_serial_numbers()
    return structure.make_pdb_string(gemmi.PdbWriteOptions(minimal=True, cryst1_record=False, ter_records=True))


def _residue(protein: Protein, row: int, atoms: Iterable[PlacedAtom]) -> gemmi.Residue:
    residue = gemmi.Residue()
    residue.name = RESNAMES[protein.aatype[row]]
    residue.seqid = gemmi.SeqId(int(protein.residue_index[row]), str(protein.insertion_codes[row]) or " ")
    residue.het_flag = "A"
    residue.entity_type = gemmi.EntityType.Polymer
    for placed in atoms:
        atom = gemmi.Atom()
        atom.name = placed.name
        atom.element = gemmi.Element(placed.element)
        atom.pos = gemmi.Position(*(float(x) for x in placed.position))
        atom.b_iso = float(protein.b_factors[row])
        residue.add_atom(atom)
    return residue
