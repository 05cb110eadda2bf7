# SPDX-License-Identifier: Apache-2.0
"""Rounds of minimisation: residues left with violations lose their restraints in the next one.

AlphaFold 2's amber_minimize.run_pipeline. A failure raises nothing: the result holds the last good round, or the
structure as given, and the reason.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from af2cpu import events
from af2cpu.chemistry.residues import ATOM37_EXISTS, ATOM37_INDEX, UNKNOWN
from af2cpu.records import Atoms, Protein, Relaxed
from af2cpu.relax.noise import noise
from af2cpu.relax.segments import Segment, coinciding, names, running_index, segments
from af2cpu.relax.settings import RelaxError, RelaxSettings
from af2cpu.relax.structure import given_atoms
from af2cpu.relax.violations import Violations, find_violations

if TYPE_CHECKING:
    from af2cpu.relax.amber import Minimised
    from af2cpu.relax.cleanup import Cleaned

_OXT = ATOM37_INDEX["OXT"]
_FARTHEST = 9999.0  # angstrom, what a PDB file has room for


@dataclass(frozen=True)
class _Task:
    """Data shared by all rounds."""

    protein: Protein  # as given, without atoms that its residue types don't have
    index: np.ndarray  # int [n_res], segments.running_index
    runs: Sequence[Segment]
    settings: RelaxSettings
    deadline: float  # of time.monotonic()
    before: Violations  # of the protein as given


@dataclass(frozen=True)
class _Round:
    """A round that succeeded."""

    protein: Protein  # all heavy atoms in their new places
    cleaned: Cleaned
    minimised: Minimised
    violations: Violations


def relax(protein: Protein, settings: RelaxSettings | None = None, name: str = "") -> Relaxed:
    """Relaxes a protein; each round is an event, under `name`. With one thread the same input gives the same bits.

    Never raises for what is wrong with the structure: `relaxed` and `reason` of the result tell.
    """
    settings = settings or RelaxSettings()
    started = time.monotonic()
    protein, notes = _tidy(protein)
    runs, left_out = segments(protein)
    notes += left_out
    index = running_index(protein)
    before = _violations(protein, index)
    task = _Task(protein, index, runs, settings, started + settings.max_seconds, before)
    reason = _unusable(protein, runs) or (None if settings.anyway else _noise(task)) or _doubled(protein)
    done: list[_Round] = []
    if reason is None:
        reason = _rounds(task, done, f"{name}: " if name else "")
    return _result(task, done, reason, notes, time.monotonic() - started)


def _violations(protein: Protein, index: np.ndarray) -> Violations:
    return find_violations(protein.aatype, protein.atom_positions, protein.atom_mask, index)


def _noise(task: _Task) -> str | None:
    found = noise(task.protein, task.index, task.before)
    return f"{found}; --relax-anyway relaxes it all the same" if found else None


def _rounds(task: _Task, done: list[_Round], prefix: str) -> str | None:
    """Appends rounds to `done` until one has no violations. Returns why they ended early, None if they did not."""
    reason: str | None = None
    free: set[int] = set()
    while len(done) < task.settings.max_rounds and (not done or done[-1].violations.count):
        number = len(done) + 1
        try:
            ended = _round(task, done[-1].protein if done else task.protein, free)
        except RelaxError as error:
            return f"round {number} failed: {error}"
        done.append(ended)
        free.update(np.flatnonzero(ended.violations.per_residue).tolist())
        events.emit("line", prefix + _line(number, ended))
        if not ended.minimised.converged:
            reason = f"round {number} ended after {ended.minimised.steps} steps (--relax-max-steps) before it converged"
    return reason


def _tidy(protein: Protein) -> tuple[Protein, tuple[str, ...]]:
    """Without atoms that the residue type lacks, and without OXT but at the ends of chains; X stays as it is."""
    exists = ATOM37_EXISTS[protein.aatype].copy()
    exists[:, _OXT] = np.append(protein.chain_ids[1:] != protein.chain_ids[:-1], True)
    exists[protein.aatype == UNKNOWN] = 1.0
    surplus = (protein.atom_mask > 0) & (exists == 0)
    rows = np.flatnonzero(surplus.any(axis=1))
    notes = (f"atoms dropped that do not belong there: {names(protein, rows)}",) if len(rows) else ()
    return replace(protein, atom_mask=(protein.atom_mask * exists).astype(np.float32)), notes


def _unusable(protein: Protein, runs: Sequence[Segment]) -> str | None:
    """Why the protein can't be minimised; None if it can."""
    usable = (np.abs(protein.atom_positions) < _FARTHEST).all(axis=-1) | (protein.atom_mask == 0)
    if not usable.all():
        rows = np.flatnonzero(~usable.all(axis=1))
        return f"coordinates are NaN or beyond {_FARTHEST:.0f} A: {names(protein, rows)}"
    if not runs:
        return "no two neighbouring residues have N, CA and C and are known to the force field"
    return None


