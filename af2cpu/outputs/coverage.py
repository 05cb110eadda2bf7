# SPDX-License-Identifier: Apache-2.0
"""How an alignment covers its query."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from af2cpu.chemistry.residues import HHBLITS_AA_TO_ID
from af2cpu.outputs.alignment import entities_covered
from af2cpu.records import Features

_GAP = HHBLITS_AA_TO_ID["-"]


@dataclass(frozen=True)
class Coverage:
    """Rows of an alignment, from the bottom of a picture to its top: the query, alike to itself, is the last.

    Of a complex the paired rows are below the query, then those of the first sequence, of the second and so on; among
    them those that are most alike come last.
    """

    aligned: np.ndarray  # bool [n_shown, n_res]: no gap
    identity: np.ndarray  # float64 [n_shown], of the residues of the chains that a row covers, the share that it has
    depth: np.ndarray  # int [n_res], rows of the whole alignment without a gap
    paired: np.ndarray  # bool [n_shown], rows with residues of several sequences of a complex, but for the query
    n_paired: int  # such rows of the whole alignment


def coverage(features: Features, most: int) -> Coverage:
    """Of at most `most` rows, evenly picked in that order."""
    aligned = features.msa != _GAP
    covers = entities_covered(features)
    lengths = np.unique(features.entity_id, return_counts=True)[1]  # of all copies together
    same = (features.msa == features.msa[0]).sum(axis=1)
    identity = same / np.maximum(covers @ lengths, 1)
    paired = covers.sum(axis=1) > 1
    height = np.where(paired, 1, -covers.argmax(axis=1))  # of the group of rows in the picture
    order = np.lexsort([identity, height])
    shown = order[np.linspace(0, features.n_seq - 1, min(features.n_seq, most)).round().astype(int)]
    paired[0] = False
    return Coverage(aligned[shown], identity[shown], aligned.sum(axis=0), paired[shown], int(paired.sum()))
