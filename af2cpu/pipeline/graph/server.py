# SPDX-License-Identifier: Apache-2.0
"""The nodes of searches by an MSA server, in place of those of databases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from af2cpu.formats.streams import HIDDEN
from af2cpu.pipeline.graph.nodes import Cost, Item, Node, Output
from af2cpu.pipeline.graph.wanted import Wanted, by_owner, cached_folder
from af2cpu.pipeline.stages.msa_server import ServerHitsTask, ServerPairsTask, ServerTask
from af2cpu.plan.jobs import MSAS, Job
from af2cpu.plan.plan import Plan
from af2cpu.search.databases import HITS, SERVER_ALIGNMENT, SERVER_PAIRED

_TICKET_SECONDS, _SEQUENCE_SECONDS = 60.0, 15.0  # a guess: a server that is not busy takes a minute or two
_STRUCTURES_SECONDS = 10.0
_BYTES = 200e6  # reading what came


class ServerNodes:
    """Makes the nodes that ask a server, and knows which item has the alignment, the hits or the pairs."""

    def __init__(self, plan: Plan) -> None:
        self._settings = plan.settings
        self._url = (plan.settings.msa_server or "").rstrip("/")
        self._tickets = plan.out / HIDDEN / "tickets"
        self.mmcif = (plan.settings.msa_cache or plan.out / HIDDEN) / "mmcif"  # structures of hits
        self._alignments: dict[str, Output] = {}  # by sequence
        self._hits: dict[str, Output] = {}
        self._complexes: dict[tuple[object, ...], list[Job]] = {}  # those of one kind share their pairs
        for job in plan.jobs:
            if not job.features and self._pairs(job):
                self._complexes.setdefault(_kind(job), []).append(job)

    def of_group(self, wanted: Sequence[Wanted]) -> Iterator[Node]:
        """A ticket for some sequences, and the structures of their template hits."""
        asked = by_owner(one for one in wanted if not one.entity.alignments)
        if asked:
            yield self._alignments_node(asked)
        with_hits = by_owner(one for one in wanted if self.has_hits(one))
        if with_hits:
            yield self._hits_node(with_hits)

    def alignment_of(self, wanted: Wanted) -> Output:
        """The alignment of a sequence without one of its own; `of_group` has been asked for it."""
        return self._alignments[wanted.owner]

    def has_hits(self, wanted: Wanted) -> bool:
        """Whether the server's template hits are used: they come with the alignment."""
        own = wanted.entity.alignments or wanted.entity.hits or wanted.job.templates
        return not own and self._settings.template_search != "none"

    def hits_of(self, wanted: Wanted) -> Output:
        """The template hits of a sequence that has some."""
        return self._hits[wanted.owner]

    def pairs_of(self, job: Job) -> tuple[tuple[Output, ...], tuple[Node, ...]]:
        """The paired rows of a complex, and the node that asks for them unless an equal complex has it."""
        jobs = self._complexes.get(_kind(job), []) if self._pairs(job) else []
        if not jobs:
            return (), ()
        output = Output(f"msa_server:pairs:{jobs[0].name}")
        return (output,), ((self._pairs_node(output.node, jobs),) if jobs[0] is job else ())

    def notes_of(self, wanted: Wanted) -> Iterator[str]:
        """What was not asked for, and why."""
        given = wanted.job.templates or wanted.entity.hits
        if wanted.entity.alignments and not given and self._settings.template_search != "none":
            yield "no template search: it has an alignment of its own, and is not sent to the MSA server"
        if wanted.job.is_paired and not self._pairs(wanted.job) and not wanted.entity.pairing:
            yield "no rows are paired with those of other chains: these have alignments of their own"

    def _pairs(self, job: Job) -> bool:
        """Whether a complex is paired: of two sequences or more, and by the user's own alignments if there are some."""
        asked = [entity for entity in job.entities if not entity.alignments]
        return job.is_paired and len(asked) > 1 and not any(entity.pairing for entity in job.entities)

    def _alignments_node(self, asked: Mapping[str, Sequence[Wanted]]) -> Node:
        items = [
            self._item(ServerTask(wanted[0].entity.query, self._url, self._tickets), SERVER_ALIGNMENT, wanted)
            for wanted in asked.values()
        ]
        node = f"msa_server:{items[0].task.query.name}"
        self._alignments |= {owner: Output(node, number) for number, owner in enumerate(asked)}
        cost = Cost(_TICKET_SECONDS + _SEQUENCE_SECONDS * len(items), _BYTES)
        return Node(node, "msa server", tuple(items), cost, here=True)

    def _hits_node(self, asked: Mapping[str, Sequence[Wanted]]) -> Node:
        items = []
        for owner, wanted in asked.items():
            task = ServerHitsTask(wanted[0].entity.query, self._url, self.mmcif)
            items.append(self._item(task, HITS, wanted, {"alignment": (self._alignments[owner],)}))
        node = f"msa_server:hits:{items[0].task.query.name}"
        self._hits |= {owner: Output(node, number) for number, owner in enumerate(asked)}
        cost = Cost(_STRUCTURES_SECONDS * len(items), _BYTES)
        return Node(node, "msa server hits", tuple(items), cost, here=True)

    def _item(
        self,
        task: ServerTask | ServerHitsTask,
        file: str,
        wanted: Sequence[Wanted],
        inputs: Mapping[str, tuple[Output, ...]] | None = None,
    ) -> Item:
        cache = self._settings.msa_cache
        places: dict[str, Path | None] = {one.job.name: one.entity.msas / file for one in wanted}
        kept = cached_folder(cache, task.query.sequence) / file if cache else None
        return Item(task, places, inputs or {}, cache=kept)

    def _pairs_node(self, node: str, jobs: Sequence[Job]) -> Node:
        job = jobs[0]
        task = ServerPairsTask(
            query=job.query,
            queries=tuple(entity.query for entity in job.entities),
            copies=tuple(len(entity.chains) for entity in job.entities),
            sent=tuple(not entity.alignments for entity in job.entities),
            pairing=self._settings.pairing,
            url=self._url,
            tickets=self._tickets,
        )
        item = Item(task, {one.name: one.folder / MSAS / SERVER_PAIRED for one in jobs}, cache=self._pairs_cache(job))
        cost = Cost(_TICKET_SECONDS + _SEQUENCE_SECONDS * sum(task.sent), _BYTES)
        return Node(node, "msa server pairs", (item,), cost, here=True)

    def _pairs_cache(self, job: Job) -> Path | None:
        cache = self._settings.msa_cache
        if cache is None or any(entity.alignments for entity in job.entities):
            return None
        return cached_folder(cache, job.query.sequence) / SERVER_PAIRED


def _kind(job: Job) -> tuple[object, ...]:
    """Equal for complexes whose paired rows are the same."""
    return tuple((one.query.sequence, len(one.chains), not one.alignments) for one in job.entities)
