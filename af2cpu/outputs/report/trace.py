# SPDX-License-Identifier: Apache-2.0
"""Thumbnails: the trace of a prediction's C-alpha atoms as a small SVG, coloured by the classes of pLDDT."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from af2cpu.chemistry.residues import CA
from af2cpu.geometry.superposition import apply
from af2cpu.outputs.classes import BOUNDS
from af2cpu.outputs.report.frames import view_frames
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
    values = np.column_stack([points, prediction.plddt[present].astype(np.float64)])
    breaks = np.flatnonzero(np.diff(prediction.chains.asym_id[present])) + 1
    chains = [_smoothed(chain, len(chain) / len(values)) for chain in np.split(values, breaks)]
    drawn = np.concatenate(chains)
    flat, levels = _fitted(drawn[:, :3]), np.digitize(drawn[:, 3], BOUNDS)
    ends = np.cumsum([len(chain) for chain in chains])
    strokes = [
        stroke
        for part in (slice(end - len(chain), end) for end, chain in zip(ends, chains, strict=True))
        for stroke in _strokes(flat[part], drawn[part, 2], levels[part])
    ]
    return tuple(stroke for _, stroke in sorted(strokes, key=lambda pair: pair[0]))


def _smoothed(chain: np.ndarray, share: float) -> np.ndarray:
    """Means over windows of residues, evenly picked, of x, y, z and pLDDT: [n, 4]. share: of the trace's points."""
    window = min(_SMOOTHED, max(1, len(chain) // 4))
    means = np.lib.stride_tricks.sliding_window_view(chain, window, axis=0).mean(axis=-1)
    count = min(len(means), max(2, round(_MOST_POINTS * share)))
    picked: np.ndarray = means[np.linspace(0, len(means) - 1, count).round().astype(int)]
    return picked


def _fitted(points: np.ndarray) -> np.ndarray:
    """Points in the viewBox [n, 2], y downwards, as large as it allows."""
    flat = points[:, :2] * (1, -1)
    low, size = flat.min(axis=0), np.maximum(np.ptp(flat, axis=0), 1e-6)
    scale = min((WIDTH - 2 * _MARGIN) / size[0], (HEIGHT - 2 * _MARGIN) / size[1])
    return (flat - low - size / 2) * scale + (WIDTH / 2, HEIGHT / 2)


def _strokes(points: np.ndarray, depth: np.ndarray, levels: np.ndarray) -> list[tuple[float, Stroke]]:
    """Of one chain with their depths: runs of points of one class that share their ends. The viewer looks along -z."""
    strokes, start = [], 0
    for k in range(1, len(points)):
        last = k == len(points) - 1
        if last or levels[k] != levels[start] or k - start == _RUN:
            line = "L".join(f"{x:.1f},{y:.1f}" for x, y in points[start : k + 1].tolist())
            strokes.append((float(depth[start : k + 1].mean()), Stroke(int(levels[start]), f"M{line}")))
            start = k
    return strokes
