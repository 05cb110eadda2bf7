"""Frames to look at predictions in: all superposed, the best one's longest axes across the picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from af2cpu.chemistry.residues import ATOM37_INDEX
from af2cpu.records import Prediction

_CA = ATOM37_INDEX["CA"]


def view_frames(predictions: Sequence[Prediction]) -> list[tuple[np.ndarray, float]]:
    """For each prediction rotation and shift [3, 4] into the common frame, and its C-alpha RMSD to the first, angstrom.

    Residues count by pLDDT in the superposition, so that the well-known parts lie on each other; all count the same in
    the RMSD, which is that of the best superposition of all.
    """
    there = predictions[0].atom_mask[:, _CA] > 0  # X has no atoms
    first = _ca(predictions[0], there)
    home = _principal(first)
    frames = []
    for prediction in predictions:
        ca = _ca(prediction, there)
        weighted = superpose(ca, first, np.maximum(prediction.plddt[there], 1.0).astype(np.float64))
        plain = superpose(ca, first, np.ones(len(ca)))
        rmsd = float(np.sqrt(((apply(plain, ca) - first) ** 2).sum(axis=1).mean()))
        frames.append((_compose(home, weighted), rmsd))
    return frames


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


def _ca(prediction: Prediction, there: np.ndarray) -> np.ndarray:
    return prediction.atom_positions[there, _CA].astype(np.float64)


def _principal(points: np.ndarray) -> np.ndarray:
    """The longest axis becomes x, the second y; the chain begins on the left and at the top."""
    centre = points.mean(axis=0)
    spread = points - centre
    _, _, axes = np.linalg.svd(spread.T @ spread)
    start = (points[: max(1, len(points) // 4)].mean(axis=0) - centre) @ axes.T
    x, y = axes[0] * (1 if start[0] <= 0 else -1), axes[1] * (1 if start[1] >= 0 else -1)
    rotation = np.stack([x, y, np.cross(x, y)])
    return np.concatenate([rotation, (-rotation @ centre)[:, None]], axis=1)


def _compose(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    return np.concatenate([outer[:, :3] @ inner[:, :3], (outer[:, :3] @ inner[:, 3] + outer[:, 3])[:, None]], axis=1)
