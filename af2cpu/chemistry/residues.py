# SPDX-License-Identifier: Apache-2.0
"""Residue types, atoms and torsion angles in AlphaFold 2's order (supplement 1.2.1 and Table 2).

`aatype` counts RESTYPES from 0 with 20 for anything else (X). Arrays over aatype therefore have 21 rows.
"""

from __future__ import annotations

from importlib import resources

import numpy as np

RESTYPES = "ARNDCQEGHILKMFPSTWYV"
RESTYPES_WITH_X = RESTYPES + "X"
UNKNOWN = 20  # aatype of X

# MSA rows are coded in HHblits' order: the 20 residues alphabetically, 20 for X, 21 for a gap; U counts as C, B as D,
# Z as E, J and O as X.
HHBLITS_ORDER = "ACDEFGHIKLMNPQRSTVWYX-"
HHBLITS_AA_TO_ID = {letter: i for i, letter in enumerate(HHBLITS_ORDER)} | {"U": 1, "B": 2, "Z": 3, "J": 20, "O": 20}

RESNAMES = tuple(
    "ALA ARG ASN ASP CYS GLN GLU GLY HIS ILE LEU LYS MET PHE PRO SER THR TRP TYR VAL UNK".split()
)  # three-letter codes by aatype

ATOM37 = tuple(
    "N CA C CB O CG CG1 CG2 OG OG1 SG CD CD1 CD2 ND1 ND2 OD1 OD2 SD CE CE1 CE2 CE3 NE NE1 NE2 OE1 OE2 CH2 NH1 NH2 "
    "OH CZ CZ2 CZ3 NZ OXT".split()
)
ATOM37_INDEX = {name: i for i, name in enumerate(ATOM37)}
N, CA, C, CB, O = (ATOM37_INDEX[name] for name in ("N", "CA", "C", "CB", "O"))

# The four atoms of chi1..chi4: each angle starts one atom further along the side chain.
_CHI_CHAINS = {
    "ARG": "N CA CB CG CD NE CZ",
    "ASN": "N CA CB CG OD1",
    "ASP": "N CA CB CG OD1",
    "CYS": "N CA CB SG",
    "GLN": "N CA CB CG CD OE1",
    "GLU": "N CA CB CG CD OE1",
    "HIS": "N CA CB CG ND1",
    "ILE": "N CA CB CG1 CD1",
    "LEU": "N CA CB CG CD1",
    "LYS": "N CA CB CG CD CE NZ",
    "MET": "N CA CB CG SD CE",
    "PHE": "N CA CB CG CD1",
    "PRO": "N CA CB CG CD",
    "SER": "N CA CB OG",
    "THR": "N CA CB OG1",
    "TRP": "N CA CB CG CD1",
    "TYR": "N CA CB CG CD1",
    "VAL": "N CA CB CG1",
}
CHI_ATOMS: dict[str, tuple[tuple[str, ...], ...]] = {
    name: tuple(tuple(chain[k : k + 4]) for k in range(len(chain) - 3))
    for name in RESNAMES
    for chain in [_CHI_CHAINS.get(name, "").split()]
}

# Side chains that a half turn of this chi maps onto themselves: (residue, chi counted from 0).
_PI_PERIODIC_CHI = (("ASP", 1), ("GLU", 2), ("PHE", 1), ("TYR", 1))


def _read_atoms() -> dict[str, list[tuple[str, int, tuple[float, float, float]]]]:
    text = resources.files(__package__).joinpath("rigid_groups.txt").read_text()
    atoms: dict[str, list[tuple[str, int, tuple[float, float, float]]]] = {name: [] for name in RESNAMES}
    for line in text.splitlines():
        if not line.startswith("#"):
            residue, atom, group, x, y, z = line.split()
            atoms[residue].append((atom, int(group), (float(x), float(y), float(z))))
    return atoms


RIGID_GROUP_ATOMS = _read_atoms()  # residue name -> [(atom, rigid group, position in angstrom)] in atom14 order

ATOM14: dict[str, tuple[str, ...]] = {
    name: tuple(atom for atom, _, _ in atoms) for name, atoms in RIGID_GROUP_ATOMS.items()
}  # heavy atoms of each residue, at most 14; UNK has none


def _atom_tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    exists = np.zeros((21, 37), np.float32)
    to_atom14 = np.zeros((21, 37), np.int64)
    to_atom37 = np.zeros((21, 14), np.int64)
    for aatype, name in enumerate(RESNAMES):
        for slot, atom in enumerate(ATOM14[name]):
            exists[aatype, ATOM37_INDEX[atom]] = 1.0
            to_atom14[aatype, ATOM37_INDEX[atom]] = slot
            to_atom37[aatype, slot] = ATOM37_INDEX[atom]
    return exists, to_atom14, to_atom37


# [21, 37] which atoms a residue has; [21, 37] slot in atom14 of each atom37; [21, 14] atom37 index of each slot.
ATOM37_EXISTS, ATOM37_TO_ATOM14, ATOM14_TO_ATOM37 = _atom_tables()


def _chi_tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    exists = np.zeros((21, 4), np.float32)
    indices = np.zeros((21, 4, 4), np.int64)
    for aatype, name in enumerate(RESNAMES):
        for k, atoms in enumerate(CHI_ATOMS[name]):
            exists[aatype, k] = 1.0
            indices[aatype, k] = [ATOM37_INDEX[atom] for atom in atoms]
    pi_periodic = np.zeros((21, 4), np.float32)
    for name, k in _PI_PERIODIC_CHI:
        pi_periodic[RESNAMES.index(name), k] = 1.0
    return exists, indices, pi_periodic


# [21, 4] which chi angles a residue has; [21, 4, 4] their atoms in atom37; [21, 4] half-turn symmetry.
CHI_EXISTS, CHI_ATOM37, CHI_PI_PERIODIC = _chi_tables()


def aatype_of(sequence: str) -> np.ndarray:
    """Residue types of a sequence of one-letter codes: int32 [n_res]; letters outside RESTYPES become X (20)."""
    index = {letter: i for i, letter in enumerate(RESTYPES)}
    return np.array([index.get(letter, UNKNOWN) for letter in sequence], np.int32)
