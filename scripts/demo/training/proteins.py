# SPDX-License-Identifier: Apache-2.0
"""The proteins and complexes that the demo networks learn: which, and their experimental structures as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from af2cpu.chemistry import residues
from af2cpu.chemistry.residues import ATOM14, ATOM14_TO_ATOM37, RESNAMES, aatype_of
from af2cpu.chemistry.rigid_groups import ATOM14_EXISTS
from af2cpu.formats.chain import ProteinChain
from af2cpu.formats.mmcif import read_mmcif
from af2cpu.formats.structure import read_chains
from af2cpu.geometry.rigid import Rigid, rigid_from_3_points, rigid_from_axes
from af2cpu.geometry.torsion import Torsions, torsions_from_atoms
from af2cpu.model.config import DEMO, DEMO_MULTIMER
from af2cpu.records import CHAIN_BREAK


@dataclass(frozen=True)
class Entry:
    """Parts of one or more chains of an experimental structure."""

    name: str
    pdb: str  # entry
    title: str
    file: str  # under the folder of experimental structures
    parts: tuple[tuple[str, slice], ...]  # chain, part of its sequence


def _one(chain: str, start: int, stop: int) -> tuple[tuple[str, slice], ...]:
    return ((chain, slice(start, stop)),)


# What the monomer network learns: small, of all classes of folds, in the order of their length.
_PROTEINS = (
    Entry("trp_cage", "1L2Y", "Trp-cage miniprotein TC5b", "mmcif/1l2y.cif", _one("A", 0, 20)),
    Entry(
        "1psm",
        "1PSM",
        "four heptad repeats of a merozoite surface antigen of P. falciparum",
        "mmcif/1psm.cif.gz",
        _one("A", 0, 38),
    ),
    Entry(
        "2q2k", "2Q2K", "ParR of plasmid pSK41, residues 23-67 of the construct", "mmcif/2q2k.cif", _one("A", 22, 67)
    ),
    Entry("2crb", "2CRB", "MIT domain of mouse NRBF-2, without its tails", "mmcif/2crb.cif.gz", _one("A", 7, 91)),
    Entry("cd2", "1GYA", "adhesion domain of human CD2", "pdb/1gya.pdb", _one("A", 0, 105)),
    Entry("lysozyme", "1AKI", "hen egg-white lysozyme", "mmcif/1aki.cif", _one("A", 0, 129)),
)
# What the multimer network learns: a homodimer with a sheet across its interface, and a heterodimer.
_COMPLEXES = (
    Entry(
        "insulin",
        "4INS",
        "pig insulin",
        "pdb/4ins.pdb",
        (*_one("A", 0, 21), *_one("B", 0, 30)),
    ),
    Entry(
        "2q2k_dimer",
        "2Q2K",
        "dimer of ParR of plasmid pSK41, residues 23-67 of the construct",
        "mmcif/2q2k.cif",
        (*_one("A", 22, 67), *_one("B", 22, 67)),
    ),
)
KNOWN = {DEMO: _PROTEINS, DEMO_MULTIMER: _COMPLEXES}
# Real proteins that they must not be sure of; their structures serve to tell how wrong the monomer network is.
OTHERS = (
    Entry("3u8v", "3U8V", "small metal-binding protein SmbP, residues 1-44", "mmcif/3u8v.cif", _one("A", 0, 44)),
    Entry("3o5r_start", "3O5R", "FK1 domain of FKBP51, residues 1-60", "mmcif/3o5r.cif", _one("A", 0, 60)),
    Entry("3o5r_end", "3O5R", "FK1 domain of FKBP51, residues 61-128", "mmcif/3o5r.cif", _one("A", 60, 128)),
    Entry("1igy", "1IGY", "variable domain of an antibody's light chain", "mmcif/1igy.cif.gz", _one("A", 0, 100)),
)


class Target(NamedTuple):
    """The truth about a protein or complex, as the losses need it. Sizes: i residues, 14 atom slots, 8 rigid groups."""

    aatype: Tensor  # [i]
    chain: Tensor  # [i], number of the chain
    atom37: Tensor  # [i, 37, 3], angstrom
    atom37_mask: Tensor  # [i, 37]
    atom14: Tensor  # [i, 14, 3]
    atom14_alt: Tensor  # [i, 14, 3], with the names of atoms exchanged that a half turn exchanges
    atom14_mask: Tensor  # [i, 14]
    frames: Rigid  # [i, 8], rigid groups to global
    frames_alt: Rigid  # [i, 8]
    frames_mask: Tensor  # [i, 8]
    torsions: Torsions


def chains_of(entry: Entry, structures: Path) -> tuple[ProteinChain, ...]:
    """The entry's parts of its chains. `structures` holds the folders mmcif and pdb of experimental structures."""
    path = structures / entry.file
    if path.suffix == ".pdb":
        of_name = {chain.name: chain for chain in read_chains(path)}
        return tuple(cropped(of_name[name], part) for name, part in entry.parts)
    structure = read_mmcif(path)
    return tuple(cropped(structure.chain(name), part) for name, part in entry.parts)


