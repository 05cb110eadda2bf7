# SPDX-License-Identifier: Apache-2.0
"""How alike two predictions of one query are: C-alpha RMSD and TM-score, residue by residue."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from af2cpu.chemistry.residues import CA
from af2cpu.geometry.copies import corresponding
from af2cpu.geometry.superposition import apply, rmsd, superpose
from af2cpu.records import Prediction

_ITERATIONS = 20  # of a start
_SHARES = (1, 2, 4)  # starts: superpositions of fragments of this part of the chain
_MIN_FRAGMENT = 4  # residues


def similarities(predictions: Sequence[Prediction]) -> tuple[np.ndarray, np.ndarray]:
    """RMSD in angstrom and TM-score of each pair, [n, n] each; residues without atoms (X) are left out.

    Of a complex both are those of the whole: all chains together, copies of a chain as they correspond best.
    """
    traces = [one.atom_positions[:, CA].astype(np.float64) for one in predictions]
    masks = [one.atom_mask[:, CA] > 0 for one in predictions]
    n = len(traces)
    distances, scores = np.zeros((n, n)), np.ones((n, n))
    for i, j in itertools.combinations(range(n), 2):
        order = corresponding(predictions[i], predictions[j])
        present = masks[i][order] & masks[j]
        if present.any():
            moving, fixed = traces[i][order][present], traces[j][present]
            distances[i, j] = distances[j, i] = rmsd(moving, fixed)
            scores[i, j] = scores[j, i] = tm_score(moving, fixed)
    return distances, scores


def tm_score(moving: np.ndarray, fixed: np.ndarray) -> float:
    """0-1, over 0.5 for the same fold (Zhang & Skolnick 2004, doi:10.1002/prot.20264); points [n, 3] are matched.

    The superposition of the highest score is sought as by their program: fragments of the chain are superposed, then,
    again and again, the residues that came close to each other.
    """
    n = len(fixed)
    d0 = max(0.5, 1.24 * (n - 15) ** (1 / 3) - 1.8) if n > 15 else 0.5
    best = 0.0
    for fragment in _fragments(n):
        chosen = np.zeros(n, bool)
        chosen[fragment] = True
        for _ in range(_ITERATIONS):
            frame = superpose(moving, fixed, chosen.astype(np.float64))
            distances = np.linalg.norm(apply(frame, moving) - fixed, axis=1)
            best = max(best, float((1 / (1 + (distances / d0) ** 2)).mean()))
            near = _near(distances, np.clip(d0, 4.5, 8.0))
            if (near == chosen).all():
                break
            chosen = near
    return best


def _fragments(n: int) -> Iterator[slice]:
    """The whole chain, halves and quarters that overlap by half."""
    lengths = dict.fromkeys(max(min(n, _MIN_FRAGMENT), n // share) for share in _SHARES)
    for length in lengths:
        for start in range(0, n - length + 1, max(1, length // 2)):
            yield slice(start, start + length)


def _near(distances: np.ndarray, limit: float) -> np.ndarray:
    """Residues nearer than the limit, which is raised until there are three to superpose."""
    needed = min(3, len(distances))
    return distances <= max(limit, float(np.partition(distances, needed - 1)[needed - 1]))
