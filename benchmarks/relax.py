# SPDX-License-Identifier: Apache-2.0
"""The relaxation beside a plain OpenMM minimisation of the same system, and what each part of it costs.

python benchmarks/relax.py FILE... [--repeats N] [--threads N] [--reference RELAXED.pdb]
python benchmarks/relax.py FILE --copies 7 --max-steps 100 --repeats 0    (a large structure)

For each file: seconds of the clean-up, of OpenMM's own `minimizeEnergy` on the cleaned system (same platform, same
threads, no caps), of the relaxation's minimisation of that very system, and of the whole relaxation. The two
minimisations alternate, so that a busy machine slows both; medians are compared, of wall time and of processor time.
Their results are compared by the heavy atoms' RMSD and by the energy, which the restraints are part of.

`evaluation_ms`: one evaluation of the forces, by force and with OpenMM's options. `variants`: the same minimisation
with springs first (`--relax-springs`), and with hydrogens placed from the next seed, beside the protocol's: the second
is the spread of the protocol itself, since AlphaFold 2 does not seed the hydrogens.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openmm
import orjson
from machine import describe, write_result
from openmm import app

from af2cpu.formats.structure import read_protein
from af2cpu.records import Protein, Relaxed
from af2cpu.relax.amber import minimise, system_of
from af2cpu.relax.border import TOLERANCE, from_openmm, kcal_mol, to_openmm
from af2cpu.relax.cleanup import Cleaned, clean
from af2cpu.relax.rounds import relax
from af2cpu.relax.segments import running_index, segments
from af2cpu.relax.settings import RelaxSettings
from af2cpu.relax.violations import find_violations


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


def side_by_side(protein: Protein, copies: int) -> Protein:
    """Copies of a protein on a cubic grid, 3 A apart, each with chains of its own."""
    atoms = protein.atom_positions[protein.atom_mask > 0]
    cell = np.ptp(atoms, axis=0) + 3.0
    edge = int(np.ceil(copies ** (1 / 3)))
    arrays: dict[str, list[np.ndarray]] = {}
    for copy in range(copies):
        place = np.array([copy % edge, copy // edge % edge, copy // edge**2])
        moved = {
            "atom_positions": (protein.atom_positions + place * cell).astype(np.float32),
            "chain_ids": np.array([f"{name}{copy}" for name in protein.chain_ids]),
        }
        for name, value in vars(replace(protein, **moved)).items():
            if isinstance(value, np.ndarray):
                arrays.setdefault(name, []).append(value)
    return replace(protein, **{name: np.concatenate(values) for name, values in arrays.items()})


def evaluation(cleaned: Cleaned, settings: RelaxSettings) -> dict[str, float]:
    """Milliseconds of one evaluation of the forces: whole, by force, and with OpenMM's options."""
    system = system_of(cleaned, cleaned.given, settings.stiffness)
    found = {"all": _forces_ms(cleaned, system, settings.threads)}
    for number, force in enumerate(system.getForces()):
        force.setForceGroup(number)
    for number, force in enumerate(system.getForces()):
        found[force.getName()] = _forces_ms(cleaned, system, settings.threads, groups={number})
    found["all, platform Reference"] = _forces_ms(cleaned, system, None)
    nonbonded = next(force for force in system.getForces() if isinstance(force, openmm.NonbondedForce))
    nonbonded.setNonbondedMethod(openmm.NonbondedForce.CutoffNonPeriodic)
    for cutoff in (1000.0, 2.0, 1.2):  # nm; the first one leaves nothing out
        nonbonded.setCutoffDistance(cutoff)
        found[f"all, cutoff {cutoff:g} nm"] = _forces_ms(cleaned, system, settings.threads)
    return {name: round(value, 2) for name, value in found.items()}


def _forces_ms(cleaned: Cleaned, system: Any, threads: int | None, groups: Any = -1) -> float:
    """The fastest of five. Threads of the platform CPU; None: the platform Reference."""
    platform = openmm.Platform.getPlatformByName("CPU" if threads else "Reference")
    properties = {"Threads": str(threads), "DeterministicForces": "true"} if threads else {}
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform, properties)
    times = []
    for _ in range(5):
        context.setPositions(to_openmm(cleaned.positions))
        start = time.perf_counter()
        context.getState(getForces=True, groups=groups)
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


