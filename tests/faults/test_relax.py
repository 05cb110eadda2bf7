# SPDX-License-Identifier: Apache-2.0
"""FAULTS 37 to 40, and 19 of what users ask for: what a relaxation must survive."""

from __future__ import annotations

from dataclasses import replace

import gemmi
import numpy as np
import pytest
from plan_cases import told
from relax_cases import crossed, helix, joined, moved, placed, text_of, torn

from af2cpu.chemistry.residues import ATOM37_INDEX
from af2cpu.records import Protein, Relaxed
from af2cpu.relax import amber, cleanup
from af2cpu.relax.rounds import relax
from af2cpu.relax.settings import RelaxSettings

SG = ATOM37_INDEX["SG"]


def _assert_unrelaxed(result: Relaxed, protein: Protein, reason: str) -> None:
    """The structure is kept as it was, and the result says why."""
    assert not result.relaxed
    assert result.reason is not None
    assert reason in result.reason
    assert "\n" not in result.reason
    np.testing.assert_array_equal(result.atom_positions, protein.atom_positions)
    np.testing.assert_array_equal(result.atom_mask, protein.atom_mask)
    np.testing.assert_array_equal(result.violations_after, result.violations_before)
    assert result.rmsd_heavy is None
    assert result.energy_after_kcal_mol is None
    assert result.rounds == result.steps == 0
    assert np.unique(result.atoms.residue).tolist() == list(range(protein.n_res))


@pytest.mark.fault(37, "the unrelaxed structure is kept and ranked; the report says why")
@pytest.mark.parametrize("by", [np.nan, np.inf, -2e4])
def test_37_nan_or_absurd_coordinates(by: float) -> None:
    protein = moved(helix(), 3, ("CA",), [by, 0.0, 0.0])
    _assert_unrelaxed(relax(protein), protein, "coordinates are NaN or beyond 9999 A: A/4 ASP")


def test_37_every_atom_in_one_place() -> None:
    """What a network with wrong parameters may give."""
    protein = replace(helix(), atom_positions=np.zeros((12, 37, 3), np.float32))
    _assert_unrelaxed(relax(protein), protein, "noise: 12 of its 12 residues overlap others")
    _assert_unrelaxed(relax(protein, RelaxSettings(anyway=True)), protein, "residues in one place")


@pytest.mark.fault(37)
def test_37_atoms_too_near_for_the_force_field() -> None:
    """Energies that are no numbers: no minimisation, no traceback."""
    protein = joined(helix("SAKD"), helix("SAKD", "B", shift=0.002))
    _assert_unrelaxed(relax(protein, RelaxSettings(anyway=True)), protein, "round 1 failed: 3 attempts")


def test_37_two_chains_in_one_place() -> None:
    """As where a chain is in a file twice; pdbfixer would never end."""
    protein = joined(helix("SAKD"), helix("SAKD", "B"))
    _assert_unrelaxed(relax(protein), protein, "noise: 8 of its 8 residues overlap others")
    _assert_unrelaxed(relax(protein, RelaxSettings(anyway=True)), protein, "residues in one place")


@pytest.mark.fault(37)
def test_37_infinite_energy_within_the_minimisation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(amber, "_energy", lambda context: float("nan"))
    protein = helix()
    _assert_unrelaxed(relax(protein), protein, "infinite or NaN")


def test_37_a_failure_is_tried_again_with_other_hydrogens(monkeypatch: pytest.MonkeyPatch) -> None:
    original, seeds = cleanup.clean, []

    def unlucky(protein, runs, seed):  # type: ignore[no-untyped-def]
        seeds.append(seed)
        if len(seeds) < 3:
            raise RuntimeError("unlucky")
        return original(protein, runs, seed)

    monkeypatch.setattr(cleanup, "clean", unlucky)
    result = relax(helix(), RelaxSettings(seed=7))
    assert result.relaxed
    assert result.reason is None
    assert seeds == [7, 8, 9]


def test_37_a_failure_in_a_later_round_keeps_the_round_before(monkeypatch: pytest.MonkeyPatch) -> None:
    original = amber.minimise
    broken = torn(helix(), 5, 12.0)
    settings = RelaxSettings(stiffness=100.0)
    first = relax(broken, replace(settings, max_rounds=1))

    def fails_when_free(cleaned, free, settings, deadline):  # type: ignore[no-untyped-def]
        if free:
            raise RuntimeError("second\nround")
        return original(cleaned, free, settings, deadline)

    monkeypatch.setattr(amber, "minimise", fails_when_free)
    result = relax(broken, settings)
    assert result.relaxed
    assert result.reason == "round 2 failed: 3 attempts; the last one: RuntimeError: second round"
    assert result.rounds == 1
    np.testing.assert_array_equal(result.atom_positions, first.atom_positions)
    np.testing.assert_array_equal(result.violations_after, first.violations_after)


def test_37_nothing_that_the_force_field_knows() -> None:
    protein = helix("XXXXX")
    result = relax(protein)
    assert not result.relaxed
    assert result.reason is not None
    assert "known to the force field" in result.reason
    assert "A/1 UNK" in result.notes[0]


