"""Thumbnails: the trace of a prediction's C-alpha atoms as a small SVG, coloured by the classes of pLDDT."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from af2cpu.chemistry.residues import CA
from af2cpu.outputs.classes import BOUNDS
from af2cpu.outputs.report.frames import apply, view_frames
from af2cpu.records import Prediction

WIDTH, HEIGHT = 96, 56  # of the thumbnail's viewBox
_MARGIN = 3.0
_SMOOTHED = 4  # residues that a point is the mean of: a helix becomes its axis
_MOST_POINTS = 90  # of the trace; more are not seen at this size
_RUN = 5  # points of one stroke; strokes are drawn from the back to the front


@dataclass(frozen=True)
class Stroke:
    """A part of the trace in one colour."""

    level: int  # class of pLDDT, 0 very low to 3 very high
    d: str  # path data of SVG


def trace(prediction: Prediction, frame: np.ndarray | None = None) -> tuple[Stroke, ...]:
    """The strokes of a thumbnail, the farthest first; none for fewer than two residues with atoms.

    frame: [3, 4], rotation and shift of the view; by default the longest axes lie across the picture.
    """
    present = np.flatnonzero(prediction.atom_mask[:, CA] > 0)
    if len(present) < 2:
        return ()
    if frame is None:
        frame, _ = view_frames([prediction])[0]
    points = apply(frame, prediction.atom_positions[present, CA].astype(np.float64))
    plddt = prediction.plddt[present].astype(np.float64)
    points, plddt = _smoothed(np.column_stack([points, plddt]))
    levels = np.digitize(plddt, BOUNDS)
    return _strokes(_fitted(points), points[:, 2], levels)


def _smoothed(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means over windows of residues, evenly picked: points [n, 3] and pLDDT [n]."""
    window = min(_SMOOTHED, max(1, len(values) // 4))
    means = np.lib.stride_tricks.sliding_window_view(values, window, axis=0).mean(axis=-1)
    count = min(len(means), _MOST_POINTS)
    picked = means[np.linspace(0, len(means) - 1, count).round().astype(int)]
    return picked[:, :3], picked[:, 3]


def _fitted(points: np.ndarray) -> np.ndarray:
    """Points in the viewBox [n, 2], y downwards, as large as it allows."""
    flat = points[:, :2] * (1, -1)
    low, size = flat.min(axis=0), np.maximum(np.ptp(flat, axis=0), 1e-6)
    scale = min((WIDTH - 2 * _MARGIN) / size[0], (HEIGHT - 2 * _MARGIN) / size[1])
    return (flat - low - size / 2) * scale + (WIDTH / 2, HEIGHT / 2)


def _strokes(points: np.ndarray, depth: np.ndarray, levels: np.ndarray) -> tuple[Stroke, ...]:
    """Runs of points of one class that share their ends; the viewer looks along -z."""
    strokes, start = [], 0
    for k in range(1, len(points)):
        last = k == len(points) - 1
        if last or levels[k] != levels[start] or k - start == _RUN:
            line = "L".join(f"{x:.1f},{y:.1f}" for x, y in points[start : k + 1].tolist())
            strokes.append((float(depth[start : k + 1].mean()), Stroke(int(levels[start]), f"M{line}")))
            start = k
    return tuple(stroke for _, stroke in sorted(strokes, key=lambda pair: pair[0]))