def joined_sequence(chains: Sequence[ProteinChain]) -> str:
    """The sequences of a complex as `Query.sequence` has them."""
    return CHAIN_BREAK.join(chain.sequence for chain in chains)


def cropped(chain: ProteinChain, part: slice) -> ProteinChain:
    return ProteinChain(chain.name, chain.sequence[part], chain.positions[part], chain.mask[part])


def target_of(chains: Sequence[ProteinChain]) -> Target:
    return _joined([_target(number, chain) for number, chain in enumerate(chains)])


def _joined(parts: Sequence) -> Any:
    """Tensors, or tuples of them, one after the other."""
    if isinstance(parts[0], Tensor):
        return torch.cat(tuple(parts))
    return type(parts[0])(*(_joined(fields) for fields in zip(*parts, strict=True)))


def _target(number: int, chain: ProteinChain) -> Target:
    aatype = torch.as_tensor(aatype_of(chain.sequence)).long()
    positions, mask = torch.from_numpy(chain.positions.copy()), torch.from_numpy(chain.mask.copy())
    slots = torch.as_tensor(ATOM14_TO_ATOM37)[aatype]
    atom14 = torch.gather(positions, 1, slots[..., None].expand(-1, -1, 3))
    atom14_mask = torch.gather(mask, 1, slots) * torch.as_tensor(ATOM14_EXISTS)[aatype]
    rows = torch.arange(len(aatype))[:, None]
    frames, frames_mask = _frames(aatype, positions, mask)
    torsions = torsions_from_atoms(aatype, positions, mask)
    half_turn = torch.as_tensor(_half_turn_frames())[aatype]
    return Target(
        aatype=aatype,
        chain=torch.full_like(aatype, number),
        atom37=positions,
        atom37_mask=mask,
        atom14=atom14,
        atom14_alt=atom14[rows, torch.as_tensor(_exchanged())[aatype]],
        atom14_mask=atom14_mask,
        frames=frames,
        frames_alt=Rigid(frames.rot * half_turn[:, :, None, :], frames.trans),
        frames_mask=frames_mask,
        torsions=torsions,
    )


def _frames(aatype: Tensor, positions: Tensor, mask: Tensor) -> tuple[Rigid, Tensor]:
    """Frames of the rigid groups from their atoms (supplement 1.8.4); groups without atoms of their own are masked."""
    n, ca, c, o = (positions[:, k] for k in (residues.N, residues.CA, residues.C, residues.O))
    backbone = rigid_from_3_points(n, ca, c)
    psi = rigid_from_axes(c - ca, o - c, c)
    backbone_mask = mask[:, [residues.N, residues.CA, residues.C]].prod(-1)
    psi_mask = mask[:, [residues.CA, residues.C, residues.O]].prod(-1)
    rots, trans = [backbone.rot] * 3 + [psi.rot], [backbone.trans] * 3 + [psi.trans]
    masks = [backbone_mask, torch.zeros_like(psi_mask), torch.zeros_like(psi_mask), psi_mask]
    rows = torch.arange(len(aatype))
    for chi in range(4):
        index = torch.as_tensor(residues.CHI_ATOM37)[aatype, chi]
        _, b, c_, d = (positions[rows, index[:, k]] for k in range(4))
        frame = rigid_from_axes(c_ - b, d - c_, c_)
        rots.append(frame.rot)
        trans.append(frame.trans)
        exists = torch.as_tensor(residues.CHI_EXISTS)[aatype, chi]
        masks.append(exists * mask[rows[:, None], index[:, 1:]].prod(-1))
    return Rigid(torch.stack(rots, 1), torch.stack(trans, 1)), torch.stack(masks, 1)


# Atoms that a half turn of the last chi exchanges (supplement Table 3).
_EXCHANGED = {
    "ASP": (("OD1", "OD2"),),
    "GLU": (("OE1", "OE2"),),
    "PHE": (("CD1", "CD2"), ("CE1", "CE2")),
    "TYR": (("CD1", "CD2"), ("CE1", "CE2")),
}


def _exchanged() -> np.ndarray:
    """int [21, 14]: the slot that each slot takes its atom from when names are exchanged."""
    slots = np.tile(np.arange(14), (21, 1))
    for name, pairs in _EXCHANGED.items():
        row, order = slots[RESNAMES.index(name)], ATOM14[name]
        for one, other in pairs:
            i, j = order.index(one), order.index(other)
            row[i], row[j] = j, i
    return slots


def _half_turn_frames() -> np.ndarray:
    """float32 [21, 8, 3]: signs of the axes of each group's frame after the half turn around x."""
    signs = np.ones((21, 8, 3), np.float32)
    periodic = residues.CHI_PI_PERIODIC > 0
    signs[:, 4:][periodic] = [1.0, -1.0, -1.0]
    return signs
