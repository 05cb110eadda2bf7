"""Whether a structure is noise, which no minimisation mends. Found from heavy atoms alone, in milliseconds.

A structure is noise if over half of its residues overlap others, or if over half of its peptide bonds are torn. Shares
of clashing residues, measured: crystal and NMR structures and predictions by AlphaFold 2 0 %, with faults put in 5 and
10 %; demo parameters on proteins that they know 0 to 4 %, on a part of one 36 % (the relaxation mends all of it), on
others 87 to 98 %; synthetic parameters 70 to 97 %. Relaxed all the same, the last two kinds move by 5 A and keep
violations and positive energies.

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


def noise(protein: Protein, index: np.ndarray, violations: Violations) -> str | None:
    """Why the structure is noise, in one line; None if it is none.

    index: int [n_res], rows whose numbers differ by 1 are bonded (segments.running_index). violations: of `protein`.
    """
    residues = int((protein.atom_mask > 0).any(axis=1).sum())
    clashing = int(violations.clashes.any(axis=1).sum())
    if clashing > MAX_CLASHING * residues:
        return f"the structure is noise: {clashing} of its {residues} residues overlap others"
    torn, bonds = _torn(protein, index)
    if torn > MAX_TORN * bonds:
        return f"the structure is noise: {torn} of its {bonds} peptide bonds are torn"
    return None


def _torn(protein: Protein, index: np.ndarray) -> tuple[int, int]:
    """Number of torn peptide bonds, and of all."""
    bonded = (np.diff(index) == 1) & (protein.atom_mask[:-1, C] > 0) & (protein.atom_mask[1:, N] > 0)
    length = np.linalg.norm(protein.atom_positions[1:, N] - protein.atom_positions[:-1, C], axis=-1)
    return int((bonded & (length > TORN)).sum()), int(bonded.sum())
