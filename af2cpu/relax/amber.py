# SPDX-License-Identifier: Apache-2.0
"""One restrained minimisation in amber99sb without cutoff, capped in steps and time.

AlphaFold 2's relax/amber_minimize.py: bonds to hydrogen constrained, 0.5 k (x - x0)^2 on heavy atoms, L-BFGS.

OpenMM's minimiser replaces the constraints by springs of 1e6 kJ/mol/nm^2, finds them too soft, and begins again from
the start with springs ten times stiffer, with which L-BFGS converges slowly (6KWC: 1,324 steps). With
`settings.springs` the constrained minimisation starts from a minimum with soft springs, and takes about 15 steps.
"""

from __future__ import annotations

import copy
import functools
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import openmm
from openmm import app

from af2cpu.relax.border import STIFFNESS, TOLERANCE, from_openmm, kcal_mol, to_openmm
from af2cpu.relax.cleanup import Cleaned
from af2cpu.relax.settings import RelaxError, RelaxSettings

_FORCE_FIELD, _RESTRAINTS, _SPRINGS = 0, 1, 2  # groups of forces
_SPRING = 1e6  # kJ/mol/nm^2, two to four times the force field's own bonds to hydrogen; softer ones save no steps
# Tolerance of the forces with springs, as a share of the constrained minimisation's. With 1 and 0.5 some structures end
# 16 kcal/mol above what the constrained minimisation alone reaches; with 0.25 none of those measured does.
_FINER = 0.25
_CONSTRAINED = 1e-5  # relative error of a constrained bond, OpenMM's default for a context


class OutOfTimeError(RelaxError):
    """The wall time is used up; no further attempt is made."""


@dataclass(frozen=True)
class Minimised:
    """The result of a minimisation."""

    positions: np.ndarray  # float64 [n_atoms, 3], angstrom, in the order of the topology
    energy_before_kcal_mol: float  # of the force field alone
    energy_after_kcal_mol: float
    steps: int  # of L-BFGS
    converged: bool  # False: ended by max_steps


class _Watch(openmm.MinimizationReporter):
    """Counts steps and stops the minimisation at a cap, whose coordinates it keeps.

    OpenMM itself forgets them where its springs for the constraints are still too soft: it returns to the start.
    """

    def __init__(self, max_steps: int, deadline: float) -> None:
        super().__init__()
        self.max_steps = max_steps
        self.deadline = deadline  # of time.monotonic()
        self.steps = 0
        self.capped = False
        self.reached: np.ndarray | None = None  # nm [n_atoms, 3], when max_steps was reached
        self.late = False
        self.interrupt: BaseException | None = None

    def report(self, iteration: int, x: Sequence[float], grad: Sequence[float], args: Any) -> bool:
        """Called by OpenMM after each step; True ends the minimisation."""
        try:
            if not self.capped:  # OpenMM tries stiffer springs after the cap, one step each, which do not count
                self.steps += 1
                self.capped = self.steps >= self.max_steps
                self.reached = np.array(x).reshape(-1, 3) if self.capped else None
            self.late = time.monotonic() > self.deadline
        except BaseException as error:  # Ctrl-C arrives here; C++ has no way to let it through, so `minimise` raises it
            self.interrupt = error
        return self.capped or self.late or self.interrupt is not None


