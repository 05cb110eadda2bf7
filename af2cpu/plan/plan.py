# SPDX-License-Identifier: Apache-2.0
"""The plan of a run: jobs, databases, models and machine, as frozen plain data that any process can read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from af2cpu.errors import InputError
from af2cpu.plan.given import jobs_of_inputs
from af2cpu.plan.guess import with_initial_guesses
from af2cpu.plan.jobs import Job, jobs_of_folders
from af2cpu.plan.machine import Machine, this_machine
from af2cpu.plan.models import (
    ModelPlan,
    PredictionCost,
    cautions,
    models_of,
    models_without_parameters,
    plan_models,
    prediction_cost,
    predictions_of,
)
from af2cpu.plan.selection import ALL, Selection
from af2cpu.query import QueryInput, check_memory, read_inputs, read_pairs
from af2cpu.query.letters import nucleotide_caution
from af2cpu.records import CHAIN_BREAK, Query
from af2cpu.runs.records import Pair
from af2cpu.search.databases import DatabaseSet, select, structures_of
from af2cpu.search.index import estimated_residues
from af2cpu.search.profile_databases import ProfileDatabase
from af2cpu.search.programs import version_of
from af2cpu.settings import RunSettings

_SPARE_DISK = 200e6  # bytes
_SEARCH_FLOPS = 4e12  # a search of 2e11 residues, per residue of the query: as long as so many operations, about


@dataclass(frozen=True)
class Plan:
    """A run that can start."""

    out: Path
    jobs: tuple[Job, ...]
    settings: RunSettings
    databases: DatabaseSet
    residues: Mapping[str, int]  # of each database, about
    models: tuple[ModelPlan, ...]  # none: search and features only
    machine: Machine
    pages: tuple[Path, ...] = ()  # folders that get an index page of their targets
    pairs: tuple[Pair, ...] = ()  # of an all-against-all run, also those that a selection leaves to other processes

    def models_of(self, query: Query) -> tuple[ModelPlan, ...]:
        """The models that predict a target."""
        return models_of(self.models, self.settings, query)

    def warnings(self) -> dict[str, list[str]]:
        """Warnings about parameters and sequences, each with the names of its targets."""
        about: dict[str, list[str]] = {}
        for job in self.jobs:
            letters = nucleotide_caution(job.query.sequence)
            for caution in (*cautions(self.models_of(job.query), job.query), *([letters] if letters else [])):
                about.setdefault(caution, []).append(job.name)
        return about


def plan_run(
    paths: Sequence[Path], out: Path, settings: RunSettings, selection: Selection = ALL, *, pairs: bool = False
) -> Plan:
    """From sequences to ranked structures. Raises InputError for whatever would stop it later.

    A selection may leave no job; then nothing but the input is checked. pairs: the targets are complexes of two
    sequences (`read_pairs`).
    """
    inputs = _read(paths, settings, pairs=pairs)
    listed = _pairs_of(inputs)
    models = plan_models(settings, (item.query for item in inputs))
    machine = this_machine(settings)
    targets = [(item.query, out / item.query.name) for item in inputs]
    inputs = [inputs[number] for number in selection.chosen(targets, _costs(models, settings, machine))]
    if not inputs:
        return Plan(out, (), settings, DatabaseSet((), None, None, None), {}, models, machine)
    check_sizes([item.query for item in inputs], out, models, settings, machine)
    jobs = with_initial_guesses(jobs_of_inputs(inputs, out, settings), settings)
    return replace(_plan(jobs, out, models, machine, settings), pairs=listed)


def plan_search(
    paths: Sequence[Path], out: Path, settings: RunSettings, *, features_only: bool = False, pairs: bool = False
) -> Plan:
    """From sequences to features. Raises InputError for whatever would stop it later."""
    _check_place(out)
    inputs = _read(paths, settings, pairs=pairs)
    jobs = jobs_of_inputs(inputs, out, settings)
    if features_only:
        _check_alignments(jobs)
    plan = replace(_plan(jobs, out, (), this_machine(settings), settings), pairs=_pairs_of(inputs))
    return replace(plan, databases=plan.databases.structures_only()) if features_only else plan


def _check_alignments(jobs: Sequence[Job]) -> None:
    """Raises InputError for a sequence without an alignment of the user's."""
    for job in jobs:
        for entity in job.entities:
            if not entity.alignments:
                lacking = f", and chain {entity.chains[0]} of {job.name} has none" if len(job.entities) > 1 else ""
                raise InputError(
                    f"--features-only: needs alignments{lacking}; give --msa, or a3m or Stockholm files as input"
                )


def plan_fold(folders: Sequence[Path], settings: RunSettings, selection: Selection = ALL) -> Plan:
    """From features to ranked structures. Raises InputError for whatever would stop it later."""
    jobs = jobs_of_folders(folders)
    models = plan_models(settings, (job.query for job in jobs))
    machine = this_machine(settings)
    chosen = selection.chosen([(job.query, job.folder) for job in jobs], _costs(models, settings, machine))
    jobs = with_initial_guesses([jobs[number] for number in chosen], settings)
    check_sizes([job.query for job in jobs], folders[0], models, settings, machine)
    return Plan(folders[0], jobs, settings, DatabaseSet((), None, None, None), {}, models, machine, tuple(folders))


