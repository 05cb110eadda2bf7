"""The effective number of sequences of an alignment (Neff) along the chain, as in Jumper et al. (2021), figure 5a.

Each row weighs 1 / (rows that are at least 80 % identical to it, itself among them); identity counts residues over the
columns where either row has one. Neff of a residue is the weight of the rows that cover it; Neff of the alignment the
median over its residues.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from af2cpu.chemistry.residues import HHBLITS_AA_TO_ID

_GAP = HHBLITS_AA_TO_ID["-"]
_IDENTITY = 0.8
_WORK = 1e9  # comparisons of letters: about a second
_MIN_ROWS = 256  # weighed in any case


@dataclass(frozen=True)
class EffectiveDepth:
    """Neff of an alignment."""

    per_residue: np.ndarray  # float64 [n_res]
    rows: int  # weighed; fewer than n_seq for a large alignment, whose Neff is then an estimate from them

    @property
    def neff(self) -> float:
        return float(np.median(self.per_residue))


def effective_depth(msa: np.ndarray) -> EffectiveDepth:
    """Of an alignment, uint8 [n_seq, n_res] in HHblits' order.

    If comparing all pairs took too long, evenly picked rows are weighed, each against all, and stand for the others:
    an estimate without bias.
    """
    n_seq, n_res = msa.shape
    count = min(n_seq, max(_MIN_ROWS, int(_WORK // msa.size)))
    picked = np.linspace(0, n_seq - 1, count).round().astype(int)
    residues = msa != _GAP
    covered = residues[picked]
    both = covered.astype(np.float32) @ residues.astype(np.float32).T  # [count, n_seq], columns where both have one
    lengths = residues.sum(axis=1)
    weights = np.empty(count)
    for k, row in enumerate(picked):
        either = lengths[row] + lengths - both[k]
        same = np.count_nonzero(msa == msa[row], axis=1) - (n_res - either)  # equal letters but gaps
        weights[k] = 1 / max(1, int(np.count_nonzero(same >= _IDENTITY * either)))
    return EffectiveDepth(weights @ covered * (n_seq / count), count)