def minimise(cleaned: Cleaned, free: Collection[int], settings: RelaxSettings, deadline: float) -> Minimised:
    """Minimises the energy. Given heavy atoms are restrained to their places, except in the residues (rows) of `free`.

    DEVIATION: heavy atoms that the clean-up had to place are not restrained; AlphaFold 2 holds them where pdbfixer put
    them. In a prediction that is OXT only. tests/unit/relax/test_amber.py

    Raises OutOfTimeError when `deadline` (time.monotonic()) passes, RelaxError if the result isn't finite or higher in
    energy than the start, and what OpenMM raises.
    """
    if time.monotonic() > deadline:
        raise OutOfTimeError("out of time before the first step")
    restrained = cleaned.given & ~np.isin(cleaned.row, list(free))
    system = system_of(cleaned, restrained, settings.stiffness)
    context = _context(system, to_openmm(cleaned.positions), settings)
    before = _energy(context)
    watch = _Watch(settings.max_steps, deadline)
    if settings.springs:
        sprung = _context(with_springs(system), to_openmm(cleaned.positions), settings)
        _descend(sprung, _FINER * settings.tolerance, watch)
        context.setPositions(sprung.getState(getPositions=True).getPositions(asNumpy=True))
        context.applyConstraints(_CONSTRAINED)
    if not watch.capped:
        _descend(context, settings.tolerance, watch)
    positions = from_openmm(context.getState(getPositions=True).getPositions(asNumpy=True))
    after = _energy(context)
    if not np.isfinite(positions).all() or not np.isfinite(after):
        raise RelaxError(f"coordinates or energy became infinite or NaN after {watch.steps} steps")
    if np.isfinite(before) and after > before:
        raise RelaxError(f"the energy rose from {before:.0f} to {after:.0f} kcal/mol")
    return Minimised(positions, before, after, watch.steps, converged=not watch.capped)


def _descend(context: Any, tolerance: float, watch: _Watch) -> None:
    """Minimises the energy of a context until the root mean square of the forces is below tolerance, kcal/mol/nm.

    At the watch's max_steps the context has the coordinates of that step, with its constraints met.
    Raises OutOfTimeError when the watch's deadline passes, what interrupted it (Ctrl-C), and what OpenMM raises.
    """
    openmm.LocalEnergyMinimizer.minimize(context, tolerance * TOLERANCE, 0, watch)
    if watch.interrupt is not None:
        raise watch.interrupt
    if watch.late:
        raise OutOfTimeError(f"out of time after {watch.steps} steps")
    if watch.reached is not None:
        context.setPositions(watch.reached)
        context.applyConstraints(_CONSTRAINED)


@functools.cache
def _force_field() -> Any:
    return app.ForceField("amber99sb.xml")


def system_of(cleaned: Cleaned, restrained: np.ndarray, stiffness: float) -> Any:
    """OpenMM's system with restraints (kcal/mol/A^2) on the atoms in `restrained`, bool [n_atoms]."""
    system = _force_field().createSystem(
        cleaned.topology, nonbondedMethod=app.NoCutoff, constraints=app.HBonds, removeCMMotion=False
    )
    force = openmm.CustomExternalForce("0.5 * k * ((x-x0)^2 + (y-y0)^2 + (z-z0)^2)")
    force.addGlobalParameter("k", stiffness * STIFFNESS)
    for name in ("x0", "y0", "z0"):
        force.addPerParticleParameter(name)
    at = to_openmm(cleaned.positions)
    for atom in np.flatnonzero(restrained):
        force.addParticle(int(atom), at[int(atom)])
    force.setForceGroup(_RESTRAINTS)
    system.addForce(force)
    return system


def with_springs(system: Any) -> Any:
    """A copy of a system in which springs take the place of the constraints."""
    sprung = copy.copy(system)
    force = openmm.HarmonicBondForce()
    for number in range(system.getNumConstraints()):
        one, other, length = system.getConstraintParameters(number)
        force.addBond(one, other, length, _SPRING)
    for number in reversed(range(system.getNumConstraints())):
        sprung.removeConstraint(number)
    force.setForceGroup(_SPRINGS)
    sprung.addForce(force)
    return sprung


def _context(system: Any, positions: Any, settings: RelaxSettings) -> Any:
    # OpenMM's context needs an integrator, which is never stepped. With forces summed in a fixed order and one thread
    # results are reproducible bit by bit; with more threads the order of the sums varies.
    platform = openmm.Platform.getPlatformByName("CPU")
    properties = {"Threads": str(settings.threads), "DeterministicForces": "true"}
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform, properties)
    context.setPositions(positions)
    return context


def _energy(context: Any) -> float:
    return kcal_mol(context.getState(getEnergy=True, groups={_FORCE_FIELD}).getPotentialEnergy())
