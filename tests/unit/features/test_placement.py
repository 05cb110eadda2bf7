# SPDX-License-Identifier: Apache-2.0
"""Finding a hit's residues in a structure, and what makes a template unusable."""

from __future__ import annotations

import numpy as np
import pytest
from feature_cases import random_sequence

from af2cpu.chemistry.residues import CA
from af2cpu.features.hits import SkippedHit
from af2cpu.features.placement import Placement, find_in_entry, place
from af2cpu.formats.chain import ProteinChain

LETTERS = random_sequence(np.random.default_rng(0), 30)
PAIRS = {k + 2: k for k in range(30)}


def chain_with_atoms(n_res: int) -> ProteinChain:
    positions = np.random.default_rng(1).normal(0, 3, (n_res, 37, 3)).astype(np.float32)
    mask = np.zeros((n_res, 37), np.float32)
    mask[:, :4] = 1
    return ProteinChain("A", "A" * n_res, positions, mask)


@pytest.mark.parametrize(
    ("sequences", "chain", "offset"),
    [
        ({"B": "MM" + LETTERS, "A": "M" + LETTERS + "W"}, "A", 1),
        ({"X": "X" * 30, "B": "MM" + LETTERS}, "B", 2),  # exact in any chain comes before X as a wildcard
        ({"C": "GG", "X": "MMM" + LETTERS[:5] + "X" + LETTERS[6:]}, "X", 3),
    ],
)
def test_order_of_the_attempts(sequences: dict[str, str], chain: str, offset: int) -> None:
    found = find_in_entry(sequences, "A", LETTERS, PAIRS)
    assert (found.chain, found.offset, found.realigned) == (chain, offset, False)
    assert found.letters == LETTERS
    assert found.pairs == PAIRS


def mutated(count: int) -> str:
    places = {3 * k + 1 for k in range(count)}
    return "".join("W" if k in places and a != "W" else a for k, a in enumerate(LETTERS))


def test_realignment_needs_ninety_percent() -> None:
    assert find_in_entry({"A": "G" + mutated(3)}, "A", LETTERS, PAIRS).realigned
    with pytest.raises(SkippedHit, match="26 residues agree"):
        find_in_entry({"A": "G" + mutated(4)}, "A", LETTERS, PAIRS)


def test_realignment_stays_in_its_chain() -> None:
    with pytest.raises(SkippedHit, match="no protein chain B"):
        find_in_entry({"A": mutated(1)}, "B", LETTERS, PAIRS)


def test_five_atoms_are_needed() -> None:
    atoms = chain_with_atoms(30)
    assert place("1abc", atoms, Placement("A", LETTERS, 0, {0: 0, 1: 1}, False), 40, 0.0).mask.sum() == 8
    with pytest.raises(SkippedHit, match="no atoms"):
        place("1abc", atoms, Placement("A", LETTERS, 0, {0: 0}, False), 40, 0.0)


def test_torn_chains_are_skipped() -> None:
    atoms = chain_with_atoms(30)
    where = Placement("A", LETTERS, 0, {0: 0, 1: 1}, False)
    atoms.positions[20:, :, 0] += 149 + atoms.positions[19, CA, 0] - atoms.positions[20, CA, 0]
    atoms.positions[19:21, CA, 1:] = 0
    place("1abc", atoms, where, 40, 0.0)
    atoms.positions[20:, :, 0] += 2
    with pytest.raises(SkippedHit, match="151 angstrom"):
        place("1abc", atoms, where, 40, 0.0)
    atoms.mask[20, CA] = 0  # no neighbour, no distance
    place("1abc", atoms, where, 40, 0.0)
