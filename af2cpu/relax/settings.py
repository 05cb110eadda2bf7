# SPDX-License-Identifier: Apache-2.0
"""What can be set in a relaxation. The defaults are AlphaFold 2's, but for the caps, which it lacks."""

from __future__ import annotations

from dataclasses import dataclass

from af2cpu.settings import RunSettings


@dataclass(frozen=True)
class RelaxSettings:
    """Settings of one relaxation. With one thread the same input gives the same bits."""

    max_rounds: int = 3  # minimisations; each frees the residues that the one before left with violations
    stiffness: float = 10.0  # kcal/mol/A^2, restraints of heavy atoms
    tolerance: float = 2.39  # kcal/mol/nm, root mean square of the forces; OpenMM's default of 10 kJ/mol/nm
    # L-BFGS steps of one round; typical are 200 to 1,700. At the cap the current coordinates are used, unconverged.
    max_steps: int = 20_000
    max_seconds: float = 7200.0  # wall time of all rounds; the last complete round counts
    threads: int = 1
    seed: int = 0  # of the hydrogens' first positions
    anyway: bool = False  # relax also what is noise (relax/noise.py)
    springs: bool = False  # minimise first with springs for the bonds to hydrogen (relax/amber.py)
    max_attempts: int = 3  # of a round that fails, each with hydrogens placed anew; AlphaFold 2: 100


def relax_settings(settings: RunSettings, max_rounds: int = RelaxSettings.max_rounds) -> RelaxSettings:
    """What the settings of a run say of its relaxations."""
    return RelaxSettings(
        max_rounds=max_rounds,
        max_steps=settings.relax_max_steps,
        max_seconds=settings.relax_max_seconds,
        threads=settings.relax_threads,
        seed=settings.seed,
        anyway=settings.relax_anyway,
        springs=settings.relax_springs,
    )


class RelaxError(Exception):
    """A round failed; the message is one line. The caller keeps the last good round and reports the reason."""