@pytest.mark.fault(38, "handled by the cleanup, else as fault 37")
@pytest.mark.parametrize("distance", [0.0, 0.3, 1.0, 2.5])  # angstrom
def test_38_two_sulphurs_too_close(distance: float) -> None:
    protein = helix("ACAACAAG")
    at = protein.atom_positions[1, SG] + np.float32([0.0, 0.0, distance])
    result = relax(placed(protein, 4, "SG", at), RelaxSettings(max_rounds=5))
    assert result.relaxed
    assert not result.violations_after.any()
    assert np.linalg.norm(result.atom_positions[1, SG] - result.atom_positions[4, SG]) == pytest.approx(2.04, abs=0.15)


@pytest.mark.fault(38)
def test_38_three_sulphurs_too_close() -> None:
    """The third one is not bonded (CYX) but gets its hydrogen: no template error."""
    protein = helix("ACAACAACAAG")
    at = protein.atom_positions[1, SG]
    protein = placed(protein, 4, "SG", at + np.float32([0.0, 0.0, 1.0]))
    protein = placed(protein, 7, "SG", at + np.float32([1.0, 0.0, 0.0]))
    result = relax(protein, RelaxSettings(max_rounds=5))
    assert result.relaxed
    assert np.isin(result.atoms.residue[result.atoms.name == "HG"], (1, 4, 7)).sum() == 1


@pytest.mark.fault(38)
@pytest.mark.parametrize("apart", [0.01, 0.3, 2.5])  # angstrom, of the two sulphurs
def test_38_sulphurs_of_two_chains_too_close(apart: float) -> None:
    protein = crossed("ACAG", SG)
    line = protein.atom_positions[5, SG] - protein.atom_positions[1, SG]
    at = protein.atom_positions[1, SG] + line / np.linalg.norm(line) * np.float32(apart)
    result = relax(placed(protein, 5, "SG", at), RelaxSettings(max_rounds=5, anyway=True))
    assert result.relaxed
    assert not result.violations_after.any()
    assert np.linalg.norm(result.atom_positions[1, SG] - result.atom_positions[5, SG]) == pytest.approx(2.04, abs=0.15)


@pytest.mark.fault(38)
def test_38_template_error_is_a_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    original = cleanup._add_hydrogens

    def without_one(modeller, seed):  # type: ignore[no-untyped-def]
        original(modeller, seed)
        modeller.delete([next(atom for atom in modeller.topology.atoms() if atom.name == "HA")])

    monkeypatch.setattr(cleanup, "_add_hydrogens", without_one)
    protein = helix()
    _assert_unrelaxed(relax(protein), protein, "No template found for residue")


@pytest.mark.fault(39, "capped in steps and in time")
def test_39_steps_are_capped_and_it_says_so() -> None:
    result = relax(helix(), RelaxSettings(max_steps=5))
    assert result.relaxed
    assert result.steps == 5
    assert result.reason is not None
    assert "(--relax-max-steps) before it converged" in result.reason


@pytest.mark.fault(39)
def test_39_time_is_capped() -> None:
    protein = helix()
    result = relax(protein, RelaxSettings(max_seconds=0.0))
    _assert_unrelaxed(result, protein, "out of time")
    assert result.reason is not None
    assert "(--relax-max-seconds 0)" in result.reason


def test_39_out_of_time_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def late(cleaned, free, settings, deadline):  # type: ignore[no-untyped-def]
        calls.append(1)
        raise amber.OutOfTimeError("out of time after 100 steps")

    monkeypatch.setattr(amber, "minimise", late)
    protein = helix()
    _assert_unrelaxed(relax(protein), protein, "out of time after 100 steps")
    assert len(calls) == 1


@pytest.mark.fault(40, "counted and reported")
def test_40_remaining_violations_are_reported() -> None:
    with told("line") as lines:
        result = relax(torn(helix(), 5, 40.0), RelaxSettings(max_rounds=1, stiffness=1000.0))
    assert result.relaxed
    assert {4, 5} <= set(np.flatnonzero(result.violations_after).tolist())
    assert f"{result.violations_after.sum()} residues with violations" in lines[-1].text


def test_19_unknown_residues_and_numbers_from_one() -> None:
    protein = helix("XSAKXDRELXX")
    result = relax(protein)
    assert result.relaxed
    assert "A/1 UNK, A/5 UNK, A/10 UNK, A/11 UNK" in result.notes[0]
    assert not result.atom_mask[[0, 4, 9, 10]].any()
    residues = gemmi.read_pdb_string(text_of(protein, result))[0][0]
    assert [residue.seqid.num for residue in residues] == [2, 3, 4, 6, 7, 8, 9]
    ends = set(result.atoms.name.tolist()) & {"OXT", "H2", "H3"}
    assert not ends  # ends at a gap are none of the chain
    assert not result.atom_mask[:, ATOM37_INDEX["OXT"]].any()


def test_19_unknown_residue_with_atoms_is_kept_as_it_was() -> None:
    whole = helix("SAKADRELY")
    aatype = whole.aatype.copy()
    aatype[3] = 20
    protein = replace(whole, aatype=aatype)
    result = relax(protein)
    assert result.relaxed
    np.testing.assert_array_equal(result.atom_positions[3], protein.atom_positions[3])
    np.testing.assert_array_equal(result.atom_mask[3], protein.atom_mask[3])
    unknown = gemmi.read_pdb_string(text_of(protein, result))[0][0][3]
    assert unknown.name == "UNK"
    assert {atom.name for atom in unknown} == {"N", "CA", "C", "O", "CB"}
