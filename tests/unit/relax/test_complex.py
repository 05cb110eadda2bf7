# SPDX-License-Identifier: Apache-2.0
"""Several chains: their borders, ends, names, contacts, and chains that the force field can't take."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from relax_cases import crossed, cut, helix, joined, moved, torn

from af2cpu.chemistry.residues import ATOM37_INDEX, C, N
from af2cpu.records import Protein, Relaxed
from af2cpu.records.chain_ids import chain_id
from af2cpu.relax.cleanup import clean
from af2cpu.relax.rounds import relax
from af2cpu.relax.segments import Segment, coinciding, running_index, segments
from af2cpu.relax.settings import RelaxSettings
from af2cpu.relax.violations import find_violations

CA, OXT, SG = ATOM37_INDEX["CA"], ATOM37_INDEX["OXT"], ATOM37_INDEX["SG"]
FEW = RelaxSettings(max_rounds=1, max_steps=20)  # where it matters what is minimised, not how well


def _atom_names(result: Relaxed, row: int) -> set[str]:
    return set(result.atoms.name[result.atoms.residue == row].tolist())


def _shift(protein: Protein, result: Relaxed) -> np.ndarray:
    """Root mean square shift of each residue's given atoms, angstrom [n_res]."""
    shift = np.sum((result.atom_positions - protein.atom_positions) ** 2, axis=-1)
    return np.sqrt(np.sum(shift * protein.atom_mask, axis=1) / protein.atom_mask.sum(axis=1))


@pytest.mark.parametrize("numbers", [[1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3, 4, 1, 2, 3, 4], [1, 2, 3, 4, 4, 5, 6, 7]])
@pytest.mark.parametrize("numbers_bond", [False, True])
def test_no_bond_crosses_a_border(numbers: list[int], numbers_bond: bool) -> None:
    """One helix cut into two chains: neither numbers nor the distance of a bond make one."""
    protein = replace(cut(helix("SAKDRELY"), 4), residue_index=np.array(numbers), numbers_bond=numbers_bond)
    assert segments(protein) == ([Segment(0, 4, True, True), Segment(4, 8, True, True)], ())
    topology = clean(protein, segments(protein)[0], 0).topology
    assert not [bond for bond in topology.bonds() if bond[0].residue.chain is not bond[1].residue.chain]
    index = running_index(protein)
    assert np.diff(index)[3] > 1
    found = find_violations(protein.aatype, protein.atom_positions, protein.atom_mask, index)
    assert np.flatnonzero(found.clashes[:, [0, 2]].any(axis=1)).tolist() == [3, 4]  # C and N, too near for strangers
    assert not found.links.any()


def test_ends_in_contact_are_parted() -> None:
    protein = cut(helix("SAKDRELY"), 4)
    result = relax(protein)
    assert result.violations_before[[3, 4]].all()
    assert not result.violations_after.any()
    assert np.linalg.norm(result.atom_positions[3, C] - result.atom_positions[4, N]) > 2.5


def test_every_chain_has_both_charged_ends() -> None:
    protein = joined(helix("SAKD"), helix("PAKE", "B", shift=25.0), helix("GH", "C", shift=50.0))
    result = relax(protein, FEW)
    assert np.flatnonzero(result.atom_mask[:, OXT]).tolist() == [3, 7, 9]
    ammonium = [sorted(_atom_names(result, row) & {"H", "H2", "H3"}) for row in range(10)]
    assert ammonium == [["H", "H2", "H3"], ["H"], ["H"], ["H"], ["H2", "H3"], *[["H"]] * 3, ["H", "H2", "H3"], ["H"]]
    assert all(any(name.startswith("HA") for name in _atom_names(result, row)) for row in range(10))


def test_relaxing_twice_keeps_the_ends_of_all_chains() -> None:
    protein = joined(helix("SAKD"), helix("GH", "B", shift=25.0))
    first = relax(protein, FEW)
    again = relax(replace(protein, atom_positions=first.atom_positions, atom_mask=first.atom_mask), FEW)
    assert again.notes == ()
    np.testing.assert_array_equal(again.atom_mask, first.atom_mask)
    at_end = again.atom_positions[[3, 5], OXT] - first.atom_positions[[3, 5], OXT]
    assert np.linalg.norm(at_end, axis=-1).max() < 0.5  # moved on, not placed anew


