# SPDX-License-Identifier: Apache-2.0
"""What a residue's geometry may be: bounds of the distances between its atoms, radii, and the peptide bond.

As AlphaFold 2's residue_constants.make_atom14_dists_bounds; supplement 1.9.11. Lengths in angstrom.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import NamedTuple

import numpy as np

from af2cpu.chemistry.residues import ATOM14, RESNAMES

# By element, the first letter of an atom's name (angstrom).
VAN_DER_WAALS_RADIUS = {"C": 1.7, "N": 1.55, "O": 1.52, "S": 1.8}

# The C-N bond to the next residue: mean and standard deviation, by whether the next residue is proline.
PEPTIDE_BOND = {False: (1.329, 0.014), True: (1.341, 0.016)}
CA_C_N_COSINE, C_N_CA_COSINE = -0.4473, -0.5203  # means
# DEVIATION of AlphaFold 2 from its own table, kept: the cosine at C (CA-C-N) is judged with the deviation of the bond's
# length, not with 0.0311. tests/parity/relax/test_violations.py
CA_C_N_COSINE_STD, C_N_CA_COSINE_STD = 0.014, 0.0353


class _Line(NamedTuple):
    atoms: tuple[str, ...]  # two: a bond, three: an angle around the middle one
    mean: float  # angstrom, or degrees
    std: float


def _lines(residue: str) -> list[_Line]:
    """The table's lines that hold for a residue, bonds first."""
    text = resources.files(__package__).joinpath("stereochemistry.txt").read_text()
    found: dict[tuple[str, ...], _Line] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, atoms, mean, std = line.split()
        key = tuple(atoms.split("-"))
        if name in {residue, "most"}:  # "most" comes first and gives way to the residue's own line
            found[key] = _Line(key, float(mean), float(std))
    return sorted(found.values(), key=lambda line: len(line.atoms))


def _opposite_edge(first: _Line, second: _Line, angle: _Line) -> tuple[float, float]:
    """Mean and standard deviation (angstrom) of the distance across an angle, errors taken as uncorrelated."""
    a, b = first.mean, second.mean
    gamma, gamma_std = np.radians(angle.mean), np.radians(angle.std)
    length = np.sqrt(a**2 + b**2 - 2 * a * b * np.cos(gamma))
    by_angle = a * b * np.sin(gamma) / length
    by_first = (a - b * np.cos(gamma)) / length
    by_second = (b - a * np.cos(gamma)) / length
    std = np.sqrt((by_angle * gamma_std) ** 2 + (by_first * first.std) ** 2 + (by_second * second.std) ** 2)
    return float(length), float(std)


def _distances(residue: str) -> list[tuple[str, str, float, float]]:
    """(atom, atom, mean, standard deviation) of bonded atoms and of atoms bonded to a common one, angstrom."""
    bonds: dict[frozenset[str], _Line] = {}
    distances = []
    for line in _lines(residue):
        first, *middle, last = line.atoms
        if not middle:
            bonds[frozenset(line.atoms)] = line
            distances.append((first, last, line.mean, line.std))
        else:
            one, other = (bonds[frozenset((end, middle[0]))] for end in (first, last))
            distances.append((first, last, *_opposite_edge(one, other, line)))
    return distances


@functools.cache
def distance_bounds(bond_tolerance: float, overlap_tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """float64 [21, 14, 14] least and greatest distance (angstrom) of two atoms of one residue, by aatype and atom14.

    `bond_tolerance` standard deviations for bonds and angles, radii less `overlap_tolerance` (angstrom) for the rest.
    """
    lower, upper = np.zeros((21, 14, 14)), np.zeros((21, 14, 14))
    for aatype, name in enumerate(RESNAMES[:20]):
        slots = {atom: slot for slot, atom in enumerate(ATOM14[name])}
        for one, i in slots.items():
            for other, j in slots.items():
                if i != j:
                    lower[aatype, i, j] = _contact(one, other) - overlap_tolerance
                    upper[aatype, i, j] = 1e10
        for one, other, mean, std in _distances(name):
            for i, j in ((slots[one], slots[other]), (slots[other], slots[one])):
                lower[aatype, i, j] = mean - bond_tolerance * std
                upper[aatype, i, j] = mean + bond_tolerance * std
    return lower, upper


def _contact(one: str, other: str) -> float:
    return VAN_DER_WAALS_RADIUS[one[0]] + VAN_DER_WAALS_RADIUS[other[0]]


def _radii() -> np.ndarray:
    radii = np.zeros((21, 14))
    for aatype, name in enumerate(RESNAMES):
        for slot, atom in enumerate(ATOM14[name]):
            radii[aatype, slot] = VAN_DER_WAALS_RADIUS[atom[0]]
    return radii


ATOM14_RADIUS = _radii()  # float64 [21, 14], angstrom, zero where no atom is
