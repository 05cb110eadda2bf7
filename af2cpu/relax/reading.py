"""Proteins to relax from structure files of any origin, PDB or mmCIF."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import gemmi
import numpy as np

from af2cpu.chemistry.residues import ATOM14, RESNAMES, aatype_of
from af2cpu.errors import InputError
from af2cpu.formats.chain import AtomRows, letter_of, place_atoms
from af2cpu.formats.streams import open_bytes
from af2cpu.records import Protein

# Names that programs of molecular dynamics give to protonation states and to cysteines in disulphide bonds.
_FORCE_FIELD_NAMES = {
    **dict.fromkeys(("HID", "HIE", "HIP", "HSD", "HSE", "HSP"), "HIS"),
    **dict.fromkeys(("CYX", "CYM"), "CYS"),
    "ASH": "ASP",
    "GLH": "GLU",
    "LYN": "LYS",
}


def read_protein(path: str | os.PathLike[str]) -> tuple[Protein, tuple[str, ...]]:
    """All protein chains of the first model, plain or gzip, and a line for each kind of thing that is left behind.

    Modified residues are taken as their parents (MSE as MET). The B-factor of a residue is that of its CA.
    Raises InputError where the file is missing, malformed or holds no protein.
    """
    structure = _read(Path(path))
    notes = []
    if len(structure) > 1:
        notes.append(f"{len(structure)} models: the first one is taken")
    _common_names(structure[0])
    structure.setup_entities()
    model = structure[0]
    chains: list[tuple[str, list[gemmi.Residue]]] = [(chain.name, _polymer(chain)) for chain in model]
    chains = [(name, residues) for name, residues in chains if residues]
    if not chains:
        raise InputError(f"{path}: no protein chain in it")
    taken = {id_ for name, residues in chains for id_ in ((name, str(r.seqid), r.name) for r in residues)}
    notes += _dropped(model, taken)
    residues = [residue for _, chain in chains for residue in chain]
    notes += _modified(residues)
    return _protein(chains, residues), tuple(notes)


def _read(path: Path) -> gemmi.Structure:
    with open_bytes(path) as stream:
        data = stream.read()
    try:
        structure = gemmi.read_structure_string(data, format=gemmi.CoorFormat.Detect)
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: can't be read as PDB or mmCIF ({reason})") from error
    if not len(structure) or not any(len(chain) for chain in structure[0]):
        raise InputError(f"{path}: no atoms in it; give a PDB or mmCIF file")
    return structure


def _common_names(model: gemmi.Model) -> None:
    """Renames residues that bear a force field's name; homoserine is HSE too, so that their atoms must fit."""
    for residue in (residue for chain in model for residue in chain):
        common = _FORCE_FIELD_NAMES.get(residue.name)
        heavy = {atom.name for atom in residue if not atom.is_hydrogen()}
        if common and heavy <= {*ATOM14[common], "OXT"}:
            residue.name = common


def _polymer(chain: gemmi.Chain) -> list[gemmi.Residue]:
    """Amino acids of a chain's polymer; of alternative residues at one place the first."""
    return [
        residue
        for residue in chain.get_polymer().first_conformer()
        if residue.name == "UNK" or gemmi.find_tabulated_residue(residue.name).is_amino_acid()
    ]


def _dropped(model: gemmi.Model, taken: set[tuple[str, str, str]]) -> list[str]:
    names = Counter(
        residue.name
        for chain in model
        for residue in chain
        if (chain.name, str(residue.seqid), residue.name) not in taken
    )
    if not names:
        return []
    listed = [f"{count} {name}" for name, count in names.most_common(8)]
    more = f" and {len(names) - 8} other kinds" if len(names) > 8 else ""
    return [f"dropped, for they are not protein: {', '.join(listed)}{more}"]


def _modified(residues: list[gemmi.Residue]) -> list[str]:
    names = Counter(residue.name for residue in residues if residue.name not in RESNAMES)
    return [f"{count} {name} taken as {RESNAMES[aatype_of(letter_of(name))[0]]}" for name, count in names.items()]


def _protein(chains: list[tuple[str, list[gemmi.Residue]]], residues: list[gemmi.Residue]) -> Protein:
    atoms = [(row, residue, atom) for row, residue in enumerate(residues) for atom in residue]
    rows = AtomRows(
        residue=[row for row, _, _ in atoms],
        residue_name=[residue.name for _, residue, _ in atoms],
        name=[atom.name for _, _, atom in atoms],
        occupancy=[atom.occ for _, _, atom in atoms],
        position=np.array([atom.pos.tolist() for _, _, atom in atoms], np.float64).reshape(-1, 3),
    )
    positions, mask = place_atoms(rows, len(residues))
    return Protein(
        aatype=aatype_of("".join(letter_of(residue.name) for residue in residues)),
        atom_positions=positions,
        atom_mask=mask,
        residue_index=np.array([residue.seqid.num for residue in residues], np.int64),
        insertion_codes=np.array([residue.seqid.icode.strip() for residue in residues]),
        chain_ids=np.array([name for name, chain in chains for _ in chain]),
        b_factors=np.array([_b_factor(residue) for residue in residues], np.float32),
    )


def _b_factor(residue: gemmi.Residue) -> float:
    return next((atom.b_iso for atom in residue if atom.name == "CA"), residue[0].b_iso if len(residue) else 0.0)