def test_a_chain_of_one_residue_is_kept_as_it_was() -> None:
    """No template of the force field is both ends of a chain."""
    protein = joined(helix("K"), helix("SAKD", "B", shift=25.0), helix("E", "C", shift=50.0))
    result = relax(protein, FEW)
    assert result.relaxed
    assert result.notes == ("left out of the relaxation and kept as given: A/1 LYS, C/1 GLU (a chain of one residue)",)
    np.testing.assert_array_equal(result.atom_positions[[0, 5]], protein.atom_positions[[0, 5]])
    np.testing.assert_array_equal(result.atom_mask[[0, 5]], protein.atom_mask[[0, 5]])
    assert _atom_names(result, 0) == {"N", "CA", "C", "O", "CB", "CG", "CD", "CE", "NZ"}
    assert (_shift(protein, result)[1:5] > 0).all()


def test_chains_of_one_residue_alone_are_not_relaxed() -> None:
    result = relax(joined(helix("K"), helix("E", "B", shift=25.0)))
    assert not result.relaxed
    assert "no two neighbouring residues" in str(result.reason)


def test_sulphurs_of_two_chains_are_bonded() -> None:
    protein = crossed("ACAG", SG)
    assert 2.0 < np.linalg.norm(protein.atom_positions[1, SG] - protein.atom_positions[5, SG]) < 2.1
    bonds = [bond for bond in clean(protein, segments(protein)[0], 0).topology.bonds() if bond[0].name == "SG"]
    assert [{bond[0].residue.id, bond[1].residue.id} for bond in bonds if bond[1].name == "SG"] == [{"1", "5"}]
    result = relax(protein, RelaxSettings(anyway=True))
    assert "HG" not in result.atoms.name
    assert np.linalg.norm(result.atom_positions[1, SG] - result.atom_positions[5, SG]) == pytest.approx(2.04, abs=0.05)


def test_overlaps_between_chains_count_and_go() -> None:
    """A lysine that reaches into the other chain."""
    protein = joined(helix("SAKDRELYHTVG"), helix("SAKDRELYHTVG", "B", shift=14.0))
    assert not relax(protein, FEW).violations_before.any()
    atoms = ("CG", "CD", "CE", "NZ")
    at = protein.atom_positions[12 + 6, ATOM37_INDEX["CD1"]] - protein.atom_positions[2, ATOM37_INDEX["NZ"]]
    result = relax(moved(protein, 2, atoms, at + np.float32(0.4)), RelaxSettings(max_rounds=5))
    assert result.violations_before[[2, 18]].all()
    assert not result.violations_after.any()


def test_more_chains_than_pdb_has_letters() -> None:
    """70 chains, the last ones with two letters, come out of pdbfixer and OpenMM in their places."""
    chains = [helix("GAG", chain_id(number), shift=14.0 * number) for number in range(70)]
    protein = joined(*chains)
    assert protein.chain_ids[-1] == "HA"
    result = relax(protein, FEW)
    assert result.relaxed
    assert _shift(protein, result).max() < 1.0  # the chains are 14 A apart
    assert np.flatnonzero(result.atom_mask[:, OXT]).tolist() == list(range(2, 210, 3))
    assert all({"H2", "H3"} <= _atom_names(result, row) for row in range(0, 210, 3))
    assert result.atoms.residue.tolist() == sorted(result.atoms.residue.tolist())


def test_names_of_chains_change_nothing() -> None:
    """Neither which they are nor their order in the alphabet."""
    protein = joined(helix("SAKD"), helix("RELY", "B", shift=25.0))
    renamed = replace(protein, chain_ids=np.repeat(["zz", "A"], 4))
    np.testing.assert_array_equal(relax(protein, FEW).atoms.position, relax(renamed, FEW).atoms.position)


def test_a_torn_chain_is_mended_beside_another() -> None:
    protein = joined(torn(helix(), 5, 3.0), helix("SAKD", "B", shift=40.0))
    result = relax(protein, RelaxSettings(max_rounds=10))
    assert np.flatnonzero(result.violations_before).tolist() == [4, 5]
    assert not result.violations_after.any()


@pytest.mark.parametrize("shift", [0.0, 1e-4])  # angstrom
def test_a_chain_that_is_there_twice_is_found(shift: float) -> None:
    """pdbfixer looks for a place for its end without end."""
    long = joined(helix("SAKDRELYHTVGAKDE"), helix("AKD", "C", shift=60.0))
    protein = joined(long, helix("AKD", "D", shift=60.0 + shift))
    assert coinciding(protein).tolist() == [16, 17, 18, 19, 20, 21]
    result = relax(protein)
    assert result.reason == (
        "residues in one place, which no force parts: C/1 ALA, C/2 LYS, C/3 ASP, D/1 ALA, D/2 LYS, D/3 ASP"
    )
    assert not result.relaxed


def test_chains_that_almost_coincide_are_no_chain_twice() -> None:
    assert len(coinciding(joined(helix(), helix(chain="B", shift=0.01)))) == 0
    assert len(coinciding(helix("SAKX"))) == 0
