# SPDX-License-Identifier: Apache-2.0
"""Whether a structure is noise, which no minimisation mends. Found from heavy atoms alone, in milliseconds.

A structure is noise if over half of its residues overlap others, or if over half of its peptide bonds are torn. Shares
of clashing residues, measured: crystal and NMR structures and predictions by AlphaFold 2 0 %, with faults put in 5 and
10 %; demo parameters on proteins that they know 0 to 4 %, on a part of one 36 % (the relaxation mends all of it), on
others 87 to 98 %; synthetic parameters 70 to 97 %. Relaxed all the same, the last two kinds move by 5 A and keep
violations and positive energies.

In a complex each chain of MIN_CHAIN residues or more is judged as well. Beside a sound protein of 191 residues, chains
of 40 and 76 residues of noise move by 5 A and keep violations. Two chains of 45 residues pushed into each other are
mended while up to 41 % of each overlap; one of them put into a protein of 191 keeps violations in five places out of
five, with 36 to 93 %. A peptide of 10 residues is mended with 70 % at the surface, not inside.

Start energy and pLDDT don't tell noise apart: one close contact of a good structure gives 8e8 kcal/mol per residue,
as much as synthetic parameters (6e7 and more), and disordered proteins have pLDDT below 50 without being wrong.
"""

from __future__ import annotations

import numpy as np

from af2cpu.chemistry.residues import C, N
from af2cpu.records import Protein
from af2cpu.relax.violations import Violations

MAX_CLASHING = 0.5  # share of the residues that have atoms
MAX_TORN = 0.5  # share of the peptide bonds
TORN = 2.5  # angstrom between C and N, whose bond has 1.33
MIN_CHAIN = 20  # residues; shorter chains are not judged by themselves


def noise(protein: Protein, index: np.ndarray, violations: Violations) -> str | None:
    """Why the structure or one of its chains is noise, in one line; None if none is.

    index: int [n_res], rows whose numbers differ by 1 are bonded (segments.running_index). violations: of `protein`.
    """
    known: np.ndarray = np.any(protein.atom_mask > 0, axis=1)
    overlaps: np.ndarray = np.any(violations.clashes, axis=1)
    bonded, torn = _bonds(protein, index)
    parts = {"the structure": np.ones(protein.n_res, bool)}
    for name in dict.fromkeys(protein.chain_ids.tolist()):
        rows = protein.chain_ids == name
        if known[rows].sum() >= MIN_CHAIN:
            parts[f"chain {name}"] = rows
    for part, rows in parts.items():
        residues, clashing = int(known[rows].sum()), int(overlaps[rows].sum())
        if clashing > MAX_CLASHING * residues:
            return f"{part} is noise: {clashing} of its {residues} residues overlap others"
        n_bonds, n_torn = int(bonded[rows].sum()), int(torn[rows].sum())
        if n_torn > MAX_TORN * n_bonds:
            return f"{part} is noise: {n_torn} of its {n_bonds} peptide bonds are torn"
    return None


def _bonds(protein: Protein, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether each residue is bonded to the next, and whether that bond is torn: bool [n_res]."""
    bonded = (np.diff(index) == 1) & (protein.atom_mask[:-1, C] > 0) & (protein.atom_mask[1:, N] > 0)
    length = np.linalg.norm(protein.atom_positions[1:, N] - protein.atom_positions[:-1, C], axis=-1)
    return np.append(bonded, False), np.append(bonded & (length > TORN), False)
