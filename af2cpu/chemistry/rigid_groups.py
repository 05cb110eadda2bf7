# SPDX-License-Identifier: Apache-2.0
"""Ideal rigid groups of each residue: default frames and atom positions (supplement 1.8.4, Table 2).

A residue has eight groups: backbone, pre-omega, phi, psi, chi1..chi4. Each atom sits still in one of them.
"""

from __future__ import annotations

import numpy as np

from .residues import CHI_ATOMS, RESNAMES, RIGID_GROUP_ATOMS

BACKBONE, PRE_OMEGA, PHI, PSI, CHI1 = range(5)


def _frame(ex: np.ndarray, ey: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """4 x 4 transform whose x axis lies along `ex` and whose xy plane holds `ey`."""
    x = ex / np.linalg.norm(ex)
    y = ey - np.dot(ey, x) * x
    y /= np.linalg.norm(y)
    frame = np.eye(4)
    frame[:3] = np.stack([x, y, np.cross(x, y), origin], axis=1)
    return frame


def _default_frames(name: str) -> np.ndarray:
    """[8, 4, 4] group -> parent: the backbone for psi and chi1, the previous chi for chi2..chi4."""
    at = {atom: np.array(position) for atom, _, position in RIGID_GROUP_ATOMS[name]}
    frames = np.zeros((8, 4, 4))
    frames[BACKBONE] = frames[PRE_OMEGA] = np.eye(4)
    frames[PHI] = _frame(at["N"] - at["CA"], np.array([1.0, 0.0, 0.0]), at["N"])
    frames[PSI] = _frame(at["C"] - at["CA"], at["CA"] - at["N"], at["C"])
    for k, (a, b, c, _) in enumerate(CHI_ATOMS[name]):
        if k == 0:
            frames[CHI1] = _frame(at[c] - at[b], at[a] - at[b], at[c])
        else:  # in the previous chi's frame its axis ends at the origin
            frames[CHI1 + k] = _frame(at[c], np.array([-1.0, 0.0, 0.0]), at[c])
    return frames


def _tables() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    frames = np.zeros((21, 8, 4, 4), np.float32)
    group = np.zeros((21, 14), np.int64)
    position = np.zeros((21, 14, 3), np.float32)
    exists = np.zeros((21, 14), np.float32)
    for aatype, name in enumerate(RESNAMES[:20]):
        frames[aatype] = _default_frames(name)
        for slot, (_, group_index, xyz) in enumerate(RIGID_GROUP_ATOMS[name]):
            group[aatype, slot] = group_index
            position[aatype, slot] = xyz
            exists[aatype, slot] = 1.0
    return frames, group, position, exists


# By aatype: [21, 8, 4, 4] frames, [21, 14] rigid group of each atom14 slot, [21, 14, 3] its position in that
# group's frame (angstrom), [21, 14] whether the slot holds an atom. X has none: its rows are zero.
DEFAULT_FRAMES, ATOM14_GROUP, ATOM14_POSITION, ATOM14_EXISTS = _tables()
