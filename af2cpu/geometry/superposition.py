# SPDX-License-Identifier: Apache-2.0
"""Superposition of points."""

from __future__ import annotations

import numpy as np


def superpose(moving: np.ndarray, fixed: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """[3, 4]: the rotation and shift that bring `moving` [n, 3] nearest to `fixed` [n, 3] (Kabsch 1976)."""
    share = weights[:, None] / weights.sum()
    from_centre, to_centre = (moving * share).sum(axis=0), (fixed * share).sum(axis=0)
    u, _, vt = np.linalg.svd((moving - from_centre).T @ ((fixed - to_centre) * share))
    mirror = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u @ mirror @ vt).T
    return np.concatenate([rotation, (to_centre - rotation @ from_centre)[:, None]], axis=1)


def apply(frame: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points [n, 3] in another frame."""
    return points @ frame[:, :3].T + frame[:, 3]


def rmsd(moving: np.ndarray, fixed: np.ndarray) -> float:
    """Angstrom, of the best superposition of all points [n, 3]."""
    frame = superpose(moving, fixed, np.ones(len(fixed)))
    return float(np.sqrt(((apply(frame, moving) - fixed) ** 2).sum(axis=1).mean()))
