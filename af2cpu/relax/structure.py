# SPDX-License-Identifier: Apache-2.0
"""Atoms of the result and their file, PDB or mmCIF: numbers and chains as they were, B-factors per residue."""

from __future__ import annotations

from dataclasses import replace
from string import ascii_uppercase

import gemmi
import numpy as np

from af2cpu.chemistry.residues import ATOM37, RESNAMES
from af2cpu.records import Atoms, Protein

PDB_CHAINS = 62  # one letter or digit each
_CATEGORIES = ("entry", "entity", "entity_poly", "entity_poly_seq", "struct_asym", "atoms")  # of the mmCIF file
_ATOM37 = np.array(ATOM37)
_ELEMENTS = np.array([name[0] for name in ATOM37])  # only C, N, O and S


def given_atoms(protein: Protein) -> Atoms:
    """The heavy atoms of a protein."""
    residue, slot = np.nonzero(protein.atom_mask > 0)
    position = protein.atom_positions[residue, slot].astype(np.float64)
    return Atoms(residue, _ATOM37[slot], _ELEMENTS[slot], position)


def pdb_chain_names(protein: Protein) -> dict[str, str]:
    """The name in a PDB file of each chain, by its name: names that PDB has no room for are replaced by free letters.

    Raises ValueError where there are more than PDB_CHAINS chains.
    """
    names = list(dict.fromkeys(protein.chain_ids.tolist()))
    if len(names) > PDB_CHAINS:
        raise ValueError(f"{len(names)} chains; the PDB format has names for {PDB_CHAINS}")
    structure = gemmi.Structure()
    model = structure.add_model(gemmi.Model(1))
    for name in names:
        model.add_chain(gemmi.Chain(name))
    if any(len(name) > 1 for name in names):
        structure.shorten_chain_names()
    return dict(zip(names, (chain.name for chain in structure[0]), strict=True))


def mmcif_chain_names(protein: Protein) -> dict[str, str]:
    """The name in an mmCIF file of each chain, by its name: a chain without one gets a free letter."""
    names = list(dict.fromkeys(protein.chain_ids.tolist()))
    return {name: name or next(letter for letter in ascii_uppercase if letter not in names) for name in names}


def pdb_text(protein: Protein, atoms: Atoms) -> str:
    """PDB file of `atoms`, whose rows are the residues of `protein`; residues without atoms do not appear.

    Chains are named as in `pdb_chain_names`, which raises ValueError where they are too many.
    """
    structure = _structure(protein, atoms)
    names = pdb_chain_names(protein)
    for chain in structure[0]:
        chain.name = names[chain.name]
    structure.setup_entities()
    structure.assign_serial_numbers()
    return structure.make_pdb_string(gemmi.PdbWriteOptions(minimal=True, cryst1_record=False, ter_records=True))


def mmcif_text(protein: Protein, atoms: Atoms) -> str:
    """mmCIF file of `atoms` as `pdb_text`, with chains named as in `mmcif_chain_names`, an entity for each sequence.

    `label_seq_id` counts the residues that have atoms; `auth_seq_id` is their number.
    """
    structure = _structure(protein, replace(atoms, position=np.round(atoms.position, 3) + 0.0))  # no -0.0
    structure.name = "relaxed"
    names = mmcif_chain_names(protein)
    for chain in structure[0]:
        chain.name = names[chain.name]
        for residue in chain:
            residue.subchain = chain.name
    structure.ensure_entities()
    for entity in structure.entities:
        entity.entity_type, entity.polymer_type = gemmi.EntityType.Polymer, gemmi.PolymerType.PeptideL
        entity.full_sequence = [residue.name for residue in structure[0].get_subchain(entity.subchains[0])]
    structure.deduplicate_entities()
    for number, entity in enumerate(structure.entities, start=1):
        entity.name = str(number)
    structure.assign_label_seq_id()
    structure.assign_serial_numbers()
    groups = gemmi.MmcifOutputGroups(False)
    for group in (*_CATEGORIES, "block_name", "auth_all", "group_pdb"):
        setattr(groups, group, True)
    return structure.make_mmcif_document(groups).as_string()


def _structure(protein: Protein, atoms: Atoms) -> gemmi.Structure:
    """One model of the chains that have atoms."""
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
    return structure


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
