# SPDX-License-Identifier: Apache-2.0
"""The border to OpenMM, which counts in nm and kJ/mol: everything on this side is in angstrom and kcal/mol."""

from __future__ import annotations

from typing import Any

import numpy as np
from openmm import unit

STIFFNESS = unit.kilocalories_per_mole / unit.angstrom**2
TOLERANCE = unit.kilocalories_per_mole / unit.nanometer


def to_openmm(positions: np.ndarray) -> Any:
    """OpenMM's quantity of positions [n_atoms, 3] in angstrom."""
    return unit.Quantity(np.asarray(positions, np.float64) * 0.1, unit.nanometer)


def from_openmm(positions: Any) -> np.ndarray:
    """float64 [n_atoms, 3] in angstrom of OpenMM's quantity."""
    return np.array(positions.value_in_unit(unit.nanometer), np.float64).reshape(-1, 3) * 10.0


def kcal_mol(energy: Any) -> float:
    """An energy in kcal/mol."""
    return float(energy.value_in_unit(unit.kilocalories_per_mole))
