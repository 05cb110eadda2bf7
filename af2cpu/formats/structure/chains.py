"""Which residues form a chain: peptide bonds are found by distance, names and numbers only propose."""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from af2cpu.chemistry.residues import C, N
from af2cpu.formats.chain import bonded
from af2cpu.formats.structure.residues import Residue

_NAMES = (*string.ascii_uppercase, *string.ascii_lowercase, *string.digits)


@dataclass(frozen=True)
class NamedChain:
    """One chain: rows of the file's residues under a name that no other chain of the file has."""

    name: str
    rows: tuple[int, ...]
    given_name: str  # in the file


class Bonds:
    """Peptide bonds between residues with positions [n_res, 37, 3] in angstrom and mask [n_res, 37]."""

    def __init__(self, positions: np.ndarray, mask: np.ndarray) -> None:
        self._c, self._n = positions[:, C], positions[:, N]
        self._has_c, self._has_n = mask[:, C] > 0, mask[:, N] > 0

    def between(self, first: int, second: int) -> bool:
        """Whether C of row `first` is bonded to N of row `second`."""
        there = self._has_c[first] and self._has_n[second]
        return bool(there and bonded(self._c[first], self._n[second]))


def chains_of_runs(residues: Sequence[Residue], runs: Sequence[range], bonds: Bonds) -> list[NamedChain]:
    """Chains of the runs (ranges of rows of `residues`).

    A run whose first residue is bonded to the last one of an earlier run of its name goes on with that chain: TER
    records and numbers that begin again do not cut a bond. Free amino acids among the ligands are left out.
    """
    pieces: list[list[int]] = []
    for run in runs:
        name = residues[run[0]].chain
        before = (piece for piece in pieces if residues[piece[0]].chain == name and bonds.between(piece[-1], run[0]))
        piece = next(before, None)
        if piece is None:
            pieces.append(list(run))
        else:
            piece.extend(run)
    pieces = [kept for piece in pieces if (kept := _without_ligands(piece, residues, bonds))]
    return list(_named(pieces, [residues[piece[0]].chain for piece in pieces]))


def _without_ligands(rows: Sequence[int], residues: Sequence[Residue], bonds: Bonds) -> list[int]:
    """Without HETATM residues that follow the last ATOM residue and are bonded to no neighbour."""
    last = max((k for k, row in enumerate(rows) if not residues[row].hetero), default=-1)
    links = [False, *(bonds.between(*pair) for pair in itertools.pairwise(rows)), False]
    return [row for k, row in enumerate(rows) if k <= last or links[k] or links[k + 1]]


def _named(pieces: Sequence[Sequence[int]], given: Sequence[str]) -> Iterator[NamedChain]:
    """The first chain of a name keeps it, unless the name is empty and there are several; the others get free ones."""
    free = (name for name in _free_names() if name not in given)
    seen = {""} if given.count("") > 1 else set()
    for rows, name in zip(pieces, given, strict=True):
        yield NamedChain(next(free) if name in seen else name, tuple(rows), name)
        seen.add(name)


def _free_names() -> Iterator[str]:
    yield from _NAMES
    yield from (first + second for first in _NAMES for second in _NAMES)
