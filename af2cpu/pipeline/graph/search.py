# SPDX-License-Identifier: Apache-2.0
"""The part of the graph from databases to features. Searches belong to a sequence, whichever targets have it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from af2cpu.pipeline.graph.nodes import Cost, Item, Node, Output
from af2cpu.pipeline.graph.server import ServerNodes
from af2cpu.pipeline.graph.wanted import Wanted, by_owner, cached_folder
from af2cpu.pipeline.stages.entities import entity_input
from af2cpu.pipeline.stages.features import ChainTask, FeaturesTask
from af2cpu.pipeline.stages.hh_suite import ProfileTask
from af2cpu.pipeline.stages.msa import MsaTask
from af2cpu.pipeline.stages.search_record import SearchRecordTask
from af2cpu.pipeline.stages.structures import StructuresTask
from af2cpu.pipeline.stages.template_hits import HitsTask
from af2cpu.plan.jobs import FEATURES_FILE, SEARCH_FILE, Entity, Job
from af2cpu.plan.plan import Plan
from af2cpu.search.databases import Database, alignment_file, hits_file
from af2cpu.search.hh_suite import MAX_CORES
from af2cpu.search.profile_databases import ProfileDatabase

_PROFILE = "uniref90_hits.sto"  # the alignment that templates are searched with
_CELLS_PER_SECOND = 1e11  # query residues times database residues, one core, plain FASTA: benchmarks/search.py
_COUNTED_PER_SECOND = 1e9  # residues of a database that is indexed
_SEARCH_BYTES = 500e6  # a search's memory, about: shards, sequences and hits
_FEATURES_BYTES = 400e6
_COMPLEX_BYTES = 250e3  # per residue of a complex
_PROFILES_BYTES = 4e9  # of hh-suite's programs: their own limit for realigning is 3 GB
# HHblits' iterations. Its prefilter alone was measured at 4.4e10 cells a second on one core; comparing and reading the
# profiles that pass comes on top, so that _CELLS_PER_SECOND serves as an estimate.
_PROFILES_PASSES = 3


@dataclass(frozen=True)
class EntityInputs:
    """What the features of one sequence of a target are made from."""

    id: str  # of the first chain with the sequence
    alignments: tuple[Output | Path, ...] = ()
    pairing: tuple[Output | Path, ...] = ()  # the alignment whose rows are paired with those of the other sequences
    hits: tuple[Output | Path, ...] = ()
    own_templates: tuple[Path, ...] = ()

    def as_inputs(self) -> dict[str, tuple[Output | Path, ...]]:
        """By the names that `stages.entities.inputs_of` reads."""
        named = (("alignments", self.alignments), ("pairing", self.pairing), ("hits", self.hits))
        return {entity_input(self.id, name): values for name, values in (*named, ("own_templates", self.own_templates))}


@dataclass(frozen=True)
class TargetInputs:
    """The features of one target and everything that they are made from."""

    features: Output | Path
    entities: tuple[EntityInputs, ...] = ()
    paired: tuple[Output | Path, ...] = ()  # alignment of a complex with rows that are paired, given or of a server
    databases: tuple[Output, ...] = ()
    programs: tuple[str, ...] = ()  # external ones that search
    structures: tuple[Output, ...] = ()
    notes: tuple[str, ...] = ()
    nodes: tuple[Node, ...] = ()
    owner: str | None = None  # equal for targets whose features differ in their names only; None if not known

    @property
    def alignments(self) -> tuple[Output | Path, ...]:
        """Of all entities."""
        return tuple(dict.fromkeys(value for entity in self.entities for value in entity.alignments))

    @property
    def of_features(self) -> dict[str, tuple[Output | Path, ...]]:
        """For the stage that makes the features."""
        inputs = {name: values for entity in self.entities for name, values in entity.as_inputs().items()}
        return inputs | ({"paired": self.paired} if self.paired else {})

    def as_inputs(self) -> dict[str, tuple[Output | Path, ...]]:
        """For stages that tell of the search."""
        of_target = {"databases": self.databases, "structures": self.structures, "features": (self.features,)}
        return self.of_features | of_target


class SearchNodes:
    """Makes the nodes of the searches, and knows which item has the alignments and hits of an entity."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._server = ServerNodes(plan) if plan.settings.msa_server else None
        self._found: dict[tuple[str, str], Output] = {}  # (owner, database) -> its search
        self._wanted: dict[str, list[Wanted]] = {}  # by sequence
        for job in plan.jobs:
            for entity in job.entities if not job.features else ():
                self._wanted.setdefault(entity.query.sequence, []).append(Wanted(job, entity))

    def databases(self) -> Iterator[Node]:
        """The index of each database that is searched."""
        needed = {job.name: self._databases_of(job) for job in self._plan.jobs}
        for database in self._plan.databases.fasta:
            targets = [name for name, databases in needed.items() if database in databases]
            if targets:
                cost = Cost(self._plan.residues[database.name] / _COUNTED_PER_SECOND, cores=self._plan.machine.cores)
                yield Node(_index(database).node, "database", (Item(database, dict.fromkeys(targets)),), cost)

    def of_group(self, sequences: Sequence[str]) -> Iterator[Node]:
        """The searches of some sequences: alignments, then template hits."""
        wanted = [one for sequence in sequences for one in self._wanted.get(sequence, ())]
        if self._server:
            yield from self._server.of_group(wanted)
        searched = by_owner(one for one in wanted if not one.entity.alignments)
        for database in self._plan.databases.msa if searched else ():
            yield from self._msa_nodes(database, searched)
        paired = by_owner(one for one in wanted if self._searches_pairing(one))
        if paired and self._plan.databases.pairing:
            yield from self._msa_nodes(self._plan.databases.pairing, paired)
        profiled = by_owner(one for one in wanted if self._searches_templates(one))
        if profiled and self._plan.databases.templates:
            yield from self._hits_nodes(self._plan.databases.templates, profiled)

    def inputs_of(self, job: Job) -> TargetInputs:
        """The features of a job and what they are made from; `of_group` has been asked for its searches."""
        if job.features:
            return TargetInputs(job.features)
        wanted = [Wanted(job, entity) for entity in job.entities]
        given = any(entity.alignments for entity in job.entities)
        entities = tuple(map(self._inputs_of, wanted))
        paired, nodes = self._server.pairs_of(job) if self._server else ((), ())
        inputs = TargetInputs(
            features=Output(f"{job.name}/features"),
            entities=entities,
            paired=(job.paired_msa,) if job.paired_msa else paired,
            nodes=nodes,
            databases=tuple(_index(one) for one in self._databases_of(job) if isinstance(one, Database)),
            programs=tuple(one.program for one in self._databases_of(job) if isinstance(one, ProfileDatabase)),
            notes=tuple(note for one in wanted for note in self._notes_of(one)),
            owner=f"{job.name}:" if given else job.query.sequence,
        )
        return self._with_nodes(job, inputs)

    def _inputs_of(self, wanted: Wanted) -> EntityInputs:
        return EntityInputs(
            id=wanted.entity.chains[0],
            alignments=self._alignments_of(wanted),
            pairing=self._pairing_of(wanted),
            hits=self._hits_of(wanted),
            own_templates=wanted.entity.templates,
        )

    def _databases_of(self, job: Job) -> tuple[Database | ProfileDatabase, ...]:
        """The databases that are searched for a job."""
        if job.features:
            return ()
        databases, wanted = self._plan.databases, [Wanted(job, entity) for entity in job.entities]
        found = databases.msa if any(not entity.alignments for entity in job.entities) else ()
        if databases.pairing and any(map(self._searches_pairing, wanted)):
            found = (*found, databases.pairing)
        if databases.templates and any(map(self._searches_templates, wanted)):
            found = (*found, databases.templates)
        return found

    def _searches_pairing(self, wanted: Wanted) -> bool:
        return self._plan.databases.pairing is not None and wanted.entity in wanted.job.searched_to_pair

    def _searches_templates(self, wanted: Wanted) -> bool:
        given = wanted.job.templates or wanted.entity.hits
        return not given and self._plan.databases.templates is not None and self._has_profile(wanted.entity)

    def _has_profile(self, entity: Entity) -> bool:
        """Whether there is the alignment that templates are searched with."""
        if entity.alignments:
            return any(_is_profile(path) for path in entity.alignments)
        return any(alignment_file(database) == _PROFILE for database in self._plan.databases.msa)

    def _msa_nodes(
        self, database: Database | ProfileDatabase, owners: Mapping[str, Sequence[Wanted]]
    ) -> Iterator[Node]:
        file = alignment_file(database)
        if isinstance(database, ProfileDatabase):
            for owner, wanted in owners.items():
                item = self._item(ProfileTask(wanted[0].entity.query, database), file, wanted, {})
                yield self._profile_node(f"msa:{database.name}", "hhblits", owner, item, _PROFILES_PASSES)
            return
        inputs = {"database": (_index(database),)}
        items = {
            owner: self._item(MsaTask(wanted[0].entity.query, database), file, wanted, inputs)
            for owner, wanted in owners.items()
        }
        yield self._search_node(f"msa:{database.name}", "msa", database, items)

    def _hits_nodes(
        self, database: Database | ProfileDatabase, owners: Mapping[str, Sequence[Wanted]]
    ) -> Iterator[Node]:
        file = hits_file(database)
        profiles: dict[str, dict[str, tuple[Output | Path, ...]]]
        profiles = {owner: {"profile": (self._profile(wanted[0]),)} for owner, wanted in owners.items()}
        if isinstance(database, ProfileDatabase):
            for owner, wanted in owners.items():
                item = self._item(ProfileTask(wanted[0].entity.query, database), file, wanted, profiles[owner])
                yield self._profile_node("hits", "hhsearch", owner, item, passes=1)
            return
        indexed = {"database": (_index(database),)}
        items = {
            owner: self._item(HitsTask(wanted[0].entity.query, database), file, wanted, indexed | profiles[owner])
            for owner, wanted in owners.items()
        }
        yield self._search_node("hits", "template hits", database, items)

    def _search_node(self, name: str, stage: str, database: Database, items: Mapping[str, Item]) -> Node:
        """Searches that share a pass over a database, named after the first sequence."""
        node = f"{name}:{next(iter(items.values())).task.query.name}"
        for number, owner in enumerate(items):
            self._found[owner, database.name] = Output(node, number)
        cores = self._plan.machine.cores
        n_res = sum(item.task.query.n_res for item in items.values())
        cells = self._plan.residues[database.name] * n_res
        return Node(node, stage, tuple(items.values()), Cost(cells / (_CELLS_PER_SECOND * cores), _SEARCH_BYTES, cores))

    def _profile_node(self, name: str, stage: str, owner: str, item: Item, passes: int) -> Node:
        """A search with one of hh-suite's programs, which takes one sequence and few cores."""
        task: ProfileTask = item.task
        output = Output(f"{name}:{task.query.name}")
        self._found[owner, task.database.name] = output
        cores = min(self._plan.machine.cores, MAX_CORES)
        cells = passes * self._plan.residues[task.database.name] * task.query.n_res
        return Node(output.node, stage, (item,), Cost(cells / (_CELLS_PER_SECOND * cores), _PROFILES_BYTES, cores))

    def _item(
        self,
        task: MsaTask | HitsTask | ProfileTask,
        file: str,
        wanted: Sequence[Wanted],
        inputs: Mapping[str, tuple[Output | Path, ...]],
    ) -> Item:
        """A search; its file goes into each target's folder, and into the cache of alignments if there is one."""
        cached = self._plan.settings.msa_cache if not wanted[0].entity.alignments else None
        return Item(
            task,
            {one.job.name: one.entity.msas / file for one in wanted},
            inputs,
            cache=cached_folder(cached, task.query.sequence) / file if cached else None,
        )

    def _profile(self, wanted: Wanted) -> Output | Path:
        if wanted.entity.alignments:
            return next(path for path in wanted.entity.alignments if _is_profile(path))
        return self._found[wanted.owner, _PROFILE.removesuffix("_hits.sto")]

    def _alignments_of(self, wanted: Wanted) -> tuple[Output | Path, ...]:
        if wanted.entity.alignments:
            return wanted.entity.alignments
        if self._server:
            return (self._server.alignment_of(wanted),)
        return tuple(self._found[wanted.owner, database.name] for database in self._plan.databases.msa)

    def _pairing_of(self, wanted: Wanted) -> tuple[Output | Path, ...]:
        if wanted.job.is_paired and wanted.entity.pairing:
            return (wanted.entity.pairing,)
        database = self._plan.databases.pairing
        return (self._found[wanted.owner, database.name],) if database and self._searches_pairing(wanted) else ()

    def _hits_of(self, wanted: Wanted) -> tuple[Output | Path, ...]:
        database, entity = self._plan.databases.templates, wanted.entity
        if entity.hits and not wanted.job.templates:
            return (entity.hits,)
        if self._server and self._server.has_hits(wanted):
            return (self._server.hits_of(wanted),)
        return (self._found[wanted.owner, database.name],) if database and self._searches_templates(wanted) else ()

    def _notes_of(self, wanted: Wanted) -> Iterator[str]:
        entity = wanted.entity
        of = f"chain {entity.chains[0]}: " if wanted.job.query.n_chains > 1 else ""
        given = wanted.job.templates or entity.hits
        if self._server:
            yield from (of + note for note in self._server.notes_of(wanted))
            return
        if self._plan.databases.templates and not given and not self._has_profile(entity):
            yield f"{of}no template search: it needs the alignment {_PROFILE}"
        if wanted.job.is_paired and not self._pairing_of(wanted):
            yield f"{of}no rows are paired with those of other chains: that needs an alignment of UniProt"

    def _mmcif_of(self, job: Job, entity: Entity) -> Path | None:
        """The folder of structures that came with an entity's hits."""
        return self._server.mmcif if self._server and self._server.has_hits(Wanted(job, entity)) else None

    @property
    def _fetches_structures(self) -> bool:
        return self._plan.settings.mmcif == "on-demand" and self._plan.databases.mmcif is not None

    def _with_nodes(self, job: Job, inputs: TargetInputs) -> TargetInputs:
        """The same with the nodes from the searches of one target to its features."""
        settings, databases = self._plan.settings, self._plan.databases
        nodes = list(inputs.nodes)
        if self._fetches_structures and databases.mmcif:
            pairs = zip(job.entities, inputs.entities, strict=True)
            items = tuple(
                Item(StructuresTask(entity.query, databases.mmcif), {job.name: None}, {"hits": its.hits})
                for entity, its in pairs
                if its.hits and not self._mmcif_of(job, entity)
            )
            if items:
                nodes.append(Node(f"{job.name}/structures", "structures", items))
                outputs = tuple(Output(nodes[-1].id, number) for number in range(len(items)))
                inputs = replace(inputs, structures=outputs)
        chains = tuple(ChainTask(one.query, one.chains, self._mmcif_of(job, one)) for one in job.entities)
        task = FeaturesTask(job.query, chains, databases.mmcif, databases.obsolete, settings.max_template_date)
        place = {job.name: job.folder / FEATURES_FILE}
        item = Item(task, place, inputs.of_features, after=inputs.structures)
        nodes.append(Node(f"{job.name}/features", "features", (item,), Cost(1.0, _features_bytes(job))))
        record = SearchRecordTask(job, settings.max_template_date, inputs.notes)
        item = Item(record, {job.name: job.folder / SEARCH_FILE}, inputs.as_inputs())
        nodes.append(Node(f"{job.name}/search record", "search record", (item,)))
        return replace(inputs, nodes=tuple(nodes))


def _features_bytes(job: Job) -> float:
    """Peak of the features stage, at the most: measured with 10 chains of 500 residues and 10,000 rows each."""
    return _FEATURES_BYTES if job.query.n_chains == 1 else max(_FEATURES_BYTES, _COMPLEX_BYTES * job.query.n_res)


def _index(database: Database) -> Output:
    return Output(f"database:{database.name}")


def _is_profile(path: Path) -> bool:
    return path.name.removesuffix(".gz") == _PROFILE
