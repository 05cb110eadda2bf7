"""The atoms of one model in the order and with the numbers that structure files show: both formats print the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import gemmi
import numpy as np

from af2cpu.chemistry.residues import ATOM37, RESNAMES, UNKNOWN
from af2cpu.records import Prediction


@dataclass(frozen=True)
class AtomTable:
    """The residues of a chain and their atoms. Coordinates have 3 decimals, pLDDT 2, rounded once for all files."""

    names: tuple[str, ...]  # n_res residue names, UNK for X
    numbers: tuple[int, ...]  # n_res residue numbers: residue_index + 1
    plddt: np.ndarray  # float64 [n_res], 0-100
    residue: np.ndarray  # int [n_atoms], which residue, from 0, ascending
    atom: tuple[str, ...]  # n_atoms atom names
    element: tuple[str, ...]  # n_atoms element symbols, upper case
    position: np.ndarray  # float64 [n_atoms, 3], angstrom

    @property
    def n_res(self) -> int:
        return len(self.names)


def predicted_atoms(prediction: Prediction) -> AtomTable:
    """The heavy atoms that the network placed. X has none, as in AlphaFold 2.

    Raises ValueError where a position or pLDDT is no finite number, or where there is no atom at all.
    """
    residue, slot = np.nonzero(prediction.atom_mask >= 0.5)
    atom = tuple(ATOM37[k] for k in slot)
    element = tuple(name[0] for name in atom)  # only C, N, O and S
    return _table(prediction, residue, atom, element, prediction.atom_positions[residue, slot])


def relaxed_atoms(prediction: Prediction, pdb: str) -> AtomTable:
    """The atoms of a relaxed structure, hydrogens among them, from its PDB text, with the prediction's numbers.

    Residues are matched in their order; those that the prediction has no atoms of (X) may be absent. Raises ValueError
    where the text is no PDB or holds another chain than the prediction.
    """
    try:
        model = gemmi.read_pdb_string(pdb)[0]
    except (RuntimeError, IndexError) as error:
        raise ValueError(f"the relaxed structure can't be read as PDB ({error})") from error
    residues = [residue for chain in model for residue in chain]
    places = _places(prediction, [residue.name for residue in residues])
    rows = [(place, atom) for place, residue in zip(places, residues, strict=True) for atom in residue]
    return _table(
        prediction,
        np.array([place for place, _ in rows], np.intp),
        tuple(atom.name for _, atom in rows),
        tuple(atom.element.name.upper() for _, atom in rows),
        np.array([atom.pos.tolist() for _, atom in rows]).reshape(-1, 3),
    )


def _names(prediction: Prediction) -> tuple[str, ...]:
    return tuple(RESNAMES[min(int(k), UNKNOWN)] for k in prediction.aatype)


def _places(prediction: Prediction, found: list[str]) -> list[int]:
    """The index of each residue of a relaxed structure in the prediction."""
    names = _names(prediction)
    everything = list(range(len(names)))
    with_atoms = np.flatnonzero((prediction.atom_mask >= 0.5).any(axis=1)).tolist()
    for places in (everything, with_atoms):
        if [names[k] for k in places] == found:
            return places
    raise ValueError(f"the relaxed structure holds {len(found)} residues that are not the {len(names)} predicted ones")


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
        plddt=_rounded(prediction.plddt, 2),
        residue=residue,
        atom=atom,
        element=element,
        position=_rounded(position.ravel(), 3).reshape(-1, 3),
    )


def _rounded(values: Iterable[float], decimals: int) -> np.ndarray:
    """As printing them rounds: gemmi and Python treat the half differently, and numpy's product is inexact. No -0.0."""
    return np.array([float(f"{value:.{decimals}f}") for value in values]) + 0.0
