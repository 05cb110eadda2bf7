# SPDX-License-Identifier: Apache-2.0
"""Frames to look at predictions in: all superposed, the best one's longest axes across the picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from af2cpu.chemistry.residues import CA
from af2cpu.geometry.copies import corresponding
from af2cpu.geometry.superposition import rmsd, superpose
from af2cpu.records import Prediction


def view_frames(predictions: Sequence[Prediction]) -> list[tuple[np.ndarray, float]]:
    """For each prediction rotation and shift [3, 4] into the common frame, and its C-alpha RMSD to the first, angstrom.

    Residues count by pLDDT in the superposition, so that the well-known parts lie on each other; all count the same in
    the RMSD, which is that of the best superposition of all. Copies of a chain may have changed places.
    """
    present = predictions[0].atom_mask[:, CA] > 0  # X has no atoms
    first = predictions[0].atom_positions[present, CA].astype(np.float64)
    home = _principal(first)
    frames = []
    for prediction in predictions:
        order = corresponding(prediction, predictions[0])[present]
        ca = prediction.atom_positions[order, CA].astype(np.float64)
        weighted = superpose(ca, first, np.maximum(prediction.plddt[order], 1.0).astype(np.float64))
        frames.append((_compose(home, weighted), rmsd(ca, first)))
    return frames


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
