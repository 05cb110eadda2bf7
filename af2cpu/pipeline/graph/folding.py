# SPDX-License-Identifier: Apache-2.0
"""The part of the graph from features to the report of one protein."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

from af2cpu.outputs.layout import LAYOUTS, ColabFoldLayout, Layout
from af2cpu.pipeline.graph.nodes import AmongBest, Cost, Item, Node, Output, UntilScore
from af2cpu.pipeline.graph.search import TargetInputs
from af2cpu.pipeline.stages.exports import ExportsTask
from af2cpu.pipeline.stages.plots import PlotsTask
from af2cpu.pipeline.stages.prediction import PredictionTask
from af2cpu.pipeline.stages.ranked import RankedTask
from af2cpu.pipeline.stages.relaxation import RelaxationTask
from af2cpu.pipeline.stages.report import ReportTask
from af2cpu.pipeline.stages.run_record import RunTask
from af2cpu.plan.jobs import Job
from af2cpu.plan.models import (
    ModelPlan,
    cautions,
    draw_seed,
    in_order,
    prediction_cost,
    predictions_of,
    sampling_of,
    sampling_remarks,
)
from af2cpu.plan.plan import Plan
from af2cpu.records import Provenance
from af2cpu.relax.settings import relax_settings
from af2cpu.runs.records import ParametersUsed
from af2cpu.search.programs import version_of
from af2cpu.settings import BATCH, names_in
from af2cpu.version import __version__

_RELAX_SECONDS = (0.5, 8e-4)  # and per residue squared: one round, one thread; benchmarks/relax.py
_RELAX_BYTES = 500e6
_QUICK = Cost(0.1, 100e6)
_COSTS = {"plots": Cost(1.0, 300e6), "report": Cost(1.0, 300e6)}


class FoldingNodes:
    """Makes the nodes of targets from their features on; values that targets share are computed once."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._runs: dict[tuple[ModelPlan, ...], _Run] = {}
        self._first: dict[str, _Target] = {}  # by owner of the features

    def of_job(self, job: Job, inputs: TargetInputs) -> Iterator[Node]:
        """Predictions, ranking, relaxations, files that tell the ranks, plots, records and the report."""
        models = self._plan.models_of(job.query)
        run = self._runs.get(models) or self._runs.setdefault(models, _Run(self._plan, models))
        target = _Target(run, job, inputs)
        # Predictions with initial guesses of their own are no one else's.
        first = self._first.setdefault(inputs.owner, target) if inputs.owner and not job.guess else target
        yield from target.exports()
        yield from target.predictions(first if first is not target else None)
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


def settings_in_effect(plan: Plan, models: Sequence[ModelPlan]) -> dict[str, Any]:
    """The settings that results of some models depend on, as JSON's values; the models' own where the user set none and
    all agree."""
    settings: dict[str, Any] = plan.settings.model_dump(mode="json", exclude=set(names_in(BATCH)))
    settings["models"] = [model.name for model in models]
    for name in ("recycles", "recycle_tolerance"):
        values = {getattr(model, name) for model in models}
        settings[name] = values.pop() if len(values) == 1 else settings[name]
    return settings


@cache
def _libraries() -> tuple[tuple[str, str], ...]:
    names = {"pyhmmer": "pyhmmer", "PyTorch": "torch", "OpenMM": "openmm", "PDBFixer": "pdbfixer"}
    return tuple((name, metadata.version(package)) for name, package in names.items())


class _Run:
    """The values that all targets with the same models share."""

    def __init__(self, plan: Plan, models: Sequence[ModelPlan]) -> None:
        settings = plan.settings
        self.plan, self.models = plan, models
        self.predictions = predictions_of(models, settings)
        self.in_order = in_order(self.predictions, settings)
        self.draw_seeds = {who: draw_seed(settings.seed, who) for _, who in self.predictions}
        self.sampling = {model.name: sampling_of(model.config, settings) for model in models}
        self.embeds_templates = {model.name: model.config.template_embedder.enabled for model in models}
        self.relaxed = {"none": 0, "best": 1, "all": len(self.predictions)}[settings.relax]
        self.relax_settings = relax_settings(settings)
        self.settings = settings_in_effect(plan, models)
        self.parameters = {model.name: ParametersUsed(model.source, model.fingerprint) for model in models}


