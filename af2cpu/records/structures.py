# SPDX-License-Identifier: Apache-2.0
"""Atoms of structures, and what structure files tell of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from af2cpu.records.predictions import Prediction


@dataclass(frozen=True)
class NetworkTemplate:
    """A template that the network was given for one chain."""

    name: str  # entry_chain, such as 2q2k_A
    sequence: str  # letters in the chain's columns, "-" where nothing is aligned
    chain: str = "A"  # of the query


@dataclass(frozen=True)
class Provenance:
    """What structure files tell of where they come from. It has no dates or times of the run."""

    description: str  # of the protein: the header as the user gave it
    entry: str  # identifier of the entry: safe letters only
    version: str  # of af2cpu
    parameters: str  # such as params_model_1_ptm.npz
    date: date | None = None  # of the model; from the settings
    templates: bool = True  # whether templates were searched
    warning: str | None = None  # first in the title: that the parameters are synthetic or for trying out
    software: tuple[tuple[str, str], ...] = ()  # name and version of libraries and programs that took part
    network_templates: tuple[NetworkTemplate, ...] = ()  # chain by chain, best first
    own_templates: tuple[str, ...] = ()  # chains whose templates are files of the user's, not entries of the PDB
    chain_names: tuple[str, ...] = ()  # the user's, one for each chain; empty: the chains have no names of their own
    sampling: tuple[str, ...] = ()  # how the network ran where that is not its usual way, such as with dropout


@dataclass(frozen=True)
class InitialGuess:
    """A structure whose positions the first pass gets as recycled ones."""

    positions: np.ndarray  # float32 [n_res, 37, 3], angstrom
    known: np.ndarray  # bool [n_res], residues with positions; those of the others have no meaning
    notes: tuple[str, ...] = ()  # one line for each kind of thing that the file lacks

    @property
    def n_res(self) -> int:
        return len(self.known)


@dataclass(frozen=True)
class Protein:
    """Atoms of one or more protein chains and what a structure file says of each residue."""

    aatype: np.ndarray  # int [n_res], 20 for X
    atom_positions: np.ndarray  # float32 [n_res, 37, 3], angstrom
    atom_mask: np.ndarray  # float32 [n_res, 37]
    residue_index: np.ndarray  # int [n_res], the number in the file; predictions count from 1 there
    insertion_codes: np.ndarray  # str [n_res], mostly empty
    chain_ids: np.ndarray  # str [n_res]; the residues of a chain are neighbours
    b_factors: np.ndarray  # float32 [n_res], the pLDDT (0-100) of a prediction
    # Whether residues of a chain are bonded wherever their numbers follow each other. So it is in a prediction: the
    # network may tear a bond, and the relaxation mends it. In a file residues may be missing: only distance tells.
    numbers_bond: bool = False

    @property
    def n_res(self) -> int:
        return int(self.aatype.shape[0])

    @classmethod
    def from_prediction(cls, prediction: Prediction) -> Protein:
        """Its chains A, B, ..., each numbered from 1 as in AlphaFold 2's files, with pLDDT as B-factors."""
        n_res = len(prediction.aatype)
        return cls(
            aatype=prediction.aatype,
            atom_positions=prediction.atom_positions,
            atom_mask=prediction.atom_mask,
            residue_index=prediction.residue_index + 1,
            insertion_codes=np.full(n_res, ""),
            chain_ids=prediction.chains.ids,
            b_factors=prediction.plddt,
            numbers_bond=True,
        )


@dataclass(frozen=True)
class Atoms:
    """Atoms of a structure, hydrogens included, residue by residue."""

    residue: np.ndarray  # int [n_atoms], row of the residue in its Protein or Prediction, ascending
    name: np.ndarray  # str [n_atoms], such as CA
    element: np.ndarray  # str [n_atoms], such as C
    position: np.ndarray  # float64 [n_atoms, 3], angstrom


@dataclass(frozen=True)
class Relaxed:
    """What the relaxation made of a protein, the same residues in the same frame; unchanged if `relaxed` is false."""

    relaxed: bool
    reason: str | None  # one line: why it is not relaxed, or what ended it before its time; None where all went well
    atom_positions: np.ndarray  # float32 [n_res, 37, 3], angstrom
    atom_mask: np.ndarray  # float32 [n_res, 37], atoms that the clean-up added included (OXT of chain ends too)
    atoms: Atoms  # all atoms with hydrogens; those of a residue that was not relaxed as they were given
    violations_before: np.ndarray  # bool [n_res], residues with structural violations
    violations_after: np.ndarray  # bool [n_res]
    energy_before_kcal_mol: float | None  # of the force field, without restraints, hydrogens just placed
    energy_after_kcal_mol: float | None
    rmsd_heavy: float | None  # angstrom, given heavy atoms against themselves, without superposition
    rounds: int  # minimisations whose result counts
    steps: int  # of L-BFGS in these rounds
    seconds: float  # wall time of all of it
    notes: tuple[str, ...] = ()  # one line for each thing that the clean-up changed or left out