def variants(protein: Protein, cleaned: Cleaned, positions: np.ndarray, settings: RelaxSettings) -> dict[str, Any]:
    """Minimisations beside that with `settings` of the same protein, whose result is `positions`."""
    other = clean(protein, segments(protein)[0], settings.seed + 1)
    before = energy(cleaned, positions, settings)
    cases = {
        "springs first": (cleaned, replace(settings, springs=True)),
        "hydrogens from the next seed": (other, settings),
    }
    found = {}
    for name, (start, options) in cases.items():
        began = time.perf_counter()
        result = minimise(start, set(), options, float("inf"))
        seconds = time.perf_counter() - began
        found[name] = {
            "minimise_s": round(seconds, 2),
            "steps": result.steps,
            "rmsd": _given_rmsd(cleaned, result.positions, positions),
            "energy_above": round(energy(start, result.positions, settings) - before, 1),
        }
    return found


def _given_rmsd(cleaned: Cleaned, one: np.ndarray, other: np.ndarray) -> float:
    shift = (one - other)[cleaned.given]
    return round(float(np.sqrt(np.mean(np.sum(shift**2, axis=-1)))), 4)


def compare(protein: Protein, cleaned: Cleaned, settings: RelaxSettings, repeats: int) -> dict[str, Any]:
    """The minimisation beside plain OpenMM's and beside its variants."""
    theirs, ours = Timer(), Timer()
    minimise(cleaned, set(), RelaxSettings(max_steps=3), float("inf"))  # loads and compiles what both need
    for _ in range(repeats):
        positions = theirs.run(lambda: plain(cleaned, settings))
        result = ours.run(lambda: minimise(cleaned, set(), settings, float("inf")))
    rise = energy(cleaned, result.positions, settings) - energy(cleaned, positions, settings)
    (plain_wall, plain_cpu), (wall, cpu) = theirs.medians(), ours.medians()
    return {
        "plain_openmm_s": round(plain_wall, 2),
        "minimise_s": round(wall, 2),
        "ratio": round(wall / plain_wall, 3),
        "ratio_cpu": round(cpu / plain_cpu, 3),
        "rmsd_to_plain": _given_rmsd(cleaned, result.positions, positions),
        "energy_above_plain": round(rise, 1),
        "variants": variants(protein, cleaned, result.positions, settings),
    }


def measure(path: Path, settings: RelaxSettings, repeats: int, copies: int, reference: Path | None) -> dict[str, Any]:
    """One row of the table."""
    protein = side_by_side(read_protein(path)[0], copies)
    runs, _ = segments(protein)
    cleaning, counting = Timer(), Timer()
    cleaned = cleaning.run(lambda: clean(protein, runs, settings.seed))
    index = running_index(protein)
    counting.run(lambda: find_violations(protein.aatype, protein.atom_positions, protein.atom_mask, index))
    compared = compare(protein, cleaned, settings, repeats) if repeats else {}
    relaxed = relax(protein, settings)
    return {
        "file": path.name,
        "copies": copies,
        "residues": protein.n_res,
        "atoms": len(cleaned.row),
        "clean_s": round(cleaning.wall[0], 2),
        "violations_s": round(counting.wall[0], 3),
        "evaluation_ms": evaluation(cleaned, settings),
        **compared,
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
    parser.add_argument("--repeats", type=int, default=3, help="of the comparison with plain OpenMM; 0: without it")
    parser.add_argument("--copies", type=int, default=1, help="of each file, side by side: a large structure")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--max-rounds", type=int, default=3)
    parser.add_argument("--max-steps", type=int, default=RelaxSettings.max_steps)
    parser.add_argument("--reference", type=Path, help="relaxed structure of the (one) file, in the same frame")
    arguments = parser.parse_args()
    settings = RelaxSettings(threads=arguments.threads, max_rounds=arguments.max_rounds, max_steps=arguments.max_steps)
    options = (settings, arguments.repeats, arguments.copies, arguments.reference)
    rows = [measure(path, *options) for path in arguments.files]
    record = {"machine": describe("openmm", "pdbfixer"), "threads": settings.threads, "rows": rows}
    print(orjson.dumps(record, option=orjson.OPT_INDENT_2).decode())
    write_result("relax_large" if arguments.copies > 1 else "relax", record)


if __name__ == "__main__":
    main()