class _Target:
    """Makes the nodes of one protein."""

    def __init__(self, run: _Run, job: Job, inputs: TargetInputs) -> None:
        self._run, self._job, self._inputs = run, job, inputs
        self._layout = layout_of(run.plan, job)
        self._cautions = cautions(run.models, job.query)
        self._predictions = {who: Output(self._id(f"prediction/{who.name}")) for _, who in run.predictions}
        self._ranking = Output(self._id("ranking"))
        self._provenances: dict[str, Provenance] = {}  # by model

    def _id(self, what: str) -> str:
        return f"{self._job.name}/{what}"

    @cached_property
    def _all(self) -> dict[str, tuple[Output | Path, ...]]:
        """Inputs of what comes after the ranking."""
        relaxed = self._run.predictions if self._run.relaxed else []
        return {
            "features": (self._inputs.features,),
            "predictions": tuple(self._predictions.values()),
            "ranking": (self._ranking,),
            "relaxations": tuple(Output(self._id(f"relaxation/{who.name}")) for _, who in relaxed),
        }

    def _node(
        self, stage: str, task: object, path: Path | None, inputs: Mapping[str, tuple[Output | Path, ...]]
    ) -> Node:
        item = Item(task, {self._job.name: path}, inputs)
        return Node(self._id(stage), stage, (item,), _COSTS.get(stage, _QUICK))

    def exports(self) -> Iterator[Node]:
        pickles = self._run.plan.settings.af2_pickles
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

    def predictions(self, first: _Target | None) -> Iterator[Node]:
        """first: the protein with an equal sequence whose predictions are taken over, under this one's names.

        A prediction that can't be taken over is made: it keeps its memory and cores in the plan.
        """
        settings, machine = self._run.plan.settings, self._run.plan.machine
        before: Output | None = None
        for model, who in self._run.in_order:
            task = PredictionTask(
                who=who,
                model=model,
                draw_seed=self._run.draw_seeds[who],
                ensembles=settings.ensembles,
                sampling=self._run.sampling[model.name],
                choice=machine.choice,
                layout=self._layout,
                provenance=self._provenance(model),
                dropout=settings.dropout,
                guess_for=self._job.query if self._job.guess else None,
                save_recycles=settings.save_recycles,
                save_all=settings.save_all,
                af2_pickles=settings.af2_pickles,
                same=first._layout if first else None,
            )
            place = {self._job.name: self._layout.of("result", who, ".npz")}
            same = first._predictions[who] if first else None
            inputs: dict[str, tuple[Output | Path, ...]] = {"features": (self._inputs.features,)}
            if self._job.guess:
                inputs["guess"] = (self._job.guess,)
            item = Item(task, place, inputs, same=same)
            one = prediction_cost(model, self._job.query.n_res, settings, machine.choice)
            seconds = _QUICK.seconds if first else one.flops / machine.pass_rate
            saved = 0.0 if first else one.saved_flops / machine.pass_rate
            cost = Cost(seconds, one.peak_bytes, machine.cores, one.kept_bytes, saved)
            yield Node(self._predictions[who].node, "prediction", (item,), cost, self._until(before), model.name)
            before = self._predictions[who]

    def _until(self, before: Output | None) -> UntilScore | None:
        """The condition of a prediction after another one."""
        score = self._run.plan.settings.stop_at_score
        return UntilScore(before, score) if before and score is not None else None

    def _provenance(self, model: ModelPlan) -> Provenance:
        """What the structure files of a model's predictions say of where they come from."""
        if model.name not in self._provenances:
            self._provenances[model.name] = self._new_provenance(model)
        return self._provenances[model.name]

    def _new_provenance(self, model: ModelPlan) -> Provenance:
        return Provenance(
            description=self._job.query.description,
            entry=self._job.name,
            chain_names=self._job.query.chain_names,
            version=__version__,
            parameters=Path(model.source).name,
            date=self._run.plan.settings.model_date,
            templates=self._run.embeds_templates[model.name],
            warning="; ".join(self._cautions) or None,
            software=self._software(),
            own_templates=self._chains_with_own_templates(),
            sampling=sampling_remarks(dropout=self._run.plan.settings.dropout, guess=bool(self._job.guess)),
        )

    def _chains_with_own_templates(self) -> tuple[str, ...]:
        """Of features made before only the files are known, so that all chains count."""
        known = bool(self._job.searched and self._job.searched.own_templates)
        return tuple(chain for entity in self._job.entities if known or entity.templates for chain in entity.chains)

    def _software(self) -> tuple[tuple[str, str], ...]:
        """Libraries and programs that take part, with their versions; those that search only where a search is ours."""
        known = self._job.searched.databases if self._job.searched else ()
        searched = self._inputs.databases or any(one.server is None for one in known)
        programs = [*map(version_of, self._inputs.programs), *(one.program for one in known if one.program)]
        named = (tuple(program.split(" ", 1)) for program in programs)
        libraries = (one for one in _libraries() if searched or one[0] != "pyhmmer")
        return (*libraries, *((name, version) for name, version in named))

    def ranking(self) -> Node:
        return self._node("ranking", None, None, {"predictions": self._all["predictions"]})

    def relaxations(self) -> Iterator[Node]:
        run, n_res = self._run, self._job.query.n_res
        base, square = _RELAX_SECONDS
        cost = Cost(base + square * n_res**2, _RELAX_BYTES, run.plan.settings.relax_threads)
        for model, who in run.predictions if run.relaxed else ():
            task = RelaxationTask(who, self._layout, run.relax_settings, self._provenance(model))
            place = {self._job.name: self._job.folder / f"relax_{who.name}.json"}
            item = Item(task, place, {"prediction": (self._predictions[who],)})
            condition = AmongBest(self._ranking, who.name, run.relaxed, len(run.predictions))
            yield Node(self._id(f"relaxation/{who.name}"), "relaxation", (item,), cost, condition)

    def ranked(self) -> Node:
        task = RankedTask(self._layout, relax=self._run.relaxed > 0)
        return self._node("ranked", task, self._layout.document("ranking_debug"), self._all)

    def plots(self) -> Node:
        return self._node("plots", PlotsTask(self._layout), self._layout.plot("coverage"), self._all)

    def run_record(self) -> Node:
        task = RunTask(
            job=self._job,
            layout=self._layout,
            settings=self._run.settings,
            parameters=self._run.parameters,
            warnings=self._cautions,
            notes=self._inputs.notes,
        )
        return self._node("run record", task, self._layout.document("run"), self._inputs.as_inputs() | self._all)

    def report(self) -> Node:
        inputs = self._all | {"run": (Output(self._id("run record")),), "ranked": (Output(self._id("ranked")),)}
        return self._node("report", ReportTask(self._layout, self._job.folder), self._layout.page(), inputs)
