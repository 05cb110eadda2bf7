# SPDX-License-Identifier: Apache-2.0
"""From atoms to residues and chains: what belongs together in a file whose numbers and names may repeat."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from af2cpu.formats.structure.names import is_amino_acid, is_hydrogen, standard_residue
from af2cpu.formats.structure.sites import Site

_Number = tuple[str, str]  # residue number and insertion code, as in the file


@dataclass
class Residue:
    """The atoms of one residue, alternative locations included."""

    chain: str
    name: str  # as in the file
    number: str
    insertion: str
    hetero: bool
    sites: list[Site] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.chain}/{self.number}{self.insertion} {self.name}"

    @cached_property
    def standard_name(self) -> str:
        """The name in the PDB, where the file has a force field's. Valid once all its atoms are added."""
        return standard_residue(self.name, (site.atom for site in self.sites if not is_hydrogen(site.atom)))

    @property
    def is_amino_acid(self) -> bool:
        """Also of modified residues and UNK."""
        return is_amino_acid(self.standard_name)

    @property
    def has_alternatives(self) -> bool:
        """Whether an atom has more than one location."""
        return len({site.atom for site in self.sites}) < len(self.sites)

    def has(self, site: Site) -> bool:
        """Whether the residue has the atom at this alternative location."""
        return any((site.atom, site.alternative) == (known.atom, known.alternative) for known in self.sites)


class _Part:
    """Residues of one part of a chain (up to a TER record, or one label of mmCIF), in the file's order.

    They form a run; another run begins where a residue comes that the run has already, as in files that give two
    molecules the same chain name and numbers.
    """

    def __init__(self) -> None:
        self.runs: list[list[Residue]] = [[]]
        self.alternatives: list[Residue] = []  # other residues at the place of one in `runs` (point mutations)
        self._at: dict[_Number, list[Residue]] = {}  # residues of the last run, the alternatives included
        self._last: _Number | None = None

    def add(self, site: Site) -> None:
        number = (site.number, site.insertion)
        known = self._at.get(number, [])
        same = next((residue for residue in known if residue.name == site.residue), None)
        adjacent = number == self._last
        self._last = number
        if same is not None and (adjacent or not same.has(site)):
            same.sites.append(site)  # atoms of a residue need not be together: hydrogens may be listed at the end
            return
        residue = Residue(site.chain, site.residue, site.number, site.insertion, site.hetero, [site])
        if known and not adjacent:
            self.runs.append([])
            self._at.clear()
        is_alternative = adjacent and bool(known) and bool(site.alternative)
        (self.alternatives if is_alternative else self.runs[-1]).append(residue)
        self._at.setdefault(number, []).append(residue)


@dataclass(frozen=True)
class Contents:
    """What the first model of a file holds. Each run is the residues of one chain name, in the file's order."""

    runs: tuple[tuple[Residue, ...], ...]  # amino acids
    alternatives: tuple[Residue, ...]  # amino acids at the place of one in `runs`, listed later
    others: tuple[str, ...]  # names of the residues that are no amino acids


def group(sites: Iterable[Site]) -> Contents:
    """Atoms to residues and residues to runs."""
    parts: dict[tuple[str, str], _Part] = {}
    for site in sites:
        parts.setdefault((site.chain, site.part), _Part()).add(site)
    runs, others = [], []
    for run in (run for part in parts.values() for run in part.runs):
        amino_acids = []
        for residue in run:
            if residue.is_amino_acid:
                amino_acids.append(residue)
            else:
                others.append(residue.name)
        if amino_acids:
            runs.append(tuple(amino_acids))
    alternatives = [residue for part in parts.values() for residue in part.alternatives]
    return Contents(tuple(runs), tuple(residue for residue in alternatives if residue.is_amino_acid), tuple(others))
