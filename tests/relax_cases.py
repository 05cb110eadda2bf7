# SPDX-License-Identifier: Apache-2.0
"""Small proteins from ideal geometry, whole and broken, for the tests of the relaxation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import torch

from af2cpu.chemistry.residues import ATOM37_INDEX, aatype_of
from af2cpu.geometry.rigid import Rigid
from af2cpu.model.atoms import compute_all_atom_coordinates
from af2cpu.records import Protein, Relaxed
from af2cpu.relax.rounds import relax
from af2cpu.relax.settings import RelaxSettings
from af2cpu.relax.structure import given_atoms, pdb_text

SEQUENCE = "SAKDRELYHTVG"
_PHI, _PSI = -63.0, -42.0  # degrees, alpha helix
_CHI = (-70.0, 180.0, 180.0, 180.0)


def _next_atom(a: np.ndarray, b: np.ndarray, c: np.ndarray, length: float, angle: float, torsion: float) -> np.ndarray:
    """The atom bonded to c: bond length (angstrom), angle b-c-d and torsion a-b-c-d in degrees."""
    angle, torsion = np.radians(angle), np.radians(torsion)
    x = (c - b) / np.linalg.norm(c - b)
    z = np.cross(b - a, x)
    z /= np.linalg.norm(z)
    local = [-np.cos(angle), np.sin(angle) * np.cos(torsion), np.sin(angle) * np.sin(torsion)]
    return c + length * (local[0] * x + local[1] * np.cross(z, x) + local[2] * z)


def _backbone(n_res: int) -> np.ndarray:
    """N, CA, C of an ideal helix: [n_res, 3, 3], angstrom."""
    atoms = [np.array([0.0, 0.0, 0.0]), np.array([1.459, 0.0, 0.0]), np.array([2.0, 1.42, 0.0])]
    for _ in range(n_res - 1):
        atoms.append(_next_atom(*atoms[-3:], 1.329, 116.6, _PSI))
        atoms.append(_next_atom(*atoms[-3:], 1.459, 121.7, 180.0))
        atoms.append(_next_atom(*atoms[-3:], 1.525, 111.0, _PHI))
    return np.array(atoms).reshape(n_res, 3, 3)


def _frames(backbone: np.ndarray) -> Rigid:
    n, ca, c = backbone[:, 0], backbone[:, 1], backbone[:, 2]
    x = (c - ca) / np.linalg.norm(c - ca, axis=1, keepdims=True)
    y = (n - ca) - np.sum((n - ca) * x, axis=1, keepdims=True) * x
    y /= np.linalg.norm(y, axis=1, keepdims=True)
    rotation = np.stack([x, y, np.cross(x, y)], axis=-1)
    return Rigid(torch.tensor(rotation, dtype=torch.float32), torch.tensor(ca, dtype=torch.float32))


def helix(sequence: str = SEQUENCE, chain: str = "A", first: int = 1, shift: float = 0.0) -> Protein:
    """An alpha helix without violations, shifted along z (angstrom); X has no atoms, as the network leaves it."""
    aatype = aatype_of(sequence)
    n_res = len(sequence)
    degrees = torch.tensor([180.0, _PHI, _PSI, *_CHI]).expand(n_res, 7)
    torsions = torch.stack([torch.deg2rad(degrees).sin(), torch.deg2rad(degrees).cos()], dim=-1)
    atoms = compute_all_atom_coordinates(_frames(_backbone(n_res)), torsions, torch.tensor(aatype, dtype=torch.int64))
    mask = atoms.atom37_mask.numpy().astype(np.float32)
    positions = (atoms.atom37.numpy() + np.float32([0.0, 0.0, shift])) * mask[..., None]
    return Protein(
        aatype=aatype,
        atom_positions=positions.astype(np.float32),
        atom_mask=mask,
        residue_index=np.arange(first, first + n_res),
        insertion_codes=np.full(n_res, ""),
        chain_ids=np.full(n_res, chain),
        b_factors=np.linspace(50.0, 95.0, n_res, dtype=np.float32),
        numbers_bond=True,
    )


def joined(*proteins: Protein) -> Protein:
    """Chains one after the other."""
    arrays = {
        name: np.concatenate([getattr(protein, name) for protein in proteins])
        for name, value in vars(proteins[0]).items()
        if isinstance(value, np.ndarray)
    }
    return replace(proteins[0], **arrays)


def cut(protein: Protein, row: int) -> Protein:
    """The residues from `row` on as a chain B of their own; nothing moves."""
    return replace(protein, chain_ids=np.where(np.arange(protein.n_res) < row, "A", "B"))


def crossed(sequence: str, slot: int) -> Protein:
    """A helix and its image (chain B) by a twofold axis, on which the two atoms of residue 2 in `slot` meet, 2.04 A
    apart."""
    first = helix(sequence)
    atom, before = first.atom_positions[1, slot], first.atom_positions[1, ATOM37_INDEX["CB"]]
    out = (atom - before) / np.linalg.norm(atom - before)
    to_axis = np.cross(out, [1.0, 0.0, 0.3])
    to_axis /= np.linalg.norm(to_axis)
    axis, origin = np.cross(out, to_axis), atom + 1.02 * to_axis
    turned = (first.atom_positions - origin) @ (2.0 * np.outer(axis, axis) - np.eye(3)) + origin
    positions = (turned * first.atom_mask[..., None]).astype(np.float32)
    return joined(first, replace(first, atom_positions=positions, chain_ids=np.full(first.n_res, "B")))


def part(protein: Protein, start: int, stop: int) -> Protein:
    """Residues start..stop-1."""
    return replace(
        protein, **{n: value[start:stop] for n, value in vars(protein).items() if isinstance(value, np.ndarray)}
    )


def text_of(protein: Protein, result: Relaxed | None = None) -> str:
    """PDB text of a protein, or of what the relaxation made of it."""
    return pdb_text(protein, result.atoms if result else given_atoms(protein))


def without(protein: Protein, row: int, *atoms: str) -> Protein:
    """A residue without some of its atoms."""
    mask = protein.atom_mask.copy()
    mask[row, [ATOM37_INDEX[atom] for atom in atoms]] = 0.0
    return replace(protein, atom_mask=mask, atom_positions=protein.atom_positions * mask[..., None])


def moved(protein: Protein, row: int, atoms: tuple[str, ...], by: np.ndarray | list[float]) -> Protein:
    """Some atoms of a residue shifted (angstrom)."""
    positions = protein.atom_positions.copy()
    positions[row, [ATOM37_INDEX[atom] for atom in atoms]] += np.asarray(by, np.float32)
    return replace(protein, atom_positions=positions)


def placed(protein: Protein, row: int, atom: str, at: np.ndarray) -> Protein:
    """One atom at a place (angstrom)."""
    return moved(protein, row, (atom,), at - protein.atom_positions[row, ATOM37_INDEX[atom]])


def torn(protein: Protein, row: int, by: float) -> Protein:
    """All residues from `row` on shifted along x (angstrom): the peptide bond before it is torn."""
    positions = protein.atom_positions.copy()
    positions[row:] += np.float32([by, 0.0, 0.0]) * protein.atom_mask[row:, :, None]
    return replace(protein, atom_positions=positions)


def crowded_ends() -> Protein:
    """Two helices in almost the same place: pdbfixer finds no room for their OXT and moves it by random dynamics."""
    return joined(helix("SAKD"), helix("SAKD", chain="B", shift=0.7))


def near_sulphurs() -> Protein:
    """Two cysteines near enough for a disulphide bond, which nothing but the distance says."""
    protein = helix("ACAACG")
    return placed(protein, 4, "SG", protein.atom_positions[1, ATOM37_INDEX["SG"]] + np.float32([0.0, 0.0, 2.0]))


CASES: dict[str, Callable[[], Protein]] = {  # each has something that chance or history could enter
    "torn": lambda: torn(helix("SACKXDHCRELY"), 9, 2.0),
    "crowded": crowded_ends,
    "added": lambda: without(helix("SAKDLEL"), 4, "CG", "CD1", "CD2"),
    "sulphurs": near_sulphurs,
}


def digests(names: Iterable[str]) -> list[str]:
    """Sorted name and hash of the relaxed structures of these cases, relaxed in this order in this process."""
    found = []
    for name in names:
        protein = CASES[name]()
        result = relax(protein, RelaxSettings(anyway=True, max_rounds=2))
        assert result.relaxed
        data = text_of(protein, result).encode() + result.atom_positions.tobytes()
        found.append(f"{name}:{hashlib.sha256(data).hexdigest()}")
    return sorted(found)
