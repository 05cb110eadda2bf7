# SPDX-License-Identifier: Apache-2.0
"""A template's chain in the query's numbering: find the hit in the structure, copy its atoms (supplement 1.2.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from af2cpu.chemistry.residues import CA, HHBLITS_AA_TO_ID
from af2cpu.features.hits import SkippedHit
from af2cpu.features.pairwise import aligned_pairs
from af2cpu.formats.chain import ProteinChain
from af2cpu.records import TemplateUsed

_MAX_CA_DISTANCE = 150.0  # angstrom, between residues in a row: only a broken file exceeds it
_MIN_ATOMS = 5  # alanine, with the fewest atoms but glycine, has five
_MIN_IDENTITY = 0.9
_MIN_TO_REALIGN = 6  # residues: kalign takes no fewer


@dataclass(frozen=True)
class Placement:
    """Which residues of a structure a hit covers."""

    chain: str
    letters: str  # of the hit, or of the whole chain after a realignment
    offset: int  # of letters[0] in the chain
    pairs: Mapping[int, int]  # residue of the query -> index into letters
    realigned: bool


@dataclass(frozen=True)
class PlacedTemplate:
    """One template in the query's numbering."""

    name: str  # entry_chain
    sequence: str  # n_res letters, "-" where nothing is aligned
    positions: np.ndarray  # float32 [n_res, 37, 3], angstrom
    mask: np.ndarray  # float32 [n_res, 37]
    sum_probs: float
    release_date: date | None = None

    @property
    def aatype(self) -> np.ndarray:
        """float32 [n_res, 22], one-hot in HHblits' order."""
        return np.eye(22, dtype=np.float32)[[HHBLITS_AA_TO_ID[letter] for letter in self.sequence]]

    def used(self, query: str, remark: str = "") -> TemplateUsed:
        """What the report says of it."""
        return TemplateUsed.of(self.name, query, self.sequence, self.release_date, remark)


def find_in_entry(sequences: Mapping[str, str], chain: str, letters: str, pairs: Mapping[int, int]) -> Placement:
    """Find a hit's residues in an entry's chains: as they are in its own chain, in any, with X as a wildcard, or else
    by aligning them to the chain's sequence.

    sequences: chain -> letters, of the whole entry. Raises SkippedHit.
    """
    if letters in sequences.get(chain, ""):
        return Placement(chain, letters, sequences[chain].find(letters), pairs, realigned=False)
    for name, sequence in sequences.items():
        if letters in sequence:
            return Placement(name, letters, sequence.find(letters), pairs, realigned=False)
    pattern = re.compile("".join("." if letter == "X" else f"[{letter}X]" for letter in letters))
    for name, sequence in sequences.items():
        if match := pattern.search(sequence):
            return Placement(name, letters, match.start(), pairs, realigned=False)
    return _realign(sequences, chain, letters, pairs)


def _realign(sequences: Mapping[str, str], chain: str, letters: str, pairs: Mapping[int, int]) -> Placement:
    sequence = sequences.get(chain, "")
    if not sequence:
        raise SkippedHit(f"the structure has no protein chain {chain}")
    if min(len(letters), len(sequence)) < _MIN_TO_REALIGN:
        raise SkippedHit(f"the sequence is not that of chain {chain}, and too short to align")
    new = dict(aligned_pairs(letters, sequence))
    same = sum(letters[i] == sequence[j] for i, j in new.items())
    if same / min(len(letters), len(sequence)) < _MIN_IDENTITY:
        raise SkippedHit(f"the sequence is not that of chain {chain}: {same} residues agree")
    # A residue of the hit that the structure lacks is -1, and so takes the atoms of the chain's last residue. That is
    # what AlphaFold 2 does, and equality with it comes first.
    return Placement(chain, sequence, 0, {i: new.get(j, -1) for i, j in pairs.items()}, realigned=True)


def place(name: str, atoms: ProteinChain, where: Placement, n_res: int, sum_probs: float) -> PlacedTemplate:
    """Copy the atoms of aligned residues to the query's numbering. Raises SkippedHit."""
    _check_distances(atoms)
    positions = np.zeros((n_res, *atoms.positions.shape[1:]), np.float32)
    mask = np.zeros((n_res, atoms.mask.shape[1]), np.float32)
    sequence = ["-"] * n_res
    for i, j in where.pairs.items():
        positions[i] = atoms.positions[j + where.offset]
        mask[i] = atoms.mask[j + where.offset]
        sequence[i] = where.letters[j]
    if mask.sum() < _MIN_ATOMS:
        raise SkippedHit("the aligned residues have no atoms")
    return PlacedTemplate(f"{name}_{where.chain}", "".join(sequence), positions, mask, sum_probs)


def _check_distances(atoms: ProteinChain) -> None:
    present = atoms.mask[:, CA] > 0
    both = present[1:] & present[:-1]
    steps = np.linalg.norm(np.diff(atoms.positions[:, CA], axis=0), axis=-1)
    if both.any() and steps[both].max() > _MAX_CA_DISTANCE:
        raise SkippedHit(f"neighbours in chain {atoms.name} lie {steps[both].max():.0f} angstrom apart")
