"""The part of the graph from features to the report of one protein."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from af2cpu.outputs.layout import LAYOUTS, ColabFoldLayout, Layout
from af2cpu.pipeline.graph.nodes import Condition, Cost, Item, Node, Output
from af2cpu.pipeline.graph.search import TargetInputs
from af2cpu.pipeline.stages.exports import ExportsTask
from af2cpu.pipeline.stages.plots import PlotsTask
from af2cpu.pipeline.stages.prediction import PredictionTask
from af2cpu.pipeline.stages.ranked import RankedTask
from af2cpu.pipeline.stages.relaxation import RelaxationTask
from af2cpu.pipeline.stages.report import ReportTask
from af2cpu.pipeline.stages.run_record import RunTask
from af2cpu.plan.jobs import Job
from af2cpu.plan.models import ModelPlan, cautions, draw_seed, prediction_cost, predictions_of, sampling_of
from af2cpu.plan.run import Plan
from af2cpu.records import PredictionId, Provenance
from af2cpu.relax.settings import relax_settings
from af2cpu.run_records import ParametersUsed
from af2cpu.settings import BATCH, names_in
from af2cpu.version import __version__

_RELAX_SECONDS = (0.5, 8e-4)  # and per residue squared: one round, one thread; benchmarks/relax.py
_RELAX_BYTES = 500e6
_QUICK = Cost(0.1, 100e6)
_COSTS = {"plots": Cost(1.0, 300e6), "report": Cost(1.0, 300e6)}


def folding_nodes(plan: Plan, job: Job, inputs: TargetInputs) -> Iterator[Node]:
    """Predictions, ranking, relaxations, files that tell the ranks, plots, records and the report."""
    target = _Target(plan, job, inputs)
    yield from target.exports()
    yield from target.predictions()
    yield target.ranking()
    yield from target.relaxations()
    yield target.ranked()
    yield target.plots()
    yield target.run_record()
    yield target.report()


def layout_of(plan: Plan, job: Job) -> Layout:
    """AlphaFold 2's layout has a folder for each target, ColabFold's one for all."""
    kind = plan.settings.layout
    return LAYOUTS[kind](job.folder if kind == "af2" else job.folder.parent, job.name)


def settings_in_effect(plan: Plan) -> dict[str, Any]:
    """The settings that results depend on, as JSON's values; the models' own where the user set none and all agree."""
    settings: dict[str, Any] = plan.settings.model_dump(mode="json", exclude=set(names_in(BATCH)))
    for name in ("recycles", "recycle_tolerance"):
        values = {getattr(model, name) for model in plan.models}
        settings[name] = values.pop() if len(values) == 1 else settings[name]
    return settings


@cache
def _libraries() -> tuple[tuple[str, str], ...]:
    names = {"pyhmmer": "pyhmmer", "PyTorch": "torch", "OpenMM": "openmm", "PDBFixer": "pdbfixer"}
    return tuple((name, metadata.version(package)) for name, package in names.items())


class _Target:
    """Makes the nodes of one protein."""

    def __init__(self, plan: Plan, job: Job, inputs: TargetInputs) -> None:
        self._plan, self._job, self._inputs = plan, job, inputs
        self._layout = layout_of(plan, job)
        self._who = predictions_of(plan.models, plan.settings)
        self._cautions = cautions(plan.models, job.query)
        self._relaxed = {"none": 0, "best": 1, "all": len(self._who)}[plan.settings.relax]

    def _id(self, what: str) -> str:
        return f"{self._job.name}/{what}"

    def _prediction(self, who: PredictionId) -> Output:
        return Output(self._id(f"prediction/{who.name}"))

    @property
    def _all(self) -> dict[str, tuple[Output | Path, ...]]:
        """Inputs of what comes after the ranking."""
        relaxations = tuple(Output(self._id(f"relaxation/{who.name}")) for _, who in self._who if self._relaxed)
        return {
            "features": (self._inputs.features,),
            "predictions": tuple(self._prediction(who) for _, who in self._who),
            "ranking": (Output(self._id("ranking")),),
            "relaxations": relaxations,
        }

    def _node(
        self, stage: str, task: object, path: Path | None, inputs: Mapping[str, tuple[Output | Path, ...]]
    ) -> Node:
        item = Item(task, {self._job.name: path}, inputs)
        return Node(self._id(stage), stage, (item,), _COSTS.get(stage, _QUICK))

    def exports(self) -> Iterator[Node]:
        pickles = self._plan.settings.af2_pickles
        if isinstance(self._layout, ColabFoldLayout):
            path = self._layout.alignment()
        elif pickles:
            path = self._layout.document("features").with_suffix(".pkl")
        else:
            return
        inputs = {"features": (self._inputs.features,), "alignments": self._alignments()}
        yield self._node("exports", ExportsTask(self._job.query, self._layout, pickles), path, inputs)

    def _alignments(self) -> tuple[Output | Path, ...]:
        """What the features are made of; of features made before, the alignments that are still there."""
        searched = self._job.searched
        if searched is None:
            return self._inputs.alignments
        files = tuple(self._job.folder / place for place in searched.alignments)
        return files if all(file.is_file() for file in files) else ()

    def predictions(self) -> Iterator[Node]:
        settings, machine = self._plan.settings, self._plan.machine
        for model, who in self._who:
            task = PredictionTask(
                who=who,
                model=model,
                draw_seed=draw_seed(settings.seed, who),
                ensembles=settings.ensembles,
                sampling=sampling_of(model.config, settings),
                choice=machine.choice,
                layout=self._layout,
                provenance=self._provenance(model),
                save_all=settings.save_all,
                af2_pickles=settings.af2_pickles,
            )
            place = {self._job.name: self._layout.of("result", who, ".npz")}
            item = Item(task, place, {"features": (self._inputs.features,)})
            one = prediction_cost(model, self._job.query.n_res, settings, machine.choice)
            cost = Cost(one.flops / machine.pass_rate, one.peak_bytes, machine.cores, one.kept_bytes)
            yield Node(self._prediction(who).node, "prediction", (item,), cost, network=model.name)

    def _provenance(self, model: ModelPlan) -> Provenance:
        """What the structure files of a model's predictions say of where they come from."""
        return Provenance(
            description=self._job.query.description,
            entry=self._job.name,
            version=__version__,
            parameters=Path(model.source).name,
            date=self._plan.settings.model_date,
            templates=model.config.template_embedder.enabled,
            warning="; ".join(self._cautions) or None,
            software=self._software(),
            own_templates=bool(self._job.templates or (self._job.searched and self._job.searched.own_templates)),
        )

    def _software(self) -> tuple[tuple[str, str], ...]:
        """Libraries that take part, with their versions; the one that searches only where a search is ours."""
        searched = self._inputs.databases or (self._job.searched and self._job.searched.databases)
        return tuple(one for one in _libraries() if searched or one[0] != "pyhmmer")

    def ranking(self) -> Node:
        return self._node("ranking", None, None, {"predictions": self._all["predictions"]})

    def relaxations(self) -> Iterator[Node]:
        settings, n_res = self._plan.settings, self._job.query.n_res
        for model, who in self._who if self._relaxed else ():
            task = RelaxationTask(who, self._layout, relax_settings(settings), self._provenance(model))
            place = {self._job.name: self._job.folder / f"relax_{who.name}.json"}
            item = Item(task, place, {"prediction": (self._prediction(who),)})
            condition = Condition(Output(self._id("ranking")), who.name, self._relaxed, len(self._who))
            base, square = _RELAX_SECONDS
            cost = Cost(base + square * n_res**2, _RELAX_BYTES, settings.relax_threads)
            yield Node(self._id(f"relaxation/{who.name}"), "relaxation", (item,), cost, condition)

    def ranked(self) -> Node:
        task = RankedTask(self._layout, relax=self._relaxed > 0)
        return self._node("ranked", task, self._layout.document("ranking_debug"), self._all)

    def plots(self) -> Node:
        return self._node("plots", PlotsTask(self._layout), self._layout.plot("coverage"), self._all)

    def run_record(self) -> Node:
        parameters = {model.name: ParametersUsed(model.source, model.fingerprint) for model in self._plan.models}
        task = RunTask(
            job=self._job,
            layout=self._layout,
            settings=settings_in_effect(self._plan),
            parameters=parameters,
            warnings=self._cautions,
            notes=self._inputs.notes,
        )
        return self._node("run record", task, self._layout.document("run"), self._inputs.as_inputs() | self._all)

    def report(self) -> Node:
        inputs = self._all | {"run": (Output(self._id("run record")),), "ranked": (Output(self._id("ranked")),)}
        return self._node("report", ReportTask(self._layout, self._job.folder), self._layout.page(), inputs)
