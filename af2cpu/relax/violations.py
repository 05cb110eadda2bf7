# SPDX-License-Identifier: Apache-2.0
"""Structural violations as AlphaFold 2 finds them: broken links of the backbone, clashes, distorted residues.

Supplement 1.9.11, equations 44-47, with hard limits; AlphaFold 2's folding.find_structural_violations. Sizes: n_res
residues, 14 atom slots (chemistry.residues.ATOM14).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from af2cpu.chemistry.residues import ATOM14, ATOM14_TO_ATOM37, ATOM37_EXISTS, RESNAMES
from af2cpu.relax.stereochemistry import (
    ATOM14_RADIUS,
    C_N_CA_COSINE,
    C_N_CA_COSINE_STD,
    CA_C_N_COSINE,
    CA_C_N_COSINE_STD,
    PEPTIDE_BOND,
    distance_bounds,
)

TOLERANCE_FACTOR = 12.0  # standard deviations, AlphaFold 2's violation_tolerance_factor
CLASH_OVERLAP = 1.5  # angstrom, AlphaFold 2's clash_overlap_tolerance

_N, _CA, _C = 0, 1, 2  # slots of the backbone in every residue
_SG = ATOM14["CYS"].index("SG")
_PRO = RESNAMES.index("PRO")
_PAIRS_AT_ONCE = 1 << 14  # residue pairs of one step: 25 MB of distances
_ROWS_AT_ONCE = 256  # rows of the residues' distance matrix


@dataclass(frozen=True)
class Violations:
    """Which atoms and residues are wrong."""

    links: np.ndarray  # bool [n_res], the peptide bond to a neighbour or an angle at it
    clashes: np.ndarray  # bool [n_res, 14], atoms that overlap one of another residue
    distorted: np.ndarray  # bool [n_res, 14], atoms with a wrong distance within their residue

    @property
    def per_residue(self) -> np.ndarray:
        """bool [n_res]: residues with a violation of any kind."""
        return self.links | self.clashes.any(axis=1) | self.distorted.any(axis=1)

    @property
    def count(self) -> int:
        """Residues with a violation."""
        return int(self.per_residue.sum())


def find_violations(
    aatype: np.ndarray, atom_positions: np.ndarray, atom_mask: np.ndarray, residue_index: np.ndarray
) -> Violations:
    """Violations of a structure: aatype [n_res], positions [n_res, 37, 3] in angstrom, mask [n_res, 37].

    Consecutive rows whose `residue_index` (int [n_res]) differs by 1 are bonded; no number may occur twice.

    DEVIATION: an atom that is missing (mask 0, or not finite) has no violation. AlphaFold 2 takes every atom
    of the residue type as present, and refuses structures that lack one before it comes to this.

    DEVIATION: in a complex no two residues share a number (segments.running_index). AlphaFold 2 takes the numbers of
    the file, which begin again in each chain: it never compares residues with one number, and takes C and N of numbers
    that follow each other for bonded. tests/parity/relax/test_violations.py
    """
    slots = ATOM14_TO_ATOM37[aatype]
    mask = np.take_along_axis(atom_mask * ATOM37_EXISTS[aatype], slots, axis=1) * (ATOM14_RADIUS[aatype] > 0) > 0
    positions = np.take_along_axis(atom_positions, slots[..., None], axis=1).astype(np.float64)
    mask &= np.isfinite(positions).all(axis=-1)
    positions[~mask] = 0.0  # masked values may be NaN
    return Violations(
        links=_links(aatype, positions, mask, residue_index),
        clashes=_clashes(aatype, positions, mask, residue_index),
        distorted=_distorted(aatype, positions, mask),
    )


def _links(aatype: np.ndarray, positions: np.ndarray, mask: np.ndarray, residue_index: np.ndarray) -> np.ndarray:
    """Peptide bonds and the two angles at them (equations 44 and 45): bool [n_res], both neighbours are marked."""
    ca, c, n, next_ca = positions[:-1, _CA], positions[:-1, _C], positions[1:, _N], positions[1:, _CA]
    bonded = (np.diff(residue_index) == 1) & mask[:-1, _C] & mask[1:, _N]
    c_n = _norm(n - c)
    bond = np.where((aatype[1:] == _PRO)[:, None], PEPTIDE_BOND[True], PEPTIDE_BOND[False])
    cosine_at_c = _dot((ca - c) / _norm(ca - c)[:, None], (n - c) / c_n[:, None])
    cosine_at_n = _dot((c - n) / c_n[:, None], (next_ca - n) / _norm(next_ca - n)[:, None])
    wrong = bonded & _off(c_n, bond[:, 0], bond[:, 1])
    wrong |= bonded & mask[:-1, _CA] & _off(cosine_at_c, CA_C_N_COSINE, CA_C_N_COSINE_STD)
    wrong |= bonded & mask[1:, _CA] & _off(cosine_at_n, C_N_CA_COSINE, C_N_CA_COSINE_STD)
    return np.append(wrong, False) | np.append(False, wrong)


def _off(value: np.ndarray, mean: np.ndarray | float, std: np.ndarray | float) -> np.ndarray:
    return np.sqrt(1e-6 + (value - mean) ** 2) > TOLERANCE_FACTOR * np.asarray(std)


def _norm(vector: np.ndarray) -> np.ndarray:
    return np.sqrt(1e-6 + _dot(vector, vector))  # AlphaFold 2's, which is never zero


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.sum(a * b, axis=-1)


def _clashes(aatype: np.ndarray, positions: np.ndarray, mask: np.ndarray, residue_index: np.ndarray) -> np.ndarray:
    """Overlaps of atoms of different residues (equation 46): bool [n_res, 14].

    Bonded C and N do not count, nor does the pair of any two SG.
    """
    clashes = np.zeros(mask.shape, bool)
    radius = ATOM14_RADIUS[aatype]
    pairs = _near_residues(positions, mask)
    for start in range(0, len(pairs), _PAIRS_AT_ONCE):
        i, j = pairs[start : start + _PAIRS_AT_ONCE].T
        distance = np.sqrt(1e-10 + np.sum((positions[i, :, None] - positions[j, None]) ** 2, axis=-1))
        counts = mask[i, :, None] & mask[j, None, :]
        counts[:, _C, _N] &= residue_index[i] + 1 != residue_index[j]
        counts[:, _N, _C] &= residue_index[j] + 1 != residue_index[i]
        counts[:, _SG, _SG] = False  # AlphaFold 2's: slot 5 of any residues, which is more than sulphurs
        clash = counts & (distance < radius[i, :, None] + radius[j, None] - CLASH_OVERLAP)
        np.logical_or.at(clashes, i, clash.any(axis=2))
        np.logical_or.at(clashes, j, clash.any(axis=1))
    return clashes


def _near_residues(positions: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Pairs (i < j) of residues whose atoms may overlap: int [n_pairs, 2], found by spheres around the residues."""
    rows = np.flatnonzero(mask.any(axis=1))
    weight = mask[rows, :, None]
    centre = np.sum(positions[rows] * weight, axis=1) / weight.sum(axis=1)
    extent = np.max(np.where(mask[rows], np.linalg.norm(positions[rows] - centre[:, None], axis=-1), 0.0), axis=1)
    reach = extent + ATOM14_RADIUS.max()
    found = [np.zeros((0, 2), np.intp)]
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        block = slice(start, start + _ROWS_AT_ONCE)
        distance = np.linalg.norm(centre[block, None] - centre[None], axis=-1)
        i, j = np.nonzero(distance < reach[block, None] + reach[None])
        i += start
        found.append(np.stack([rows[i[i < j]], rows[j[i < j]]], axis=1))
    return np.concatenate(found)


def _distorted(aatype: np.ndarray, positions: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Distances within residues out of their bounds (equation 46 and bond geometry): bool [n_res, 14]."""
    lower, upper = (bound[aatype] for bound in distance_bounds(TOLERANCE_FACTOR, CLASH_OVERLAP))
    distance = np.sqrt(1e-10 + np.sum((positions[:, :, None] - positions[:, None]) ** 2, axis=-1))
    counts = mask[:, :, None] & mask[:, None] & ~np.eye(14, dtype=bool)
    wrong = counts & ((distance < lower) | (distance > upper))
    return wrong.any(axis=1) | wrong.any(axis=2)
