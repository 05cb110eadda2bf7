"""The part of the graph from databases to features. Searches belong to a sequence, whichever proteins have it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from af2cpu.pipeline.graph.nodes import Cost, Item, Node, Output
from af2cpu.pipeline.stages.features import FeaturesTask
from af2cpu.pipeline.stages.hh_suite import ProfileTask
from af2cpu.pipeline.stages.msa import MsaTask
from af2cpu.pipeline.stages.search_record import SearchRecordTask
from af2cpu.pipeline.stages.structures import StructuresTask
from af2cpu.pipeline.stages.template_hits import HitsTask
from af2cpu.plan.jobs import FEATURES_FILE, SEARCH_FILE, Job
from af2cpu.plan.run import Plan
from af2cpu.search.databases import Database, alignment_file, hits_file
from af2cpu.search.hh_suite import MAX_CORES
from af2cpu.search.profile_databases import ProfileDatabase

_PROFILE = "uniref90_hits.sto"  # the alignment that templates are searched with
_CELLS_PER_SECOND = 1e11  # query residues times database residues, one core, plain FASTA: benchmarks/search.py
_COUNTED_PER_SECOND = 1e9  # residues of a database that is indexed
_SEARCH_BYTES = 500e6  # a search's memory, about: shards, sequences and hits
_FEATURES_BYTES = 400e6
_PROFILES_BYTES = 4e9  # of hh-suite's programs: their own limit for realigning is 3 GB
# HHblits' iterations. Its prefilter alone was measured at 4.4e10 cells a second on one core; comparing and reading the
# profiles that pass comes on top, so that _CELLS_PER_SECOND serves as an estimate.
_PROFILES_PASSES = 3


@dataclass(frozen=True)
class TargetInputs:
    """The features of one protein and everything that they are made from."""

    features: Output | Path
    alignments: tuple[Output | Path, ...] = ()
    hits: tuple[Output | Path, ...] = ()
    databases: tuple[Output, ...] = ()
    programs: tuple[str, ...] = ()  # external ones that search
    structures: tuple[Output, ...] = ()
    notes: tuple[str, ...] = ()
    nodes: tuple[Node, ...] = ()
    owner: str | None = None  # equal for proteins whose features differ in their names only; None if not known

    def of_features(self, job: Job) -> dict[str, tuple[Output | Path, ...]]:
        """For the stage that makes the features."""
        return {
            "alignments": self.alignments,
            "hits": self.hits,
            "own_templates": job.templates,
        }

    def as_inputs(self) -> dict[str, tuple[Output | Path, ...]]:
        """For stages that tell of the search."""
        return {
            "databases": self.databases,
            "structures": self.structures,
            "alignments": self.alignments,
            "hits": self.hits,
            "features": (self.features,),
        }


class SearchNodes:
    """Makes the nodes of the searches, and knows which item has the alignments and hits of a protein."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._found: dict[tuple[str, str], Output] = {}  # (_owner, database) -> its search

    def databases(self) -> Iterator[Node]:
        """The index of each database that is searched."""
        needed = {job.name: self._databases_of(job) for job in self._plan.jobs}
        for database in self._plan.databases.fasta:
            targets = [name for name, databases in needed.items() if database in databases]
            if targets:
                cost = Cost(self._plan.residues[database.name] / _COUNTED_PER_SECOND, cores=self._plan.machine.cores)
                yield Node(_index(database).node, "database", (Item(database, dict.fromkeys(targets)),), cost)

    def of_group(self, jobs: Sequence[Job]) -> Iterator[Node]:
        """The searches of some jobs: alignments, then template hits."""
        searched = _by_owner(job for job in jobs if not job.alignments and not job.features)
        for database in self._plan.databases.msa if searched else ():
            yield from self._msa_nodes(database, searched)
        profiled = _by_owner(job for job in jobs if self._searches_templates(job))
        if profiled and self._plan.databases.templates:
            yield from self._hits_nodes(self._plan.databases.templates, profiled)

    def inputs_of(self, job: Job) -> TargetInputs:
        """The features of a job and what they are made from; `of_group` has been asked for its searches."""
        if job.features:
            return TargetInputs(job.features)
        hits = self._hits_of(job)
        inputs = TargetInputs(
            features=Output(f"{job.name}/features"),
            alignments=self._alignments_of(job),
            hits=hits,
            databases=tuple(_index(one) for one in self._databases_of(job) if isinstance(one, Database)),
            programs=tuple(one.program for one in self._databases_of(job) if isinstance(one, ProfileDatabase)),
            structures=(Output(f"{job.name}/structures"),) if hits and self._fetches_structures else (),
            notes=self._notes_of(job),
            owner=_owner(job),
        )
        return replace(inputs, nodes=tuple(self._target_nodes(job, inputs)))

    def _databases_of(self, job: Job) -> tuple[Database | ProfileDatabase, ...]:
        """The databases that are searched for a job."""
        databases = self._plan.databases
        alignments = () if job.alignments or job.features else databases.msa
        templates = (databases.templates,) if databases.templates and self._searches_templates(job) else ()
        return (*alignments, *templates)

    def _searches_templates(self, job: Job) -> bool:
        given = job.features or job.templates or job.hits
        return not given and self._plan.databases.templates is not None and self._has_profile(job)

    def _has_profile(self, job: Job) -> bool:
        """Whether there is the alignment that templates are searched with."""
        if job.alignments:
            return any(_is_profile(path) for path in job.alignments)
        return any(alignment_file(database) == _PROFILE for database in self._plan.databases.msa)

    def _msa_nodes(self, database: Database | ProfileDatabase, owners: Mapping[str, Sequence[Job]]) -> Iterator[Node]:
        if isinstance(database, ProfileDatabase):
            for owner, jobs in owners.items():
                item = self._item(ProfileTask(jobs[0].query, database), alignment_file(database), jobs, {})
                yield self._profile_node(f"msa:{database.name}", "hhblits", owner, item, _PROFILES_PASSES)
            return
        file, inputs = alignment_file(database), {"database": (_index(database),)}
        items = {
            owner: self._item(MsaTask(jobs[0].query, database), file, jobs, inputs) for owner, jobs in owners.items()
        }
        yield self._search_node(f"msa:{database.name}", "msa", database, items)

    def _hits_nodes(self, database: Database | ProfileDatabase, owners: Mapping[str, Sequence[Job]]) -> Iterator[Node]:
        file = hits_file(database)
        profiles: dict[str, dict[str, tuple[Output | Path, ...]]]
        profiles = {owner: {"profile": (self._profile(jobs[0]),)} for owner, jobs in owners.items()}
        if isinstance(database, ProfileDatabase):
            for owner, jobs in owners.items():
                item = self._item(ProfileTask(jobs[0].query, database), file, jobs, profiles[owner])
                yield self._profile_node("hits", "hhsearch", owner, item, passes=1)
            return
        indexed = {"database": (_index(database),)}
        items = {
            owner: self._item(HitsTask(jobs[0].query, database), file, jobs, indexed | profiles[owner])
            for owner, jobs in owners.items()
        }
        yield self._search_node("hits", "template hits", database, items)

    def _search_node(self, name: str, stage: str, database: Database, items: Mapping[str, Item]) -> Node:
        """Searches that share a pass over a database, named after the first protein."""
        node = f"{name}:{next(iter(items.values())).targets[0]}"
        for number, owner in enumerate(items):
            self._found[owner, database.name] = Output(node, number)
        cores = self._plan.machine.cores
        n_res = sum(item.task.query.n_res for item in items.values())
        cells = self._plan.residues[database.name] * n_res
        return Node(node, stage, tuple(items.values()), Cost(cells / (_CELLS_PER_SECOND * cores), _SEARCH_BYTES, cores))

    def _profile_node(self, name: str, stage: str, owner: str, item: Item, passes: int) -> Node:
        """A search with one of hh-suite's programs, which takes one sequence and few cores."""
        task: ProfileTask = item.task
        output = Output(f"{name}:{item.targets[0]}")
        self._found[owner, task.database.name] = output
        cores = min(self._plan.machine.cores, MAX_CORES)
        cells = passes * self._plan.residues[task.database.name] * task.query.n_res
        return Node(output.node, stage, (item,), Cost(cells / (_CELLS_PER_SECOND * cores), _PROFILES_BYTES, cores))

    def _item(
        self,
        task: MsaTask | HitsTask | ProfileTask,
        file: str,
        jobs: Sequence[Job],
        inputs: Mapping[str, tuple[Output | Path, ...]],
    ) -> Item:
        """A search; its file goes into each protein's folder, and into the cache of alignments if there is one."""
        cached = self._plan.settings.msa_cache if not jobs[0].alignments else None
        return Item(
            task,
            {job.name: job.msas / file for job in jobs},
            inputs,
            cache=_cached(cached, task.query.sequence) / file if cached else None,
        )

    def _profile(self, job: Job) -> Output | Path:
        if job.alignments:
            return next(path for path in job.alignments if _is_profile(path))
        return self._found[_owner(job), _PROFILE.removesuffix("_hits.sto")]

    def _alignments_of(self, job: Job) -> tuple[Output | Path, ...]:
        if job.alignments:
            return job.alignments
        return tuple(self._found[_owner(job), database.name] for database in self._plan.databases.msa)

    def _hits_of(self, job: Job) -> tuple[Output | Path, ...]:
        database = self._plan.databases.templates
        if job.hits and not job.templates:
            return (job.hits,)
        return (self._found[_owner(job), database.name],) if database and self._searches_templates(job) else ()

    def _notes_of(self, job: Job) -> tuple[str, ...]:
        wanted = self._plan.databases.templates and not job.templates and not job.hits
        lacking = wanted and not self._has_profile(job)
        return (f"no template search: it needs the alignment {_PROFILE}",) if lacking else ()

    @property
    def _fetches_structures(self) -> bool:
        return self._plan.settings.mmcif == "on-demand" and self._plan.databases.mmcif is not None

    def _target_nodes(self, job: Job, inputs: TargetInputs) -> Iterator[Node]:
        """From the searches of one protein to its features."""
        settings, databases = self._plan.settings, self._plan.databases
        if inputs.structures and databases.mmcif:
            item = Item(StructuresTask(job.query, databases.mmcif), {job.name: None}, {"hits": inputs.hits})
            yield Node(f"{job.name}/structures", "structures", (item,))
        task = FeaturesTask(job.query, databases.mmcif, databases.obsolete, settings.max_template_date)
        place = {job.name: job.folder / FEATURES_FILE}
        item = Item(task, place, inputs.of_features(job), after=inputs.structures)
        yield Node(f"{job.name}/features", "features", (item,), Cost(1.0, _FEATURES_BYTES))
        record = SearchRecordTask(job, settings.max_template_date, inputs.notes)
        item = Item(record, {job.name: job.folder / SEARCH_FILE}, inputs.as_inputs())
        yield Node(f"{job.name}/search record", "search record", (item,))


def _index(database: Database) -> Output:
    return Output(f"database:{database.name}")


def _is_profile(path: Path) -> bool:
    return path.name.removesuffix(".gz") == _PROFILE


def _owner(job: Job) -> str:
    """Whom a search belongs to: a sequence, or one protein whose alignments the user gave."""
    return f"{job.name}:" if job.alignments else job.query.sequence


def _by_owner(jobs: Iterable[Job]) -> dict[str, list[Job]]:
    grouped: dict[str, list[Job]] = {}
    for job in jobs:
        grouped.setdefault(_owner(job), []).append(job)
    return grouped


def _cached(folder: Path, sequence: str) -> Path:
    """The folder of a sequence's alignments in the cache."""
    name = hashlib.blake2b(sequence.encode(), digest_size=16).hexdigest()
    return folder / name[:2] / name