def plan_estimate(
    lengths: Sequence[tuple[int, ...]], paths: Sequence[Path], settings: RunSettings, *, pairs: bool = False
) -> Plan:
    """A plan for estimates, of targets of given lengths and of those in files. It needs no databases.

    lengths: of the chains of each target. Raises InputError for files that can't be read.
    """
    queries = [_query_of(of_chains) for of_chains in lengths]
    queries += [item.query for item in _read(paths, settings, pairs=pairs)] if paths else []
    # Features count as made: what a search takes depends on databases that are not given here.
    jobs = tuple(Job.of(query, Path(query.name), features=Path(query.name)) for query in queries)
    models = models_without_parameters(settings, queries)
    return Plan(Path(), jobs, settings, DatabaseSet((), None, None, None), {}, models, this_machine(settings))


def _query_of(lengths: tuple[int, ...]) -> Query:
    """A target with chains of some lengths."""
    name = f"length{'s' * (len(lengths) > 1)} {CHAIN_BREAK.join(map(str, lengths))}"
    return Query(name, CHAIN_BREAK.join("A" * n_res for n_res in lengths), "", "the command line")


def _read(paths: Sequence[Path], settings: RunSettings, *, pairs: bool) -> list[QueryInput]:
    """The targets in some files. Raises InputError."""
    if pairs and settings.complex:
        raise InputError("--pairs: makes complexes of two records each, and --complex one of all; give one of the two")
    return read_pairs(paths) if pairs else read_inputs(paths, as_complexes=settings.complex)


def _pairs_of(inputs: Iterable[QueryInput]) -> tuple[Pair, ...]:
    return tuple(Pair(item.query.name, *item.pair) for item in inputs if item.pair)


def _costs(models: Sequence[ModelPlan], settings: RunSettings, machine: Machine) -> Callable[[Query], float]:
    """The cost of a target, in operations: the same on every machine."""

    def cost(query: Query) -> float:
        of_query = models_of(models, settings, query)
        found = (prediction_cost(model, query.n_res, settings, machine.choice) for model in of_query)
        return settings.num_seeds * sum(one.flops for one in found) + _SEARCH_FLOPS * query.n_res

    return cost


def _plan(
    jobs: tuple[Job, ...], out: Path, models: tuple[ModelPlan, ...], machine: Machine, settings: RunSettings
) -> Plan:
    databases = DatabaseSet((), None, None, None)
    entities = [entity for job in jobs for entity in job.entities]
    if settings.msa_server:
        databases = structures_of(settings.data_dir)
    elif settings.data_dir or settings.db or any(not entity.alignments for entity in entities):
        pairs = any(job.searched_to_pair for job in jobs)
        databases = select(settings.data_dir, settings.preset, settings.db, settings.template_search, pairs=pairs)
    _check_programs(jobs, databases)
    return Plan(out, jobs, settings, databases, _residues(databases), models, machine, (out,))


def _residues(databases: DatabaseSet) -> dict[str, int]:
    sequences = {database.name: estimated_residues(database.path) for database in databases.fasta}
    return sequences | {database.name: database.estimated_columns() for database in databases.profiles}


def _check_programs(jobs: Sequence[Job], databases: DatabaseSet) -> None:
    """Raises ProgramError for a program that a search needs and that is missing or can't be run here."""
    searched = [entity for job in jobs for entity in job.entities if not entity.alignments]
    profiled = [entity for job in jobs if not job.templates for entity in job.entities if not entity.hits]
    needed = ((searched, databases.msa), (profiled, (databases.templates,)))
    for database in (one for some, those in needed if some for one in those):
        if isinstance(database, ProfileDatabase):
            version_of(database.program)


def disk_bytes(queries: Iterable[Query], models: Sequence[ModelPlan], settings: RunSettings, machine: Machine) -> float:
    """Disk space of all predictions, at the most. Features and alignments come on top."""
    return sum(cost.disk_bytes for query in queries for cost in _costs_of(query, models, settings, machine))


def check_sizes(
    queries: Sequence[Query], out: Path, models: Sequence[ModelPlan], settings: RunSettings, machine: Machine
) -> None:
    """Raises InputError for a protein that needs more memory than there is, and for a disk that is too small."""
    costs = {query.name: _costs_of(query, models, settings, machine) for query in queries}
    check_memory(queries, machine.memory, {name: max(cost.peak_bytes for cost in costs[name]) for name in costs})
    _check_place(out, disk_bytes(queries, models, settings, machine))


def _costs_of(
    query: Query, models: Sequence[ModelPlan], settings: RunSettings, machine: Machine
) -> list[PredictionCost]:
    """Of each prediction."""
    predictions = predictions_of(models_of(models, settings, query), settings)
    return [prediction_cost(model, query.n_res, settings, machine.choice) for model, _ in predictions]


def _check_place(out: Path, disk_bytes: float = 0.0) -> None:
    place = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        why = f"no write access to {place}" if place.is_dir() else f"{place} is a file"
        raise InputError(f"{out}: nothing can be written there: {why}; give another folder with -o")
    free = shutil.disk_usage(place).free
    needed = _SPARE_DISK + disk_bytes
    if disk_bytes and needed > free:
        raise InputError(f"{out}: about {needed / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free on the disk")
