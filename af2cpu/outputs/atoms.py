# SPDX-License-Identifier: Apache-2.0
"""The atoms of one model in the order and with the numbers that structure files show: both formats print the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from af2cpu.chemistry.residues import ATOM37, ATOM37_EXISTS, ATOM37_INDEX, RESNAMES, UNKNOWN
from af2cpu.records import Atoms, Chains, Prediction


@dataclass(frozen=True)
class AtomTable:
    """The residues of all chains and their atoms. Coordinates have 3 decimals, pLDDT 2, rounded once for all files."""

    names: tuple[str, ...]  # n_res residue names, UNK for X
    numbers: tuple[int, ...]  # n_res residue numbers: residue_index + 1, which begins anew in each chain
    chains: Chains
    plddt: np.ndarray  # float64 [n_res], 0-100
    residue: np.ndarray  # int [n_atoms], which residue, from 0, ascending
    atom: tuple[str, ...]  # n_atoms atom names
    element: tuple[str, ...]  # n_atoms element symbols, upper case
    position: np.ndarray  # float64 [n_atoms, 3], angstrom

    @property
    def n_res(self) -> int:
        return len(self.names)

    @cached_property
    def spans(self) -> dict[str, range]:
        """The residues of each chain by its identifier."""
        return self.chains.spans


def predicted_atoms(prediction: Prediction) -> AtomTable:
    """The heavy atoms that the network placed. X has none, as in AlphaFold 2.

    Raises ValueError where a position or pLDDT is no finite number, or where there is no atom at all.
    """
    residue, slot = np.nonzero(prediction.atom_mask >= 0.5)
    atom = tuple(ATOM37[k] for k in slot)
    element = tuple(name[0] for name in atom)  # only C, N, O and S
    return _table(prediction, residue, atom, element, prediction.atom_positions[residue, slot])


def relaxed_atoms(prediction: Prediction, atoms: Atoms) -> AtomTable:
    """The atoms of a relaxed structure, hydrogens included, with the prediction's numbers and pLDDT.

    `atoms.residue` are rows of the prediction. Raises ValueError where the atoms are those of another chain.
    """
    _check_chain(prediction, atoms)
    name, element = tuple(atoms.name.tolist()), tuple(symbol.upper() for symbol in atoms.element.tolist())
    return _table(prediction, atoms.residue, name, element, atoms.position)


def _check_chain(prediction: Prediction, atoms: Atoms) -> None:
    """Each residue with atoms in one must have atoms in the other, and no heavy atoms but its type's and OXT."""
    n_res = len(prediction.aatype)
    aatype = np.minimum(prediction.aatype, UNKNOWN)
    predicted = np.flatnonzero((prediction.atom_mask >= 0.5).any(axis=1))
    if not np.array_equal(np.unique(atoms.residue), predicted):
        raise ValueError(f"the relaxed structure is of another chain than the {n_res} residues predicted")
    allowed = (ATOM37_EXISTS[aatype] > 0) | (aatype == UNKNOWN)[:, None]
    allowed[:, ATOM37_INDEX["OXT"]] = True
    slots = np.array([ATOM37_INDEX.get(name, -1) for name in atoms.name.tolist()])
    heavy = slots >= 0
    wrong = np.flatnonzero(~allowed[atoms.residue[heavy], slots[heavy]])
    if len(wrong):
        row = int(atoms.residue[heavy][wrong[0]])
        raise ValueError(f"the relaxed structure is of another chain: residue {row + 1} has another type's atoms")


def _names(prediction: Prediction) -> tuple[str, ...]:
    return tuple(RESNAMES[min(int(k), UNKNOWN)] for k in prediction.aatype)


def _table(
    prediction: Prediction, residue: np.ndarray, atom: tuple[str, ...], element: tuple[str, ...], position: np.ndarray
) -> AtomTable:
    if not len(atom):
        raise ValueError(f"{prediction.model}: no atoms to write; is every residue X?")
    if not (np.isfinite(position).all() and np.isfinite(prediction.plddt).all()):
        raise ValueError(f"{prediction.model}: positions or pLDDT that are no finite numbers")
    return AtomTable(
        names=_names(prediction),
        numbers=tuple(int(k) + 1 for k in prediction.residue_index),
        chains=prediction.chains,
        plddt=_rounded(prediction.plddt, 2),
        residue=residue,
        atom=atom,
        element=element,
        position=_rounded(position.ravel(), 3).reshape(-1, 3),
    )


def _rounded(values: Iterable[float], decimals: int) -> np.ndarray:
    """As printing them rounds: gemmi and Python treat the half differently, and numpy's product is inexact. No -0.0."""
    return np.array([float(f"{value:.{decimals}f}") for value in values]) + 0.0
