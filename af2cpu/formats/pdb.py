"""Structures of the user's own, PDB or mmCIF, read by gemmi.

Such files often tell nothing of the whole sequence: a chain here is the residues that have atoms, in the file's order.
"""

from __future__ import annotations

import os
from pathlib import Path

import gemmi
import numpy as np

from af2cpu.errors import InputError
from af2cpu.formats.chain import AtomRows, ProteinChain, letter_of, place_atoms


def read_chains(path: str | os.PathLike[str]) -> list[ProteinChain]:
    """Protein chains of the first model, plain or gzip; the content tells PDB from mmCIF.

    Raises InputError where the file is missing, malformed or holds no protein.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; give a PDB or mmCIF file")
    try:
        structure = gemmi.read_structure(str(path), format=gemmi.CoorFormat.Detect)
    except (RuntimeError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: can't be read as PDB or mmCIF ({reason})") from error
    chains = [_chain(chain) for chain in structure[0]] if len(structure) else []
    chains = [chain for chain in chains if chain.sequence]
    if not chains:
        raise InputError(f"{path}: no protein chain in it")
    return chains


def _chain(chain: gemmi.Chain) -> ProteinChain:
    residues = [
        residue for residue in chain.first_conformer() if gemmi.find_tabulated_residue(residue.name).is_amino_acid()
    ]
    atoms = [(index, residue, atom) for index, residue in enumerate(residues) for atom in residue]
    rows = AtomRows(
        residue=[index for index, _, _ in atoms],
        residue_name=[residue.name for _, residue, _ in atoms],
        name=[atom.name for _, _, atom in atoms],
        occupancy=[atom.occ for _, _, atom in atoms],
        position=np.array([atom.pos.tolist() for _, _, atom in atoms], np.float64).reshape(-1, 3),
    )
    positions, mask = place_atoms(rows, len(residues))
    return ProteinChain(chain.name, "".join(letter_of(residue.name) for residue in residues), positions, mask)
