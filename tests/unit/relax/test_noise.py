# SPDX-License-Identifier: Apache-2.0
"""What counts as noise, and that it is not relaxed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from relax_cases import helix, joined, part, torn

from af2cpu.records import Protein
from af2cpu.relax import amber
from af2cpu.relax.noise import noise
from af2cpu.relax.rounds import relax
from af2cpu.relax.segments import running_index
from af2cpu.relax.settings import RelaxSettings
from af2cpu.relax.violations import find_violations

LONG = helix("SAKDRELYHTVGAKDERLYA")


def judged(protein: Protein) -> str | None:
    index = running_index(protein)
    found = find_violations(protein.aatype, protein.atom_positions, protein.atom_mask, index)
    return noise(protein, index, found)


def folded_onto_itself(rows: int) -> Protein:
    """A second helix of which so many of 20 residues are in the same place as those of the first one."""
    other = replace(LONG, chain_ids=np.full(20, "B"), residue_index=LONG.residue_index)
    positions = other.atom_positions.copy()
    positions[rows:] += np.float32([0.0, 60.0, 0.0])
    return joined(LONG, replace(other, atom_positions=positions + np.float32([0.5, 0.0, 0.0])))


def scattered(seed: int = 0) -> Protein:
    """Whole residues, each far from all others."""
    shift = np.arange(20)[:, None, None] * np.float32([0.0, 0.0, 20.0])
    turn = np.random.default_rng(seed).normal(size=(20, 1, 3)).astype(np.float32)
    return replace(LONG, atom_positions=(LONG.atom_positions + shift + turn) * LONG.atom_mask[..., None])


def test_a_sound_structure_is_no_noise() -> None:
    assert judged(LONG) is None
    assert judged(torn(LONG, 5, 12.0)) is None


def test_a_clash_or_a_torn_bond_here_and_there_is_no_noise() -> None:
    assert judged(folded_onto_itself(6)) is None


@pytest.mark.parametrize("rows", range(7, 17))
def test_over_half_of_the_residues_in_each_others_place_are_noise(rows: int) -> None:
    crowded = folded_onto_itself(rows)
    violations = find_violations(crowded.aatype, crowded.atom_positions, crowded.atom_mask, running_index(crowded))
    clashing = int(violations.clashes.any(axis=1).sum())
    expected = f"the structure is noise: {clashing} of its 40 residues overlap others"
    assert judged(crowded) == (expected if clashing > 20 else None)


def test_scattered_residues_are_noise() -> None:
    assert judged(scattered()) == "the structure is noise: 19 of its 19 peptide bonds are torn"


def _beside(chain: Protein, residues: int) -> Protein:
    """A sound chain A of 60 residues, and the first residues of a chain B far from it."""
    return joined(helix("SAKDRELYHTVGAKDERLYA" * 3), _away(part(chain, 0, residues)))


def _away(protein: Protein) -> Protein:
    shifted = (protein.atom_positions + np.float32([0.0, 500.0, 0.0])) * protein.atom_mask[..., None]
    return replace(protein, atom_positions=shifted, chain_ids=np.full(protein.n_res, "B"))


def test_a_chain_of_noise_makes_a_complex_noise() -> None:
    assert judged(_beside(scattered(), 20)) == "chain B is noise: 19 of its 19 peptide bonds are torn"
    crowded = replace(LONG, atom_positions=LONG.atom_positions * np.float32(0.5))
    assert judged(_beside(crowded, 20)) == "chain B is noise: 20 of its 20 residues overlap others"
    assert judged(_beside(LONG, 20)) is None


def test_a_short_chain_is_judged_with_the_others() -> None:
    """The relaxation mends a peptide that reaches into its neighbour."""
    assert judged(_beside(scattered(), 19)) is None
    assert judged(_away(part(scattered(), 0, 19))) is not None


def test_a_border_is_no_torn_bond() -> None:
    """Numbers go on from chain to chain."""
    pieces = [helix("S", name, first=3 + k, shift=30.0 * k) for k, name in enumerate("BCDEFGHI", start=1)]
    assert judged(joined(helix("SA"), *pieces)) is None


def test_residues_without_atoms_do_not_count() -> None:
    """X has none in a prediction; 16 of the 20 residues with atoms overlap, of 40 in all."""
    x = helix("X" * 20, chain="C")
    crowded = joined(folded_onto_itself(16), x, x)
    found = judged(crowded)
    assert found is not None
    assert "of its 40 residues" in found


def test_noise_is_not_relaxed_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def refused(*arguments: object) -> None:
        calls.append(1)
        raise amber.OutOfTimeError("called")

    monkeypatch.setattr(amber, "minimise", refused)
    protein = scattered()
    result = relax(protein)
    assert not calls
    assert not result.relaxed
    assert result.reason is not None
    assert "peptide bonds are torn; --relax-anyway" in result.reason
    assert "\n" not in result.reason
    np.testing.assert_array_equal(result.atom_positions, protein.atom_positions)
    np.testing.assert_array_equal(result.violations_after, result.violations_before)
    assert "called" in str(relax(protein, RelaxSettings(anyway=True)).reason)
    assert calls == [1]
