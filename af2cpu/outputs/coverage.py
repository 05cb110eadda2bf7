"""How an alignment covers its query."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from af2cpu.chemistry.residues import HHBLITS_AA_TO_ID
from af2cpu.records import Features

_GAP = HHBLITS_AA_TO_ID["-"]


@dataclass(frozen=True)
class Coverage:
    """Rows of an alignment, the least alike first: the query, alike to itself, is the last."""

    aligned: np.ndarray  # bool [n_shown, n_res]: no gap
    identity: np.ndarray  # float64 [n_shown], share of the query's residues that the row has too
    depth: np.ndarray  # int [n_res], rows of the whole alignment without a gap


def coverage(features: Features, most: int) -> Coverage:
    """Of at most `most` rows, evenly picked by identity."""
    aligned = features.msa != _GAP
    identity = (features.msa == features.msa[0]).mean(axis=1)
    order = np.argsort(identity, kind="stable")
    shown = order[np.linspace(0, features.n_seq - 1, min(features.n_seq, most)).round().astype(int)]
    return Coverage(aligned[shown], identity[shown], aligned.sum(axis=0))
