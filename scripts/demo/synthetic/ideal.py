# SPDX-License-Identifier: Apache-2.0
"""Backbones of ideal geometry: bonds and angles of Engh and Huber (1991), torsion angles of helices and strands."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

# phi and psi in degrees.
_TORSIONS = {"H": (-60.0, -45.0), "E": (-120.0, 130.0), "-": (-75.0, 145.0), "T": (60.0, 35.0)}
_OMEGA = 180.0
# Lengths in angstrom, angles in degrees.
_N_CA, _CA_C, _C_N, _C_O, _CA_CB = 1.458, 1.525, 1.329, 1.231, 1.53
_N_CA_C, _CA_C_N, _C_N_CA, _CA_C_O, _N_CA_CB = 111.0, 116.6, 121.4, 120.5, 110.4
_CB_TURN = -122.5  # of C-beta around N-CA, from C


def backbone(structure: str) -> np.ndarray:
    """[n_res, 5, 3] N CA C O CB in angstrom, from a letter for each residue: H helix, E strand, T turn, - extended."""
    n_ca = _place_first()
    chain = [*n_ca]
    for here, following in pairwise(structure):
        psi, phi = _TORSIONS[here][1], _TORSIONS[following][0]
        for length, angle, torsion in (
            (_C_N, _CA_C_N, psi),
            (_N_CA, _C_N_CA, _OMEGA),
            (_CA_C, _N_CA_C, phi),
        ):
            chain.append(_place(chain[-3], chain[-2], chain[-1], length, angle, torsion))
    atoms = np.array(chain).reshape(-1, 3, 3)
    psi = [_TORSIONS[letter][1] for letter in structure]
    oxygen = [_place(*residue, _C_O, _CA_C_O, angle + 180.0) for residue, angle in zip(atoms, psi, strict=True)]
    return with_beta(np.concatenate([atoms, np.array(oxygen)[:, None]], axis=1))


def with_beta(atoms: np.ndarray) -> np.ndarray:
    """[n_res, 5, 3] from N CA C O [n_res, 4, 3]: C-beta atoms of ideal geometry added, whatever the residue."""
    beta = [_place(c, n, ca, _CA_CB, _N_CA_CB, _CB_TURN) for n, ca, c, _ in atoms]
    return np.concatenate([atoms, np.array(beta)[:, None]], axis=1)


def _place_first() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    angle = np.radians(_N_CA_C)
    n, ca = np.array([_N_CA, 0.0, 0.0]), np.zeros(3)
    return n, ca, _CA_C * np.array([np.cos(angle), np.sin(angle), 0.0])


def _place(a: np.ndarray, b: np.ndarray, c: np.ndarray, length: float, angle: float, torsion: float) -> np.ndarray:
    """The atom d with |cd|, the angle bcd and the torsion abcd."""
    x = (c - b) / np.linalg.norm(c - b)
    z = np.cross(b - a, x)
    z /= np.linalg.norm(z)
    y = np.cross(z, x)
    theta, phi = np.radians(angle), np.radians(torsion)
    return c + length * (-np.cos(theta) * x + np.sin(theta) * (np.cos(phi) * y + np.sin(phi) * z))
