# SPDX-License-Identifier: Apache-2.0
"""One prediction: one model, one draw of random numbers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from af2cpu import events
from af2cpu.collector import collector_paused
from af2cpu.confidence import confidence_of
from af2cpu.errors import InputError
from af2cpu.features.config import SamplingConfig
from af2cpu.formats.chain_templates import templates_of_chains
from af2cpu.ops.sizes import budget_after
from af2cpu.outputs.layout import RECYCLES, STRUCTURES, Layout, pass_ending, structure_endings
from af2cpu.pipeline.stages.features import FEATURES
from af2cpu.pipeline.stages.files import files_of
from af2cpu.plan.machine import EngineChoice
from af2cpu.plan.models import ModelPlan
from af2cpu.records import (
    Confidence,
    Features,
    InitialGuess,
    NetworkTemplate,
    Prediction,
    PredictionId,
    Provenance,
    Query,
)
from af2cpu.runs.records import EngineUsed, PassScores, Predicted
from af2cpu.weights.reading import read_ahead
from af2cpu.workspace import Receipt, Stage, Work, each

if TYPE_CHECKING:
    from af2cpu.model.alphafold import AlphaFold, Pass


@dataclass(frozen=True)
class PredictionTask:
    """Everything about a prediction but the features."""

    who: PredictionId
    model: ModelPlan
    draw_seed: int
    ensembles: int
    sampling: SamplingConfig
    choice: EngineChoice
    layout: Layout
    provenance: Provenance
    dropout: bool
    guess_for: Query | None  # the target, where it has an initial guess
    save_recycles: bool
    save_all: bool
    af2_pickles: bool
    same: Layout | None = None  # where the files of an equal sequence's prediction are, if there is one


def names_and_texts(layout: Layout, provenance: Provenance) -> list[str | None]:
    """Settings that change the text or names of output files; part of the keys of predictions and relaxations."""
    texts = [type(layout).__name__, provenance.description, provenance.parameters, provenance.warning]
    return [*texts, str(provenance.date), *provenance.chain_names]


def _depends_on(work: Work[PredictionTask]) -> Mapping[str, Any]:
    task = work.task
    return {
        "features": work.one("features").content,
        "parameters": task.model.fingerprint,
        "model": task.model.name,
        "seed": task.draw_seed,
        "passes": _passes(task),
        "sampling": asdict(task.sampling),
        "engine": task.choice.decisive(),
        "files": [*names_and_texts(task.layout, task.provenance), task.save_all, task.af2_pickles],
        **_sampled(work),
    }


def _sampled(work: Work[PredictionTask]) -> dict[str, Any]:
    """In the key only where they are set: results of earlier versions stay current."""
    found: dict[str, Any] = {"guess": [guess.content for guess in work.all("guess")]}
    found |= {"dropout": work.task.dropout, "recycles' structures": work.task.save_recycles}
    return {name: value for name, value in found.items() if value}


def _passes(task: PredictionTask) -> list[Any]:
    """The extra pass is in the key only where it is made: results of earlier versions stay current."""
    model = task.model
    extra = ["extra pass"] if model.recycle_extra_pass else []
    return [model.recycles, model.recycle_tolerance, task.ensembles, *extra]


_held: list[tuple[tuple[ModelPlan, str], AlphaFold]] = []  # the network that this process used last, if any


def _network(task: PredictionTask, cores: int) -> AlphaFold:
    """The network of the task's model, on its engine; the last one is freed before another one is loaded.

    A parameter file is read while PyTorch is imported: 0.4 and 0.8 s.
    """
    model, precision = task.model, task.choice.precision
    if _held and _held[0][0] == (model, precision):
        _use(task.choice, cores)
        return _held[0][1]
    _held.clear()
    arrays = read_ahead(model.source, model.name, model.parameters)
    with collector_paused():
        from af2cpu.weights.network import load_network

        _use(task.choice, cores)
        network = load_network(model.config, model.source, precision, arrays).prepare(release=True)
    _held.append(((model, precision), network))
    return network


def release_network() -> None:
    """Frees the network that this process keeps for the next prediction."""
    _held.clear()


def _make(work: Work[PredictionTask], cores: int) -> Predicted:
    return _taken_over(work) or _computed(work, cores)


def _taken_over(work: Work[PredictionTask]) -> Predicted | None:
    """The prediction of an equal sequence under this protein's names; None if it can't be had."""
    from af2cpu.outputs.arrays import read_result
    from af2cpu.outputs.write import copy_prediction

    task, same = work.task, work.same
    if same is None or task.same is None:
        return None
    start, done = time.perf_counter(), same.done
    passes = _pass_endings(task, done.confidence, len(done.passes))
    if any(not ending.endswith(".pdb") for ending in passes):
        return None  # these files have the protein's name in them
    provenance = replace(task.provenance, network_templates=done.templates)
    try:
        prediction = read_result(same.file, task.model.name, extras=False)
        copied = copy_prediction(task.same, task.layout, prediction, done.confidence, provenance, passes)
    except (FileNotFoundError, InputError):  # its files were renamed or removed meanwhile
        return None
    events.emit("line", f"{task.who.name}: taken over from {task.same.job}, which has the same sequence")
    seconds = time.perf_counter() - start
    files = _files(task, done.confidence, len(done.passes))
    return replace(done, seconds=seconds, draw_seconds=0.0, files=files, notes=copied.notes)


def _computed(work: Work[PredictionTask], cores: int) -> Predicted:
    task = work.task
    network = _network(task, cores)
    import torch

    from af2cpu.ops import dispatch, slicing
    from af2cpu.outputs.write import write_prediction

    features = FEATURES.read(work.one("features"))
    templates = _templates(task, features)
    provenance = replace(task.provenance, network_templates=templates)
    task.layout.drop_old_passes(task.who)
    with slicing.memory_budget(budget_after(task.choice.budget, work.kills)), torch.no_grad():
        prediction, passes, seconds, draw_seconds = _predict(work, network, features, provenance)
    confidence = confidence_of(task.who, prediction, task.model.config.ranking)
    written = write_prediction(
        task.layout, prediction, confidence, provenance, save_all=task.save_all, af2_pickles=task.af2_pickles
    )
    engine = EngineUsed(
        engine=dispatch.engine(),
        precision=task.choice.precision,
        threads=torch.get_num_threads(),
        isa=task.choice.isa,
        in_pytorch=dispatch.in_pytorch(),
    )
    files = _files(task, confidence, len(passes))
    return Predicted(confidence, engine, seconds, draw_seconds, files, written.notes, passes, templates)


def _templates(task: PredictionTask, features: Features) -> tuple[NetworkTemplate, ...]:
    embeds = task.model.config.template_embedder.enabled
    return templates_of_chains(features, task.sampling.max_templates) if embeds else ()


def _use(choice: EngineChoice, cores: int) -> None:
    """Sets the engine of this process. Raises InputError where it is not the one that was planned."""
    import torch

    from af2cpu.ops import dispatch

    if dispatch.engine() != choice.engine:
        dispatch.use_engine(choice.engine)
    if dispatch.describe() != str(choice):
        raise InputError(
            f"planned for engine {choice}, but this process has {dispatch.describe()}; give both the same AF2CPU_ISA"
        )
    torch.set_num_threads(cores)


def _predict(
    work: Work[PredictionTask], network: AlphaFold, features: Features, provenance: Provenance
) -> tuple[Prediction, tuple[PassScores, ...], float, float]:
    """The prediction, the scores of each pass, and the seconds of the network and of drawing its input."""
    from af2cpu.features.draws import Draws

    task, model = work.task, work.task.model
    count = (model.recycles + 1) * task.ensembles
    draws = Draws(features, task.sampling, task.draw_seed, count)
    start, changes, scores = time.perf_counter(), [], []
    recycling = model.recycles, model.recycle_tolerance, task.ensembles, model.recycle_extra_pass
    dropout_seed = task.draw_seed if task.dropout else None
    for result in network.passes(draws, *recycling, dropout_seed, _guess(work)):
        changes.append(result.change)
        scores.append(_scores(network, result))
        if task.save_recycles:
            _write_pass(task, network.conclude(result, tuple(changes), False), provenance, result.index)
        _tell(task, result.index + 1, scores[-1], time.perf_counter() - start)
    prediction = network.conclude(result, tuple(changes), task.save_all)
    return prediction, tuple(scores), time.perf_counter() - start - draws.seconds, draws.seconds


def _guess(work: Work[PredictionTask]) -> InitialGuess | None:
    from af2cpu.features.initial_guess import read_initial_guess

    query = work.task.guess_for
    return None if query is None else read_initial_guess(work.one("guess").file, query)


def _write_pass(task: PredictionTask, prediction: Prediction, provenance: Provenance, recycle: int) -> None:
    from af2cpu.outputs.write import write_pass

    confidence = confidence_of(task.who, prediction, task.model.config.ranking)
    write_pass(task.layout, prediction, confidence, provenance, recycle)


def _scores(network: AlphaFold, result: Pass) -> PassScores:
    """Mean pLDDT and, where the model has them, pTM and ipTM after a pass."""
    heads = network.heads
    plddt = heads.predicted_lddt.plddt(heads.predicted_lddt(result.structure.s)).mean()
    ptm, iptm = None, None
    if heads.predicted_aligned_error is not None:
        x = result.inputs
        _, ptm, iptm = heads.predicted_aligned_error.pae_and_ptm(result.representations.z, x.seq_mask, x.chains.asym)
    return PassScores(float(plddt), ptm, result.change, iptm)


def _tell(task: PredictionTask, number: int, scores: PassScores, seconds: float) -> None:
    name, total = task.who.name, task.model.recycles + 1
    iptm = "" if scores.iptm is None else f", ipTM {scores.iptm:.2f}"
    events.emit("line", f"{name}: pass {number} of {total}, pLDDT {scores.plddt:.1f}{iptm}, {seconds:.1f} s")
    events.emit("progress", name, done=number, total=total)


def _read(receipt: Receipt[Predicted]) -> Prediction:
    """Without logits and representations, which are gigabytes for a large protein."""
    from af2cpu.outputs.arrays import read_result

    return read_result(receipt.file, receipt.done.confidence.who.model, extras=False)


def _files(task: PredictionTask, confidence: Confidence, n_passes: int) -> dict[str, str]:
    """Content of the structures and scores beside the arrays."""
    kinds = [("unrelaxed", ending) for ending in STRUCTURES] + [(kind, ".json") for kind in task.layout.score_kinds]
    kinds += [("result", ".pkl")] * task.af2_pickles
    kinds += [(RECYCLES, ending) for ending in _pass_endings(task, confidence, n_passes)]
    return files_of(task.layout, task.who, kinds)


def _pass_endings(task: PredictionTask, confidence: Confidence, n_passes: int) -> list[str]:
    """Of the structures of the passes, if they are written."""
    ending = structure_endings(max(1, len(confidence.chains)))[0]
    return [pass_ending(recycle, ending) for recycle in range(n_passes if task.save_recycles else 0)]


def _intact(work: Work[PredictionTask], done: Predicted) -> bool:
    """Whether structures and scores are what they were, under whichever names."""
    return _files(work.task, done.confidence, len(done.passes)) == done.files


PREDICTION = Stage(
    name="prediction", version=5, done=Predicted, depends_on=_depends_on, make=each(_make), read=_read, intact=_intact
)
