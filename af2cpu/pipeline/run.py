# SPDX-License-Identifier: Apache-2.0
"""A run from its plan to its outcomes: the graph is built and walked, the index pages are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from af2cpu import events
from af2cpu.errors import InputError
from af2cpu.formats.streams import HIDDEN
from af2cpu.outputs.layout import ColabFoldLayout, Layout
from af2cpu.pipeline.graph import Graph, Node, build_graph
from af2cpu.pipeline.graph.folding import layout_of, settings_in_effect
from af2cpu.pipeline.listeners.index_pages import LOCK, IndexPages, PairsNoted
from af2cpu.pipeline.listeners.status import keeping_status
from af2cpu.pipeline.listeners.target_logs import TargetLogs
from af2cpu.pipeline.local import run_graph
from af2cpu.pipeline.results import Results
from af2cpu.pipeline.stages import STAGES
from af2cpu.pipeline.stages.prediction import PredictionTask
from af2cpu.plan.jobs import Job
from af2cpu.plan.plan import Plan
from af2cpu.records import Provenance, Ranking
from af2cpu.runs.exclusive import exclusive
from af2cpu.runs.records import DatabaseSearched, Failure, SearchRecord, TargetRun

if TYPE_CHECKING:
    from af2cpu.prediction import Prediction


@dataclass(frozen=True)
class Outcome:
    """The outcome of one target."""

    name: str
    n_res: int
    folder: Path
    layout: Layout  # where its files are
    failure: Failure | None = None
    search: SearchRecord | None = None  # what was searched; None if it failed, or for features made before
    run: TargetRun | None = None  # how it was predicted; None if it failed, or if only features were asked for
    ranking: Ranking | None = None
    seconds: float = 0.0
    reused: bool = False  # nothing had to be made
    searched: frozenset[str] = frozenset()  # databases that were searched now, not by an earlier run
    provenances: Mapping[str, Provenance] = field(default_factory=dict)  # by prediction: what its files tell

    @property
    def error(self) -> str | None:
        """Why it failed, in one line; None if all went well."""
        return self.failure.message if self.failure else None

    @property
    def relaxed(self) -> bool:
        """Whether the best prediction is relaxed."""
        return self.run is not None and self.layout.is_relaxed(self.run.best.name)

    def prediction(self, rank: int = 0) -> Prediction:
        """The prediction of a rank, 0 the best, unrelaxed, read from its file; PAE has float16's precision.

        Raises ValueError if there is none, InputError for a damaged file.
        """
        from af2cpu.outputs.arrays import read_result
        from af2cpu.prediction import Prediction

        entries = self.ranking.entries if self.ranking else ()
        if not 0 <= rank < len(entries):
            raise ValueError(f"{self.name} has {len(entries)} predictions, and none of rank {rank}")
        who = entries[rank].who
        record = read_result(self.layout.of("result", who, ".npz"), who.model)
        return Prediction.of(record, entries[rank], self.provenances[who.name])


Runner = Callable[[Graph, Mapping[str, Path]], Results]  # makes a graph; the proteins' folders


def run(plan: Plan, graph: Graph | None = None, runner: Runner = run_graph) -> list[Outcome]:
    """Everything that the plan asks for, in the order of its jobs. What happens is told by events.

    graph: of the plan, if it was built before. runner: makes it, by default in this process.

    A target's failure is its own, the others go on. Raises DatabaseError for a broken database.
    """
    graph = graph or build_graph(plan)
    folders = {job.name: job.folder for job in plan.jobs}
    pages = IndexPages(plan.pages if plan.models else ())
    with (
        events.listening(TargetLogs(folders), PairsNoted(plan.out, plan.pairs), pages),
        keeping_status(folders, graph) as writers,
    ):
        results = runner(graph, folders)
        for writer in writers:
            writer.take_failures(results.failures)
        pages.write()
        if plan.models:
            _write_colabfold_files(plan)
    nodes = graph.by_target()
    return [_outcome(plan, job, nodes.get(job.name, []), results) for job in plan.jobs]


def _write_colabfold_files(plan: Plan) -> None:
    """ColabFold's files of a whole folder; they tell of the jobs of earlier runs too."""
    from af2cpu.outputs.colabfold import write_folder_files

    layouts = (layout_of(plan, job) for job in plan.jobs)
    for folder in {layout.folder for layout in layouts if isinstance(layout, ColabFoldLayout)}:
        try:
            with exclusive(folder / HIDDEN / LOCK, wait=True):
                write_folder_files(folder, settings_in_effect(plan, plan.models))
        except InputError as error:
            events.emit("warning", f"{folder}: no log.txt, config.json and cite.bibtex: {error}")


def _outcome(plan: Plan, job: Job, nodes: Sequence[Node], results: Results) -> Outcome:
    layout, failure = layout_of(plan, job), results.failures.get(job.name)
    if failure:
        return Outcome(job.name, job.query.n_res, job.folder, layout, failure)
    receipts, ranking = results.of_target(job.name, nodes), _record(results, job, "ranking")
    return Outcome(
        name=job.name,
        n_res=job.query.n_res,
        folder=job.folder,
        layout=layout,
        search=_record(results, job, "search record"),
        run=_record(results, job, "run record"),
        ranking=ranking.ranking if ranking else None,
        seconds=results.seconds.get(job.name, 0.0),
        reused=all(receipt.reused for receipt in receipts if receipt.path is not None),
        searched=frozenset(
            one.done.name for one in receipts if isinstance(one.done, DatabaseSearched) and not one.reused
        ),
        provenances=_provenances(job.name, nodes, results),
    )


def _provenances(target: str, nodes: Sequence[Node], results: Results) -> dict[str, Provenance]:
    """What the structure files of each prediction that was made tell, by the prediction's name."""
    found = {}
    for node in nodes:
        task = node.items[0].task
        if isinstance(task, PredictionTask):
            for receipt in results.of_target(target, [node]):  # none where the prediction was left out
                found[task.who.name] = replace(task.provenance, network_templates=receipt.done.templates)
    return found


def _record(results: Results, job: Job, stage: str) -> Any:
    """The artefact of a stage of one protein, read back; None if it was not in the graph."""
    (made,) = results.receipts.get(f"{job.name}/{stage}", ({},))
    return STAGES[stage].read(made[job.name]) if job.name in made else None
