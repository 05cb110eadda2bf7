# SPDX-License-Identifier: Apache-2.0
"""A protein chain of a structure file: its sequence and the atoms that AlphaFold 2 knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from Bio.Data.PDBData import protein_letters_3to1_extended

from af2cpu.chemistry.residues import ATOM37_INDEX

MOST_DISTANT = 1e6  # angstrom: no atom of a structure is as far from the origin, and float32 still tells atoms apart
_BOND = 2.5  # angstrom, DSSP's longest peptide bond; across a missing residue C and N are about 3 A apart or more
_CD, _NH1, _NH2 = (ATOM37_INDEX[name] for name in ("CD", "NH1", "NH2"))


@dataclass(frozen=True)
class ProteinChain:
    """One chain. A residue without atoms has an empty mask."""

    name: str  # the author's chain identifier
    sequence: str  # n_res letters, X for what has none
    positions: np.ndarray  # float32 [n_res, 37, 3], angstrom
    mask: np.ndarray  # float32 [n_res, 37]


@dataclass(frozen=True)
class AtomRows:
    """The atoms of one chain in the file's order, as columns; alternative locations are still in it."""

    residue: Sequence[int]  # index into the chain's sequence
    residue_name: Sequence[str]
    name: Sequence[str]
    occupancy: Sequence[float]
    position: np.ndarray  # float64 [n_atoms, 3], angstrom


def bonded(c: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Whether C of one residue and N of another are near enough for a peptide bond: [..., 3] angstrom to bool [...]."""
    return np.asarray(np.linalg.norm(n - c, axis=-1) < _BOND)


def letter_of(residue_name: str) -> str:
    """One-letter code of a residue, X for an unknown one; modified residues count as their parent (MSE as M).

    DEVIATION: AlphaFold 2 takes Biopython 1.79's table, which knows fewer residues. The letters only serve to find a
    hit's sequence in its chain, where X matches everything. tests/parity/features/test_template.py
    """
    letter = protein_letters_3to1_extended.get(residue_name, "X")
    return letter if len(letter) == 1 else "X"


def place_atoms(atoms: AtomRows, n_res: int) -> tuple[np.ndarray, np.ndarray]:
    """float32 [n_res, 37, 3] and its mask [n_res, 37].

    Of alternative locations the first with the highest occupancy counts; selenium of MSE stands for the sulphur of MET;
    NH1 and NH2 of an arginine are exchanged where NH2 is the one near CD. As AlphaFold 2's _get_atom_positions.
    """
    positions = np.zeros((n_res, len(ATOM37_INDEX), 3), np.float32)
    mask = np.zeros((n_res, len(ATOM37_INDEX)), np.float32)
    best: dict[tuple[int, int], float] = {}
    arginines = set()
    for row, (residue, residue_name, name, occupancy) in enumerate(
        zip(atoms.residue, atoms.residue_name, atoms.name, atoms.occupancy, strict=True)
    ):
        atom = ATOM37_INDEX["SD"] if residue_name == "MSE" and name.upper() == "SE" else ATOM37_INDEX.get(name)
        if atom is None or not 0 <= residue < n_res or occupancy <= best.get((residue, atom), -np.inf):
            continue
        best[residue, atom] = occupancy
        positions[residue, atom] = atoms.position[row]
        mask[residue, atom] = 1.0
        if residue_name == "ARG":
            arginines.add(residue)
    _name_arginines(positions, mask, sorted(arginines))
    return positions, mask


def _name_arginines(positions: np.ndarray, mask: np.ndarray, arginines: Sequence[int]) -> None:
    rows = np.array(arginines, np.intp)
    rows = rows[mask[rows][:, [_CD, _NH1, _NH2]].all(axis=1)]
    cd, nh1, nh2 = (positions[rows, atom] for atom in (_CD, _NH1, _NH2))
    swapped = rows[np.linalg.norm(nh1 - cd, axis=-1) > np.linalg.norm(nh2 - cd, axis=-1)]
    positions[swapped, _NH1], positions[swapped, _NH2] = positions[swapped, _NH2], positions[swapped, _NH1]
