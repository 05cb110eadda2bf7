# SPDX-License-Identifier: Apache-2.0
"""Which residues form a chain: peptide bonds are found by distance, names and numbers only propose."""

from __future__ import annotations

import itertools
import string
from collections import Counter, defaultdict
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

    def first_before(self, ends: np.ndarray, row: int) -> int | None:
        """Place of the first row among `ends` whose C is bonded to N of `row`."""
        if not self._has_n[row]:
            return None
        found = np.flatnonzero(self._has_c[ends] & bonded(self._c[ends], self._n[row]))
        return int(found[0]) if len(found) else None


def chains_of_runs(residues: Sequence[Residue], runs: Sequence[range], bonds: Bonds) -> list[NamedChain]:
    """Chains of the runs (ranges of rows of `residues`).

    A run whose first residue is bonded to the last one of an earlier run of its name goes on with that chain: TER
    records and numbers that begin again do not cut a bond. Free amino acids among the ligands are left out.
    """
    pieces: list[list[int]] = []
    of_name: dict[str, list[int]] = defaultdict(list)  # pieces
    counts = Counter(residues[run[0]].chain for run in runs)
    ends = {name: np.zeros(count, np.intp) for name, count in counts.items()}  # the last rows of these
    for run in runs:
        name = residues[run[0]].chain
        place = bonds.first_before(ends[name][: len(of_name[name])], run[0])
        if place is None:
            place = len(of_name[name])
            of_name[name].append(len(pieces))
            pieces.append([])
        pieces[of_name[name][place]].extend(run)
        ends[name][place] = run[-1]
    pieces = [kept for piece in pieces if (kept := _without_ligands(piece, residues, bonds))]
    return list(_named(pieces, [residues[piece[0]].chain for piece in pieces]))


def _without_ligands(rows: Sequence[int], residues: Sequence[Residue], bonds: Bonds) -> list[int]:
    """Without HETATM residues that follow the last ATOM residue and are bonded to no neighbour."""
    last = max((k for k, row in enumerate(rows) if not residues[row].hetero), default=-1)
    links = [False, *(bonds.between(*pair) for pair in itertools.pairwise(rows)), False]
    return [row for k, row in enumerate(rows) if k <= last or links[k] or links[k + 1]]


def _named(pieces: Sequence[Sequence[int]], given: Sequence[str]) -> Iterator[NamedChain]:
    """The first chain of a name keeps it, unless the name is empty and there are several; the others get free ones."""
    taken = set(given)
    free = (name for name in _free_names() if name not in taken)
    seen = {""} if given.count("") > 1 else set()
    for rows, name in zip(pieces, given, strict=True):
        yield NamedChain(next(free) if name in seen else name, tuple(rows), name)
        seen.add(name)


def _free_names() -> Iterator[str]:
    for length in itertools.count(1):
        yield from map("".join, itertools.product(_NAMES, repeat=length))
