# SPDX-License-Identifier: Apache-2.0
"""One minimisation: restraints, energy, caps."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import openmm
import pytest
from openmm import unit
from relax_cases import helix, without

from af2cpu.records import Protein
from af2cpu.relax import amber
from af2cpu.relax.amber import OutOfTimeError, minimise, system_of
from af2cpu.relax.cleanup import Cleaned, clean
from af2cpu.relax.segments import segments
from af2cpu.relax.settings import RelaxError, RelaxSettings

LATER = float("inf")


def _cleaned(protein: Protein) -> Cleaned:
    return clean(protein, segments(protein)[0], 0)


def _shift(cleaned: Cleaned, positions: np.ndarray, row: int) -> float:
    atoms = cleaned.given & (cleaned.row == row)
    return float(np.sqrt(np.mean(np.sum((positions - cleaned.positions)[atoms] ** 2, axis=-1))))


def test_energy_falls_and_shape_stays() -> None:
    cleaned = _cleaned(helix())
    result = minimise(cleaned, set(), RelaxSettings(), LATER)
    assert result.converged
    assert result.energy_after_kcal_mol < result.energy_before_kcal_mol
    assert 10 < result.steps < 5000
    shift = (result.positions - cleaned.positions)[cleaned.given]
    assert np.sqrt(np.mean(np.sum(shift**2, axis=-1))) < 0.5


def test_stiffness_and_freedom() -> None:
    cleaned = _cleaned(helix())
    held = minimise(cleaned, set(), RelaxSettings(stiffness=1000.0), LATER).positions
    free = minimise(cleaned, {5}, RelaxSettings(stiffness=1000.0), LATER).positions
    assert max(_shift(cleaned, held, row) for row in range(12)) < 0.05
    assert _shift(cleaned, free, 5) > 3 * _shift(cleaned, held, 5)
    assert _shift(cleaned, free, 9) < 0.05


def test_restraint_energy_is_in_kcal_per_square_angstrom() -> None:
    cleaned = _cleaned(helix())
    restrained = np.zeros(len(cleaned.row), bool)
    restrained[0] = True
    system = system_of(cleaned, restrained, 10.0)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    positions = cleaned.positions.copy()
    positions[0, 0] += 0.5
    context.setPositions(positions * 0.1)
    energy = context.getState(getEnergy=True, groups={1}).getPotentialEnergy()
    assert energy.value_in_unit(unit.kilocalories_per_mole) == pytest.approx(0.5 * 10.0 * 0.25, rel=1e-5)


def test_the_system_is_alphafolds() -> None:
    system = system_of(_cleaned(helix()), np.zeros(0, bool), 10.0)
    nonbonded = next(force for force in system.getForces() if isinstance(force, openmm.NonbondedForce))
    assert nonbonded.getNonbondedMethod() == openmm.NonbondedForce.NoCutoff
    masses = [system.getParticleMass(atom).value_in_unit(unit.dalton) for atom in range(system.getNumParticles())]
    assert system.getNumConstraints() == sum(mass < 1.5 for mass in masses)  # each bond to a hydrogen


def test_springs_take_the_place_of_constraints() -> None:
    system = system_of(_cleaned(helix()), np.zeros(0, bool), 10.0)
    sprung = amber.with_springs(system)
    springs = sprung.getForces()[-1]
    assert sprung.getNumConstraints() == 0
    assert springs.getNumBonds() == system.getNumConstraints() > 0
    for number in range(springs.getNumBonds()):
        assert springs.getBondParameters(number)[:3] == system.getConstraintParameters(number)
    assert system.getNumForces() == sprung.getNumForces() - 1


@pytest.mark.parametrize("max_steps", [5, 20_000])
def test_bonds_to_hydrogen_have_their_length(max_steps: int) -> None:
    """Also where the cap ends it while springs hold them."""
    cleaned = _cleaned(helix())
    result = minimise(cleaned, set(), RelaxSettings(max_steps=max_steps, springs=True), LATER)
    system = system_of(cleaned, np.zeros(0, bool), 10.0)
    for number in range(system.getNumConstraints()):
        one, other, length = system.getConstraintParameters(number)
        found = np.linalg.norm(result.positions[one] - result.positions[other])
        assert found == pytest.approx(length.value_in_unit(unit.angstrom), rel=1e-4)


def test_energy_is_not_above_that_of_the_constrained_minimisation_alone() -> None:
    """Both end where forces vanish, up to the tolerance."""
    cleaned = _cleaned(helix())
    settings = RelaxSettings(springs=True)
    context = amber._context(system_of(cleaned, cleaned.given, 10.0), cleaned.positions * 0.1, settings)
    openmm.LocalEnergyMinimizer.minimize(context, settings.tolerance * 4.184)
    result = minimise(cleaned, set(), settings, LATER)
    positions = context.getState(getPositions=True).getPositions(asNumpy=True).value_in_unit(unit.angstrom)
    shift = (result.positions - positions)[cleaned.given]  # OXT, which is not restrained, has two places
    assert np.sqrt(np.mean(np.sum(shift**2, axis=-1))) < 0.05  # angstrom
    assert result.energy_after_kcal_mol < amber._energy(context) + 1.0


def test_added_atoms_are_not_restrained() -> None:
    """DEVIATION: where pdbfixer put them is no better than a guess."""
    cleaned = _cleaned(without(helix(), 6, "CG", "CD1", "CD2"))
    added = ~cleaned.given & (cleaned.atom37 >= 0) & (cleaned.row == 6)
    positions = minimise(cleaned, set(), RelaxSettings(stiffness=10000.0), LATER).positions
    assert _shift(cleaned, positions, 6) < 0.01
    assert np.linalg.norm((positions - cleaned.positions)[added], axis=-1).max() > 0.02


def test_steps_are_capped_and_not_lost() -> None:
    """OpenMM returns to the start of a minimisation that a cap ends while its springs are soft."""
    cleaned = _cleaned(helix())
    caps = (5, 10, 20, 30, 40)
    capped = [minimise(cleaned, set(), RelaxSettings(max_steps=cap), LATER) for cap in caps]
    assert [result.steps for result in capped] == list(caps)
    assert not any(result.converged for result in capped)
    falls = [result.energy_before_kcal_mol - result.energy_after_kcal_mol for result in capped]
    assert falls[0] > 0
    assert falls == sorted(falls)


def test_time_is_capped_before_and_within(monkeypatch: pytest.MonkeyPatch) -> None:
    cleaned = _cleaned(helix())
    with pytest.raises(OutOfTimeError, match="before the first step"):
        minimise(cleaned, set(), RelaxSettings(), time.monotonic() - 1)
    clock = iter(range(1000))
    monkeypatch.setattr(amber.time, "monotonic", lambda: next(clock))
    with pytest.raises(OutOfTimeError, match=r"after \d+ steps"):
        minimise(cleaned, set(), RelaxSettings(), 20.5)
    assert next(clock) < 40


def test_interrupt_comes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    cleaned = _cleaned(helix())
    calls = []

    def interrupt() -> float:
        calls.append(1)
        if len(calls) == 10:
            raise KeyboardInterrupt
        return 0.0

    monkeypatch.setattr(amber.time, "monotonic", interrupt)
    with pytest.raises(KeyboardInterrupt):
        minimise(cleaned, set(), RelaxSettings(), LATER)
    assert len(calls) < 30


def test_nan_is_an_error() -> None:
    cleaned = _cleaned(helix())
    positions = cleaned.positions.copy()
    positions[10] = np.nan
    with pytest.raises((RelaxError, openmm.OpenMMException)):
        minimise(replace(cleaned, positions=positions), set(), RelaxSettings(), LATER)


def test_threads_are_as_asked() -> None:
    cleaned = _cleaned(helix())
    for threads in (1, 2):
        system = system_of(cleaned, cleaned.given, 10.0)
        context = amber._context(system, cleaned.positions * 0.1, RelaxSettings(threads=threads))
        assert context.getPlatform().getPropertyValue(context, "Threads") == str(threads)
        assert context.getPlatform().getPropertyValue(context, "DeterministicForces") == "true"
