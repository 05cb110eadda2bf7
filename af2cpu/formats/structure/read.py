# SPDX-License-Identifier: Apache-2.0
"""The protein in a structure file, and a line for each kind of thing that is dropped or renamed on the way."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import gemmi
import numpy as np

from af2cpu.chemistry.residues import RESNAMES, RESTYPES_WITH_X, aatype_of
from af2cpu.errors import InputError
from af2cpu.formats.chain import MOST_DISTANT, AtomRows, ProteinChain, letter_of, place_atoms
from af2cpu.formats.structure.chains import Bonds, NamedChain, chains_of_runs
from af2cpu.formats.structure.names import is_hydrogen, standard_atom
from af2cpu.formats.structure.residues import Residue, group
from af2cpu.formats.structure.sites import Site, decoded_number, read_sites
from af2cpu.records import Protein

_LISTED = 8  # kinds in a note


def read_protein(path: str | os.PathLike[str]) -> tuple[Protein, tuple[str, ...]]:
    """All protein chains of the first model, plain or gzip, and a line for each kind of thing dropped or renamed.

    No two chains have one name. Modified residues are taken as their parents (MSE as MET), of alternative locations
    the most occupied, of alternative residues at one place the first. The B-factor of a residue is that of its CA.
    Raises InputError where the file is missing or malformed, holds no protein, or has coordinates or residue numbers
    that are no numbers.
    """
    path = Path(path)
    sites, models = read_sites(path)
    contents = group(sites)
    residues = [residue for run in contents.runs for residue in run]
    positions, mask = place_atoms(_atom_rows(path, residues), len(residues))
    chains = chains_of_runs(residues, _ranges(contents.runs), Bonds(positions, mask))
    if not chains:
        raise InputError(f"{path}: no protein chain in it; give a structure with amino acids")
    rows = [row for chain in chains for row in chain.rows]
    taken = [residues[row] for row in rows]
    protein = Protein(
        aatype=aatype_of("".join(letter_of(residue.standard_name) for residue in taken)),
        atom_positions=positions[rows],
        atom_mask=mask[rows],
        residue_index=np.array([_residue_number(path, residue) for residue in taken], np.int64),
        insertion_codes=np.array([residue.insertion for residue in taken]),
        chain_ids=np.array([chain.name for chain in chains for _ in chain.rows]),
        b_factors=np.nan_to_num(np.array([_b_factor(residue) for residue in taken], np.float32)),
    )
    ligands = sorted(set(range(len(residues))) - set(rows))
    notes = [f"{models} models: the first one is taken"] * (models > 1)
    notes += _dropped([*contents.others, *(residues[row].name for row in ligands)])
    notes += _renamed(taken) + _alternatives(taken, contents.alternatives) + _renamed_chains(chains)
    return protein, (*notes, *_unreadable_b_factors(taken))


def read_chains(path: str | os.PathLike[str]) -> list[ProteinChain]:
    """The chains of `read_protein`, for those who need no notes. Raises InputError as it does."""
    return chains_of(read_protein(path)[0])


def chains_of(protein: Protein) -> list[ProteinChain]:
    """One record per chain, in the file's order. A chain's sequence is that of its residues with atoms."""
    chains = []
    for name in dict.fromkeys(protein.chain_ids.tolist()):
        rows = np.flatnonzero(protein.chain_ids == name)
        sequence = "".join(RESTYPES_WITH_X[aatype] for aatype in protein.aatype[rows])
        chains.append(ProteinChain(name, sequence, protein.atom_positions[rows], protein.atom_mask[rows]))
    return chains


def _ranges(runs: Sequence[Sequence[Residue]]) -> list[range]:
    ends = np.cumsum([len(run) for run in runs]).tolist()
    return [range(end - len(run), end) for end, run in zip(ends, runs, strict=True)]


def _atom_rows(path: Path, residues: Sequence[Residue]) -> AtomRows:
    """Heavy atoms under the names of the PDB. Hydrogens have no place among the 37 atoms."""
    atoms = [
        (row, standard_atom(residue.standard_name, site.atom), site)
        for row, residue in enumerate(residues)
        for site in residue.sites
        if not is_hydrogen(site.atom)
    ]
    places = [_numbers(path, residues[row], site) for row, _, site in atoms]
    return AtomRows(
        residue=[row for row, _, _ in atoms],
        residue_name=[residues[row].standard_name for row, _, _ in atoms],
        name=[name for _, name, _ in atoms],
        occupancy=[occupancy for *_, occupancy in places],
        position=np.array([xyz for *xyz, _ in places], np.float64).reshape(-1, 3),
    )


def _numbers(path: Path, residue: Residue, site: Site) -> tuple[float, float, float, float]:
    """x, y, z in angstrom and the occupancy, 1 where the file gives none."""
    texts = (*site.xyz, site.occupancy or "1")
    x, y, z, occupancy = (gemmi.cif.as_number(text) for text in texts)
    if not (np.abs((x, y, z, occupancy)) < MOST_DISTANT).all():  # also NaN
        raise InputError(
            f"{path}: residue {residue}, atom {site.atom}: coordinates or occupancy are no numbers "
            f"({' '.join(text or 'blank' for text in texts)}); repair the residue, or where coordinates over 9999 "
            f"outgrew the columns of the PDB format move the structure to the origin or write it as mmCIF"
        )
    return x, y, z, occupancy


def _residue_number(path: Path, residue: Residue) -> int:
    number = decoded_number(residue.number)
    if number is None:
        raise InputError(f"{path}: residue {residue}: its number is missing or no number; renumber the residues")
    return number


def _b_factor(residue: Residue) -> float:
    site = next((site for site in residue.sites if site.atom == "CA"), residue.sites[0])
    return float(gemmi.cif.as_number(site.b_factor or "0"))


def _counted(kinds: Iterable[str]) -> str:
    """Such as '12 HOH, 2 ZN and 3 other kinds'."""
    counts = Counter(kinds).most_common()
    more = f" and {len(counts) - _LISTED} other kinds" if len(counts) > _LISTED else ""
    return ", ".join(f"{count} {kind}" for kind, count in counts[:_LISTED]) + more


def _dropped(names: Sequence[str]) -> list[str]:
    return [f"dropped, for they are not protein: {_counted(names)}"] if names else []


def _renamed(residues: Sequence[Residue]) -> list[str]:
    modified, states, atoms = [], [], []
    for residue in residues:
        name = residue.standard_name
        if name != residue.name:
            states.append(f"{residue.name} as {name}")
        elif name not in RESNAMES:
            modified.append(f"{name} taken as {RESNAMES[aatype_of(letter_of(name))[0]]}")
        for atom in {site.atom for site in residue.sites if not is_hydrogen(site.atom)}:
            if standard_atom(name, atom) != atom:
                atoms.append(f"{atom} as {standard_atom(name, atom)}")
    notes = [_counted(modified)] if modified else []
    notes += [f"residues with a force field's name: {_counted(states)}"] if states else []
    return notes + ([f"atoms with a force field's name: {_counted(sorted(atoms))}"] if atoms else [])


def _alternatives(residues: Sequence[Residue], dropped: Sequence[Residue]) -> list[str]:
    count = sum(residue.has_alternatives for residue in residues)
    notes = [f"alternative locations in {count} residues: the most occupied ones are taken"] if count else []
    shown = ", ".join(str(residue) for residue in dropped[:_LISTED])
    more = f" and {len(dropped) - _LISTED} more" if len(dropped) > _LISTED else ""
    if dropped:
        notes.append(f"alternative residues dropped, the first one at each place is taken: {shown}{more}")
    return notes


def _unreadable_b_factors(residues: Sequence[Residue]) -> list[str]:
    count = sum(bool(np.isnan(_b_factor(residue))) for residue in residues)
    return [f"B-factors of {count} residues are no numbers and taken as 0"] if count else []


def _renamed_chains(chains: Sequence[NamedChain]) -> list[str]:
    changes = [f"{chain.given_name or 'no name'} to {chain.name}" for chain in chains if chain.name != chain.given_name]
    return [f"chains that share a name are renamed: {', '.join(changes)}"] if changes else []
