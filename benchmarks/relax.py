"""The relaxation beside a plain OpenMM minimisation of the same system, in one run.

python benchmarks/relax.py FILE... [--repeats N] [--threads N] [--reference RELAXED.pdb]

For each file: seconds of the clean-up, of OpenMM's own `minimizeEnergy` on the cleaned system (same platform, same
threads, no caps), of the relaxation's minimisation of that very system, and of the whole relaxation. The two
minimisations alternate, so that a busy machine slows both; medians are compared, of wall time and of processor time.
Their results are compared by the heavy atoms' RMSD and by the energy, which the restraints are part of.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openmm
import orjson
from machine import describe, write_result
from openmm import app

from af2cpu.formats.structure import read_protein
from af2cpu.records import Protein, Relaxed
from af2cpu.relax import RelaxSettings, relax
from af2cpu.relax.amber import minimise, system_of
from af2cpu.relax.border import TOLERANCE, from_openmm, kcal_mol, to_openmm
from af2cpu.relax.cleanup import Cleaned, clean
from af2cpu.relax.segments import segments


def plain(cleaned: Cleaned, settings: RelaxSettings) -> np.ndarray:
    """Positions (angstrom) by what a script with OpenMM would do: system, restraints, Simulation.minimizeEnergy."""
    system = system_of(cleaned, cleaned.given, settings.stiffness)
    properties = {"Threads": str(settings.threads), "DeterministicForces": "true"}
    simulation = app.Simulation(
        cleaned.topology,
        system,
        openmm.LangevinIntegrator(0, 0.01, 0.0),
        openmm.Platform.getPlatformByName("CPU"),
        properties,
    )
    simulation.context.setPositions(to_openmm(cleaned.positions))
    simulation.minimizeEnergy(tolerance=settings.tolerance * TOLERANCE)
    return from_openmm(simulation.context.getState(getPositions=True).getPositions(asNumpy=True))


class Timer:
    """Wall and processor seconds of what it runs."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []

    def run(self, action: Callable[[], Any]) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        result = action()
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)
        return result

    def medians(self) -> tuple[float, float]:
        return statistics.median(self.wall), statistics.median(self.cpu)


def energy(cleaned: Cleaned, positions: np.ndarray, settings: RelaxSettings) -> float:
    """Of the force field and the restraints, kcal/mol."""
    system = system_of(cleaned, cleaned.given, settings.stiffness)
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions(to_openmm(positions))
    return kcal_mol(context.getState(getEnergy=True).getPotentialEnergy())


def rmsd(result: Relaxed, reference: Protein) -> float:
    """Of all heavy atoms, without superposition (angstrom)."""
    both = (result.atom_mask > 0) & (reference.atom_mask > 0)
    shift = (result.atom_positions - reference.atom_positions)[both]
    return float(np.sqrt(np.mean(np.sum(shift**2, axis=-1))))


def measure(path: Path, settings: RelaxSettings, repeats: int, reference: Path | None) -> dict[str, Any]:
    """One row of the table."""
    protein, _ = read_protein(path)
    runs, _ = segments(protein)
    cleaning, theirs, ours = Timer(), Timer(), Timer()
    cleaned = cleaning.run(lambda: clean(protein, runs, settings.seed))
    minimise(cleaned, set(), RelaxSettings(max_steps=3), float("inf"))  # loads and compiles what both need
    for _ in range(repeats):
        positions = theirs.run(lambda: plain(cleaned, settings))
        result = ours.run(lambda: minimise(cleaned, set(), settings, float("inf")))
    shift = (result.positions - positions)[cleaned.given]
    rise = energy(cleaned, result.positions, settings) - energy(cleaned, positions, settings)
    relaxed = relax(protein, settings)
    (plain_wall, plain_cpu), (wall, cpu) = theirs.medians(), ours.medians()
    return {
        "file": path.name,
        "residues": protein.n_res,
        "atoms": len(cleaned.row),
        "clean_s": round(cleaning.wall[0], 2),
        "plain_openmm_s": round(plain_wall, 2),
        "minimise_s": round(wall, 2),
        "ratio": round(wall / plain_wall, 3),
        "ratio_cpu": round(cpu / plain_cpu, 3),
        "rmsd_to_plain": round(float(np.sqrt(np.mean(np.sum(shift**2, axis=-1)))), 4),
        "energy_above_plain": round(rise, 1),
        "rounds": relaxed.rounds,
        "steps": relaxed.steps,
        "relax_s": round(relaxed.seconds, 2),
        "violations_before": int(relaxed.violations_before.sum()),
        "violations_after": int(relaxed.violations_after.sum()),
        "rmsd_to_reference": round(rmsd(relaxed, read_protein(reference)[0]), 4) if reference else None,
        "reason": relaxed.reason,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--max-rounds", type=int, default=3)
    parser.add_argument("--reference", type=Path, help="relaxed structure of the (one) file, in the same frame")
    arguments = parser.parse_args()
    settings = RelaxSettings(threads=arguments.threads, max_rounds=arguments.max_rounds)
    rows = [measure(path, settings, arguments.repeats, arguments.reference) for path in arguments.files]
    record = {"machine": describe("openmm", "pdbfixer"), "threads": settings.threads, "rows": rows}
    print(orjson.dumps(record, option=orjson.OPT_INDENT_2).decode())
    write_result("relax", record)


if __name__ == "__main__":
    main()
