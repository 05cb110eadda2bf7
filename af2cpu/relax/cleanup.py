# SPDX-License-Identifier: Apache-2.0
"""From a protein to what the force field needs: all heavy atoms, ends of chains, hydrogens, disulphide bonds.

AlphaFold 2's relax/cleanup.py with pdbfixer, but without its detours through PDB text: atoms that were given keep their
coordinates to the last bit, numbers and chain names have no limit, and nothing depends on the order of a set.
"""

from __future__ import annotations

import io
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import openmm
from openmm import app
from openmm.app import element
from openmm.app import modeller as openmm_modeller
from pdbfixer import PDBFixer

from af2cpu.chemistry.residues import ATOM14, ATOM37_INDEX, RESNAMES
from af2cpu.records import Protein
from af2cpu.relax.border import from_openmm, to_openmm
from af2cpu.relax.segments import Segment, names

_PH = 7.0
# OpenMM's random numbers, in Python (hydrogens) and in C++ (dynamics on the Reference platform), are one stream of the
# process: threads clean up one after the other.
_RANDOM_NUMBERS = threading.Lock()
_AMMONIUM = {"H2", "H3"}  # hydrogens of a chain's first N beyond the H of a peptide bond


@dataclass(frozen=True)
class Cleaned:
    """A structure with all its atoms. The arrays have one entry per atom, in the order of OpenMM's topology."""

    topology: Any  # openmm.app.Topology, one chain per segment
    positions: np.ndarray  # float64 [n_atoms, 3], angstrom
    row: np.ndarray  # int [n_atoms], the atom's residue in the protein
    atom37: np.ndarray  # int [n_atoms], -1 for hydrogens
    given: np.ndarray  # bool [n_atoms], was in the protein; all others were placed here
    artificial: np.ndarray  # bool [n_atoms], terminal atom at a gap, which only the force field needs
    notes: tuple[str, ...]  # one line if heavy atoms were added


def clean(protein: Protein, runs: Sequence[Segment], seed: int) -> Cleaned:
    """Adds missing heavy atoms, OXT at the ends of segments, and hydrogens for pH 7, the same for the same seed.

    Residues have no atoms but their type's, and OXT at most at the end of a chain.
    Histidines get the hydrogen that bonds best, cysteines whose sulphurs are within 3 A a disulphide bond, in one chain
    or two.
    Raises what pdbfixer and OpenMM raise.
    """
    topology, positions = _heavy_atoms(protein, runs)
    with _RANDOM_NUMBERS:
        topology, positions, added = _complete(topology, positions, seed)
        modeller = app.Modeller(topology, to_openmm(positions))
        _add_hydrogens(modeller, seed)
    return _labelled(protein, runs, modeller, _added_note(protein, added))


def _platform() -> Any:
    """The platform that sums in a fixed order."""
    return openmm.Platform.getPlatformByName("Reference")


def _heavy_atoms(protein: Protein, runs: Sequence[Segment]) -> tuple[Any, np.ndarray]:
    """Topology and positions (angstrom) of the given atoms; residues bear their row as identifier."""
    topology = app.Topology()
    positions: list[np.ndarray] = []
    for number, run in enumerate(runs):
        chain = topology.addChain(f"S{number}")
        for row in range(run.start, run.stop):
            name = RESNAMES[protein.aatype[row]]
            residue = topology.addResidue(name, chain, str(row))
            for atom in (*ATOM14[name], "OXT"):
                if protein.atom_mask[row, ATOM37_INDEX[atom]] > 0:
                    topology.addAtom(atom, element.get_by_symbol(atom[0]), residue)
                    positions.append(protein.atom_positions[row, ATOM37_INDEX[atom]])
    topology.createStandardBonds()
    xyz = np.array(positions, np.float64)
    topology.createDisulfideBonds(to_openmm(xyz))
    return topology, xyz


def _complete(topology: Any, positions: np.ndarray, seed: int) -> tuple[Any, np.ndarray, list[tuple[int, str]]]:
    """Adds missing heavy atoms by pdbfixer and returns (row, atom) of each. Given atoms keep their coordinates."""
    # PDBFixer reads files only, and OpenMM's own mmCIF has no limits of length.
    text = io.StringIO()
    app.PDBxFile.writeFile(topology, to_openmm(positions), text, keepIds=True)
    text.seek(0)
    fixer = PDBFixer(pdbxfile=text, platform=_platform())
    fixer.missingResidues = {}
    fixer.findMissingAtoms()
    if not fixer.missingAtoms and not fixer.missingTerminals:
        return topology, positions, []
    fixer.addMissingAtoms(seed=_openmm_seed(seed))
    known = {(atom.residue.id, atom.name): positions[atom.index] for atom in topology.atoms()}
    complete = from_openmm(fixer.positions)
    added = []
    for atom in fixer.topology.atoms():
        key = (atom.residue.id, atom.name)
        if key in known:
            complete[atom.index] = known[key]  # the text has rounded coordinates
        else:
            added.append((int(atom.residue.id), atom.name))
    return fixer.topology, complete, added


def _openmm_seed(seed: int) -> int:
    """Seed for OpenMM: 32 bits, and never 0, which OpenMM replaces by a different seed for every context."""
    return 1 + seed % (2**31 - 1)


def _added_note(protein: Protein, added: Sequence[tuple[int, str]]) -> tuple[str, ...]:
    rows = sorted({row for row, atom in added if atom != "OXT"})
    if not rows:
        return ()
    count = sum(atom != "OXT" for _, atom in added)
    return (f"{count} missing heavy atoms added: {names(protein, rows)}",)


def _add_hydrogens(modeller: Any, seed: int) -> None:
    """Adds hydrogens, whose first positions OpenMM draws from a generator of their own.

    OpenMM takes Python's global generator, from which other threads draw at any time: the event loop of a dask worker.
    """
    shared = openmm_modeller.random
    openmm_modeller.random = random.Random(seed)
    try:
        modeller.addHydrogens(pH=_PH, platform=_platform())
    finally:
        openmm_modeller.random = shared


def _labelled(protein: Protein, runs: Sequence[Segment], modeller: Any, notes: tuple[str, ...]) -> Cleaned:
    atoms = list(modeller.topology.atoms())
    row = np.array([int(atom.residue.id) for atom in atoms])
    atom37 = np.array([ATOM37_INDEX.get(atom.name, -1) for atom in atoms])
    given = (atom37 >= 0) & (protein.atom_mask[row, atom37] > 0)
    cut_begins = {run.start for run in runs if not run.chain_begins}
    cut_ends = {run.stop - 1 for run in runs if not run.chain_ends}
    artificial = [
        (atom.name in _AMMONIUM and at in cut_begins) or (atom.name == "OXT" and at in cut_ends)
        for atom, at in zip(atoms, row, strict=True)
    ]
    return Cleaned(
        topology=modeller.topology,
        positions=from_openmm(modeller.positions),
        row=row,
        atom37=atom37,
        given=given,
        artificial=np.array(artificial, bool),
        notes=notes,
    )
