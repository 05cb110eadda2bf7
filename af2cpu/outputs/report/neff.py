# SPDX-License-Identifier: Apache-2.0
"""The effective number of sequences of an alignment (Neff) along the chain, as in Jumper et al. (2021), figure 5a.

Each row weighs 1 / (rows that are at least 80 % identical to it, itself among them); identity counts residues over the
columns where either row has one. Neff of a residue is the weight of the rows that cover it; Neff of the alignment the
median over its residues. In a complex each sequence is weighed by itself: of a paired row only the part in its columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from af2cpu.chemistry.residues import HHBLITS_AA_TO_ID
from af2cpu.records import Chains

_GAP = HHBLITS_AA_TO_ID["-"]
_IDENTITY = 0.8
_WORK = 1e9  # comparisons of letters: about a second
_MIN_ROWS = 256  # weighed in any case


@dataclass(frozen=True)
class EffectiveDepth:
    """Neff of an alignment."""

    per_residue: np.ndarray  # float64 [n_res]
    rows: int  # weighed; fewer than `total` for a large alignment, whose Neff is then an estimate from them
    total: int  # rows; of a complex, the sum over its sequences of the rows with residues in them

    @property
    def neff(self) -> float:
        return float(np.median(self.per_residue))


def effective_depth(msa: np.ndarray, chains: Chains | None = None) -> EffectiveDepth:
    """Of an alignment, uint8 [n_seq, n_res] in HHblits' order. chains: of a complex; None: one chain.

    If comparing all pairs took too long, evenly picked rows are weighed, each against all, and stand for the others:
    an estimate without bias.
    """
    chains = chains or Chains.one(msa.shape[1])
    per_residue = np.zeros(msa.shape[1])
    rows = total = 0
    entities = np.unique(chains.entity_id)
    for entity in entities:
        of_entity = chains.entity_id == entity
        part = msa[:, of_entity & (chains.sym_id == 1)]
        part = part[(part != _GAP).any(axis=1)]
        weights, count = _weights(part, _WORK / len(entities))
        per_residue[of_entity] = np.tile(weights, int(chains.sym_id[of_entity].max()))
        rows, total = rows + count, total + len(part)
    return EffectiveDepth(per_residue, rows, total)


def _weights(msa: np.ndarray, work: float) -> tuple[np.ndarray, int]:
    """Neff of each residue, float64 [n_res], and how many rows were weighed."""
    n_seq, n_res = msa.shape
    count = min(n_seq, max(_MIN_ROWS, int(work // msa.size)))
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
    return weights @ covered * (n_seq / count), count
