"""Atoms of the result and their PDB file: numbers and chains as they were, B-factors per residue."""

from __future__ import annotations

import gemmi
import numpy as np

from af2cpu.chemistry.residues import ATOM37, RESNAMES
from af2cpu.records import Atoms, Protein

_ATOM37 = np.array(ATOM37)
_ELEMENTS = np.array([name[0] for name in ATOM37])  # only C, N, O and S


def given_atoms(protein: Protein) -> Atoms:
    """The heavy atoms of a protein."""
    residue, slot = np.nonzero(protein.atom_mask > 0)
    position = protein.atom_positions[residue, slot].astype(np.float64)
    return Atoms(residue, _ATOM37[slot], _ELEMENTS[slot], position)


def pdb_text(protein: Protein, atoms: Atoms) -> str:
    """PDB file of `atoms`, whose rows are the residues of `protein`; residues without atoms do not appear.

    Names of chains that PDB has no room for are replaced by free letters.
    """
    residues = [_residue(protein, row) for row in range(protein.n_res)]
    elements = {symbol: gemmi.Element(symbol) for symbol in set(atoms.element.tolist())}
    rows = (atoms.residue.tolist(), atoms.name.tolist(), atoms.element.tolist(), atoms.position.tolist())
    for row, name, symbol, position in zip(*rows, strict=True):
        atom = gemmi.Atom()
        atom.name, atom.element, atom.pos = name, elements[symbol], gemmi.Position(*position)
        atom.b_iso = float(protein.b_factors[row])
        residues[row].add_atom(atom)
    structure = gemmi.Structure()
    structure.add_model(_model(protein, residues))
    structure.remove_empty_chains()
    if any(len(chain.name) > 1 for chain in structure[0]):
        structure.shorten_chain_names()
    structure.setup_entities()
    structure.assign_serial_numbers()
    return structure.make_pdb_string(gemmi.PdbWriteOptions(minimal=True, cryst1_record=False, ter_records=True))


def _model(protein: Protein, residues: list[gemmi.Residue]) -> gemmi.Model:
    model = gemmi.Model(1)
    chain: gemmi.Chain | None = None
    for row, residue in enumerate(residues):
        name = str(protein.chain_ids[row])
        if chain is None or chain.name != name:
            chain = model.add_chain(gemmi.Chain(name))
        if len(residue):
            chain.add_residue(residue)
    return model


def _residue(protein: Protein, row: int) -> gemmi.Residue:
    residue = gemmi.Residue()
    residue.name = RESNAMES[protein.aatype[row]]
    residue.seqid = gemmi.SeqId(int(protein.residue_index[row]), str(protein.insertion_codes[row]) or " ")
    residue.het_flag = "A"
    residue.entity_type = gemmi.EntityType.Polymer
    return residue