def _doubled(protein: Protein) -> str | None:
    rows = coinciding(protein)
    return f"residues in one place, which no force parts: {names(protein, rows)}" if len(rows) else None


def _round(task: _Task, protein: Protein, free: set[int]) -> _Round:
    """Cleans up, minimises, looks for violations. Raises RelaxError when all attempts failed or the time is over."""
    from af2cpu.relax.amber import OutOfTimeError, minimise
    from af2cpu.relax.cleanup import clean

    failures: list[str] = []
    for attempt in range(task.settings.max_attempts):
        try:
            cleaned = clean(protein, task.runs, task.settings.seed + attempt)
            minimised = minimise(cleaned, free, task.settings, task.deadline)
        except OutOfTimeError as error:
            raise RelaxError(f"{error} (--relax-max-seconds {task.settings.max_seconds:g})") from error
        except Exception as error:  # pdbfixer and OpenMM raise bare Exceptions; such a structure must not end the run
            failures.append(" ".join(f"{type(error).__name__}: {error}".split())[:300])
            continue
        moved = _moved(protein, cleaned, minimised.positions)
        return _Round(moved, cleaned, minimised, _violations(moved, task.index))
    raise RelaxError(f"{len(failures)} attempts; the last one: {failures[-1]}")


def _moved(protein: Protein, cleaned: Cleaned, positions: np.ndarray) -> Protein:
    """The protein with the current positions of its heavy atoms, added ones included."""
    heavy = (cleaned.atom37 >= 0) & ~cleaned.artificial
    row, slot = cleaned.row[heavy], cleaned.atom37[heavy]
    atom_positions, atom_mask = protein.atom_positions.copy(), protein.atom_mask.copy()
    atom_positions[row, slot] = positions[heavy]
    atom_mask[row, slot] = 1.0
    return replace(protein, atom_positions=atom_positions, atom_mask=atom_mask)


def _line(number: int, ended: _Round) -> str:
    minimised, left = ended.minimised, ended.violations.count
    return (
        f"round {number}: {minimised.energy_before_kcal_mol:.0f} to {minimised.energy_after_kcal_mol:.0f} kcal/mol in "
        f"{minimised.steps} steps, {left} residue{'s' if left != 1 else ''} with violations"
    )


def _all_atoms(protein: Protein, last: _Round | None) -> Atoms:
    """All atoms of the last round, hydrogens included; the given atoms of residues that were not minimised."""
    if last is None:
        return given_atoms(protein)
    cleaned = last.cleaned
    kept = [atom for atom in cleaned.topology.atoms() if not cleaned.artificial[atom.index]]
    at = [atom.index for atom in kept]
    given = given_atoms(replace(protein, atom_mask=protein.atom_mask * ~_relaxed_rows(protein, cleaned)[:, None]))
    residue = np.concatenate([cleaned.row[at], given.residue])
    order = np.argsort(residue, kind="stable")
    return Atoms(
        residue=residue[order],
        name=np.concatenate([[atom.name for atom in kept], given.name])[order],
        element=np.concatenate([[atom.element.symbol for atom in kept], given.element])[order],
        position=np.concatenate([last.minimised.positions[at], given.position])[order],
    )


def _relaxed_rows(protein: Protein, cleaned: Cleaned) -> np.ndarray:
    """bool [n_res]: residues that were minimised."""
    return np.isin(np.arange(protein.n_res), cleaned.row)


def _rmsd(task: _Task, now: Protein) -> float:
    """RMSD, angstrom, of the given heavy atoms of relaxed residues. Residues that were left out would only lower it."""
    relaxed = np.zeros(now.n_res, bool)
    for run in task.runs:
        relaxed[run.start : run.stop] = True
    given = (task.protein.atom_mask > 0) & (now.atom_mask > 0) & relaxed[:, None]
    shift = now.atom_positions[given].astype(np.float64) - task.protein.atom_positions[given]
    return float(np.sqrt(np.mean(np.sum(shift**2, axis=-1))))


def _result(task: _Task, done: Sequence[_Round], reason: str | None, notes: tuple[str, ...], seconds: float) -> Relaxed:
    protein, last = task.protein, done[-1] if done else None
    before = task.before.per_residue
    return Relaxed(
        relaxed=last is not None,
        reason=reason,
        atom_positions=last.protein.atom_positions if last else protein.atom_positions,
        atom_mask=last.protein.atom_mask if last else protein.atom_mask,
        atoms=_all_atoms(protein, last),
        violations_before=before,
        violations_after=last.violations.per_residue if last else before,
        energy_before_kcal_mol=done[0].minimised.energy_before_kcal_mol if done else None,
        energy_after_kcal_mol=last.minimised.energy_after_kcal_mol if last else None,
        rmsd_heavy=_rmsd(task, last.protein) if last else None,
        rounds=len(done),
        steps=sum(ended.minimised.steps for ended in done),
        seconds=seconds,
        notes=notes + (done[0].cleaned.notes if done else ()),
    )
