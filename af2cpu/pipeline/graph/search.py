"""The part of the graph from databases to features. Searches belong to a sequence, whichever proteins have it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from af2cpu.pipeline.graph.nodes import Cost, Item, Node, Output
from af2cpu.pipeline.stages.features import FeaturesTask
from af2cpu.pipeline.stages.msa import MsaTask
from af2cpu.pipeline.stages.search_record import SearchRecordTask
from af2cpu.pipeline.stages.structures import StructuresTask
from af2cpu.pipeline.stages.template_hits import HitsTask
from af2cpu.plan.jobs import SEARCH_RECORD, Job
from af2cpu.plan.run import Plan
from af2cpu.search.databases import HITS, Database, alignment_file

_PROFILE = "uniref90_hits.sto"  # the alignment that templates are searched with
_CELLS_PER_SECOND = 1.5e10  # query residues times database residues, one core: pyhmmer, benchmarks/search.py
_SEARCH_BYTES = 500e6  # a search's memory, about: shards, sequences and hits
_FEATURES_BYTES = 400e6


@dataclass(frozen=True)
class TargetInputs:
    """The features of one protein and everything that they are made from."""

    features: Output | Path
    alignments: tuple[Output | Path, ...] = ()
    hits: tuple[Output | Path, ...] = ()
    databases: tuple[Output, ...] = ()
    structures: tuple[Output, ...] = ()
    notes: tuple[str, ...] = ()
    nodes: tuple[Node, ...] = ()

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
    """Makes the nodes of the searches, and knows which item has the alignment of a sequence."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._found: dict[tuple[str, str], Output] = {}  # (sequence or target, database) -> its search

    def databases(self) -> Iterator[Node]:
        """The index of each database that is searched."""
        for database in self._searched():
            targets = tuple(job.name for job in self._plan.jobs if database in self._databases_of(job))
            cost = Cost(self._plan.residues[database.name] / 1e9, cores=self._plan.machine.cores)
            yield Node(_database_id(database), "database", (Item(database, targets=targets),), cost)

    def of_group(self, jobs: Sequence[Job]) -> Iterator[Node]:
        """The searches of some jobs: alignments, then template hits."""
        by_sequence: dict[str, list[Job]] = {}
        for job in jobs:
            if not job.alignments and not job.features:
                by_sequence.setdefault(job.query.sequence, []).append(job)
        for database in self._plan.databases.msa if by_sequence else ():
            yield self._msa_node(database, list(by_sequence.values()))
        yield from self._hits_nodes(jobs)

    def inputs_of(self, job: Job) -> TargetInputs:
        """The features of a job and what they are made from; the searches are known by then."""
        if job.features:
            return TargetInputs(job.features)
        hits, notes = self._hits_of(job)
        databases = tuple(Output(_database_id(database)) for database in self._databases_of(job))
        inputs = TargetInputs(
            features=Output(f"{job.name}/features"),
            alignments=self._alignments_of(job),
            hits=hits,
            databases=databases,
            structures=(Output(f"{job.name}/structures"),) if self._fetches(hits) else (),
            notes=notes,
        )
        return TargetInputs(**vars(inputs) | {"nodes": tuple(self._target_nodes(job, inputs))})

    def _searched(self) -> list[Database]:
        databases = self._plan.databases
        every = [*databases.msa, *([databases.templates] if databases.templates else [])]
        return [database for database in every if any(database in self._databases_of(job) for job in self._plan.jobs)]

    def _databases_of(self, job: Job) -> list[Database]:
        databases = self._plan.databases
        if job.features:
            return []
        searched = [] if job.alignments else list(databases.msa)
        return searched + ([databases.templates] if databases.templates and not job.templates else [])

    def _msa_node(self, database: Database, sequences: Sequence[Sequence[Job]]) -> Node:
        node = f"msa/{database.name}/{sequences[0][0].name}"
        items = []
        for number, jobs in enumerate(sequences):
            self._found[jobs[0].query.sequence, database.name] = Output(node, number)
            index = (Output(_database_id(database)),)
            task = MsaTask(jobs[0].query, database)
            items.append(self._item(task, jobs, alignment_file(database), {"database": index}))
        return Node(node, "msa", tuple(items), self._search_cost(database, sequences))

    def _item(
        self, task: MsaTask | HitsTask, jobs: Sequence[Job], file: str, inputs: Mapping[str, tuple[Output | Path, ...]]
    ) -> Item:
        """A search whose file is kept in the cache of alignments, if there is one, and in each target's folder."""
        places = [job.msas / file for job in jobs]
        if self._plan.settings.msa_cache:
            places.insert(0, _cached(self._plan.settings.msa_cache, task.query.sequence) / file)
        return Item(task, places[0], inputs, tuple(places[1:]), tuple(job.name for job in jobs))

    def _hits_nodes(self, jobs: Sequence[Job]) -> Iterator[Node]:
        database = self._plan.databases.templates
        by_sequence: dict[str, list[Job]] = {}
        for job in jobs:
            if job.features or job.templates or job.hits or self._profile(job) is None:
                continue
            # Given alignments are a target's own: its hits are not those of others with the sequence.
            by_sequence.setdefault(f"{job.name}/" if job.alignments else job.query.sequence, []).append(job)
        if database is None or not by_sequence:
            return
        node = f"hits/{next(iter(by_sequence.values()))[0].name}"
        items = []
        for number, (sequence, same) in enumerate(by_sequence.items()):
            self._found[sequence, database.name] = Output(node, number)
            profile = self._profile(same[0])
            assert profile is not None
            inputs = {"profile": (profile,), "database": (Output(_database_id(database)),)}
            task = HitsTask(same[0].query, database)
            own = sequence.endswith("/")
            items.append(
                Item(task, same[0].msas / HITS, inputs, targets=(same[0].name,))
                if own
                else self._item(task, same, HITS, inputs)
            )
        yield Node(node, "template hits", tuple(items), self._search_cost(database, list(by_sequence.values())))

    def _profile(self, job: Job) -> Output | Path | None:
        """The alignment that templates are searched with."""
        if job.alignments:
            return next((path for path in job.alignments if path.name.removesuffix(".gz") == _PROFILE), None)
        return self._found.get((job.query.sequence, _PROFILE.removesuffix("_hits.sto")))

    def _alignments_of(self, job: Job) -> tuple[Output | Path, ...]:
        if job.alignments:
            return job.alignments
        return tuple(self._found[job.query.sequence, database.name] for database in self._plan.databases.msa)

    def _hits_of(self, job: Job) -> tuple[tuple[Output | Path, ...], tuple[str, ...]]:
        """Template hits, and what is to be said where there are none."""
        database = self._plan.databases.templates
        if job.templates:
            return (), ()
        if job.hits:
            return (job.hits,), ()
        if database is None:
            return (), ()
        key = f"{job.name}/" if job.alignments else job.query.sequence
        found = self._found.get((key, database.name))
        return ((found,), ()) if found else ((), (f"no template search: it needs the alignment {_PROFILE}",))

    def _fetches(self, hits: tuple[Output | Path, ...]) -> bool:
        settings, databases = self._plan.settings, self._plan.databases
        return bool(hits) and settings.mmcif == "on-demand" and databases.mmcif is not None

    def _target_nodes(self, job: Job, inputs: TargetInputs) -> Iterator[Node]:
        plan, targets = self._plan, (job.name,)
        mmcif = plan.databases.mmcif
        if inputs.structures:
            assert mmcif is not None
            item = Item(StructuresTask(mmcif), inputs={"hits": inputs.hits}, targets=targets)
            yield Node(f"{job.name}/structures", "structures", (item,))
        task = FeaturesTask(job.query, mmcif, plan.databases.obsolete, plan.settings.max_template_date)
        given: dict[str, tuple[Output | Path, ...]] = {"own_templates": job.templates}
        given |= {"alignments": inputs.alignments, "hits": inputs.hits, "structures": inputs.structures}
        item = Item(task, job.folder / "features.npz", given, targets=targets)
        yield Node(f"{job.name}/features", "features", (item,), Cost(1.0, _FEATURES_BYTES))
        record = SearchRecordTask(job, plan.settings.max_template_date, inputs.notes)
        item = Item(record, job.folder / SEARCH_RECORD, inputs.as_inputs(), targets=targets)
        yield Node(f"{job.name}/search record", "search record", (item,))

    def _search_cost(self, database: Database, sequences: Sequence[Sequence[Job]]) -> Cost:
        cores = self._plan.machine.cores
        cells = self._plan.residues[database.name] * sum(jobs[0].query.n_res for jobs in sequences)
        return Cost(cells / (_CELLS_PER_SECOND * cores), _SEARCH_BYTES, cores)


def _database_id(database: Database) -> str:
    return f"database/{database.name}"


def _cached(folder: Path, sequence: str) -> Path:
    """The folder of a sequence's alignments in the cache."""
    name = hashlib.blake2b(sequence.encode(), digest_size=16).hexdigest()
    return folder / name[:2] / name
