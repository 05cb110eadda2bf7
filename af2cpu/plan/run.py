"""The plan of a run: jobs, databases, models and machine, as frozen plain data that any process can read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from af2cpu.errors import InputError
from af2cpu.plan.given import jobs_of_inputs
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
from af2cpu.query import check_memory, read_inputs
from af2cpu.query.letters import nucleotide_caution
from af2cpu.records import Query
from af2cpu.search.databases import DatabaseSet, select
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

    def models_of(self, query: Query) -> tuple[ModelPlan, ...]:
        """The models that predict a target."""
        return models_of(self.models, self.settings, query)

    def warnings(self) -> dict[str, list[str]]:
        """What is to be said of parameters and sequences, each with the targets that it is about."""
        about: dict[str, list[str]] = {}
        for job in self.jobs:
            letters = nucleotide_caution(job.query.sequence)
            for caution in (*cautions(self.models_of(job.query), job.query), *([letters] if letters else [])):
                about.setdefault(caution, []).append(job.name)
        return about


def plan_run(paths: Sequence[Path], out: Path, settings: RunSettings, selection: Selection = ALL) -> Plan:
    """From sequences to ranked structures. Raises InputError for whatever would stop it later.

    A selection may leave no job; then nothing but the input is checked.
    """
    inputs = read_inputs(paths, as_complexes=settings.complex)
    models = plan_models(settings, (item.query for item in inputs))
    machine = this_machine(settings)
    targets = [(item.query, out / item.query.name) for item in inputs]
    inputs = [inputs[number] for number in selection.chosen(targets, _costs(models, settings, machine))]
    if not inputs:
        return Plan(out, (), settings, DatabaseSet((), None, None, None), {}, models, machine)
    check_sizes([item.query for item in inputs], out, models, settings, machine)
    return _plan(jobs_of_inputs(inputs, out, settings), out, models, machine, settings)


def plan_search(paths: Sequence[Path], out: Path, settings: RunSettings, *, features_only: bool = False) -> Plan:
    """From sequences to features. Raises InputError for whatever would stop it later."""
    _check_place(out)
    jobs = jobs_of_inputs(read_inputs(paths, as_complexes=settings.complex), out, settings)
    if features_only:
        _check_alignments(jobs)
    plan = _plan(jobs, out, (), this_machine(settings), settings)
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
    jobs = tuple(jobs[number] for number in chosen)
    check_sizes([job.query for job in jobs], folders[0], models, settings, machine)
    return Plan(folders[0], jobs, settings, DatabaseSet((), None, None, None), {}, models, machine, tuple(folders))


def plan_estimate(lengths: Sequence[int], paths: Sequence[Path], settings: RunSettings) -> Plan:
    """Proteins of some lengths and those in files, to be estimated only: nothing is looked for, nothing refused.

    Raises InputError for files that can't be read.
    """
    queries = [Query(f"length {n_res}", "A" * n_res, "", "the command line") for n_res in lengths]
    queries += [item.query for item in read_inputs(paths, as_complexes=settings.complex)] if paths else []
    # Features count as made: what a search takes depends on databases that are not given here.
    jobs = tuple(Job.of(query, Path(query.name), features=Path(query.name)) for query in queries)
    models = models_without_parameters(settings, queries)
    return Plan(Path(), jobs, settings, DatabaseSet((), None, None, None), {}, models, this_machine(settings))


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
    if settings.data_dir or settings.db or any(not entity.alignments for entity in entities):
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


def check_sizes(
    queries: Sequence[Query], out: Path, models: Sequence[ModelPlan], settings: RunSettings, machine: Machine
) -> None:
    """Raises InputError for a protein that needs more memory than there is, and for a disk that is too small."""
    costs = {query.name: _costs_of(query, models, settings, machine) for query in queries}
    check_memory(queries, machine.memory, {name: max(cost.peak_bytes for cost in costs[name]) for name in costs})
    _check_place(out, sum(cost.disk_bytes for query in queries for cost in costs[query.name]))


def _costs_of(
    query: Query, models: Sequence[ModelPlan], settings: RunSettings, machine: Machine
) -> list[PredictionCost]:
    """Of each prediction."""
    predictions = predictions_of(models_of(models, settings, query), settings)
    return [prediction_cost(model, query.n_res, settings, machine.choice) for model, _ in predictions]


def _check_place(out: Path, disk_bytes: float = 0.0) -> None:
    place = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        raise InputError(f"{out}: nothing can be written there ({place}); give another folder with -o")
    free = shutil.disk_usage(place).free
    needed = _SPARE_DISK + disk_bytes
    if disk_bytes and needed > free:
        raise InputError(f"{out}: about {needed / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free on the disk")
