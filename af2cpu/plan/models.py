# SPDX-License-Identifier: Apache-2.0
"""The models of a run: their parameters found, their settings resolved."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ml_collections import ConfigDict

from af2cpu.errors import InputError
from af2cpu.features.config import SamplingConfig
from af2cpu.model.config import model_config
from af2cpu.model.cost import Sizes, pass_flops
from af2cpu.model.memory import kept_bytes, peak_bytes
from af2cpu.plan.machine import EngineChoice
from af2cpu.records import PredictionId, Query
from af2cpu.settings import MULTIMER_MODELS, PTM_MODELS, RunSettings
from af2cpu.weights.check import check_source
from af2cpu.weights.source import caution, find_parameters, fingerprint, parameter_count

_FEWEST_PASSES = 2  # before recycling can end early: the first change is that of the second pass


@dataclass(frozen=True)
class Passes:
    """Passes through the network."""

    least: int
    most: int

    def __str__(self) -> str:
        return f"{self.most:,}" if self.least == self.most else f"{self.least:,} to {self.most:,}"


@dataclass(frozen=True)
class ModelPlan:
    """A model that will run, as plain data: its configuration goes by its name."""

    name: str
    source: str  # of the parameters: a file, demo, or synthetic:SEED
    fingerprint: str
    parameters: int  # numbers
    recycles: int
    recycle_tolerance: float  # angstrom
    recycle_extra_pass: bool = False

    @property
    def config(self) -> ConfigDict:
        return model_config(self.name)

    @property
    def passes(self) -> Passes:
        """Of one prediction with one draw of the MSA for each pass."""
        most = self.recycles + 1
        return Passes(min(most, _FEWEST_PASSES) if self.recycle_tolerance > 0 else most, most)


def plan_models(settings: RunSettings, queries: Iterable[Query]) -> tuple[ModelPlan, ...]:
    """All models that some targets need, their parameters found and looked into. Raises InputError, ParameterError."""
    names = _names(settings, queries)
    sources = {name: find_parameters(settings.params, settings.data_dir, name) for name in names}
    contents = {name: fingerprint(source, model_config(name)) for name, source in sources.items()}
    for name, source in sources.items():
        check_source(source, model_config(name))
    return tuple(_model(name, source, contents[name], settings) for name, source in sources.items())


def models_without_parameters(settings: RunSettings, queries: Iterable[Query]) -> tuple[ModelPlan, ...]:
    """The same where only the cost matters: parameters are neither looked for nor needed. Raises InputError."""
    return tuple(_model(name, "", "", settings) for name in _names(settings, queries))


def models_of(models: Iterable[ModelPlan], settings: RunSettings, query: Query) -> tuple[ModelPlan, ...]:
    """Those of a run's models that predict a target."""
    names = settings.models_for(query.n_chains)
    return tuple(model for model in models if model.name in names)


def _names(settings: RunSettings, queries: Iterable[Query]) -> tuple[str, ...]:
    """The names of the models of all targets, once each. Raises InputError where they can't predict a target."""
    of_kinds = {query.n_chains > 1: query for query in queries}
    for query in of_kinds.values():
        _check_models(settings.models_for(query.n_chains), query)
    return tuple(dict.fromkeys(name for one in of_kinds.values() for name in settings.models_for(one.n_chains)))


def _check_models(models: Iterable[str], query: Query) -> None:
    """Raises InputError for models that can't rank a complex, or whose scores for a protein can't be compared."""
    configs = [model_config(name) for name in models]
    if query.n_chains > 1:
        for config in configs:
            if not config.heads.predicted_aligned_error.enabled:
                raise InputError(
                    f"--models {config.name}: predicts no aligned errors, by which complexes such as {query.name} are "
                    f"ranked; {MULTIMER_MODELS[0]} to {MULTIMER_MODELS[-1]} and {PTM_MODELS[0]} to {PTM_MODELS[-1]} do"
                )
        return
    by_score = {config.ranking: config.name for config in reversed(configs)}
    if len(by_score) > 1:
        second, first = list(by_score.values())[:2]
        raise InputError(f"--models: {first} and {second} are ranked by different scores; run them in two runs")


def _model(name: str, source: str, content: str, settings: RunSettings) -> ModelPlan:
    config = model_config(name)
    recycles, tolerance = recycling_of(config, settings)
    return ModelPlan(
        name=name,
        source=source,
        fingerprint=content,
        parameters=parameter_count(source, config),
        recycles=recycles,
        recycle_tolerance=tolerance,
        recycle_extra_pass=settings.recycle_extra_pass,
    )


def recycling_of(config: ConfigDict, settings: RunSettings) -> tuple[int, float]:
    """Recycles of a model and their tolerance in angstrom: the run's, or the model's own where it names none."""
    recycles, tolerance = settings.recycles, settings.recycle_tolerance
    return (
        config.recycles if recycles is None else recycles,
        config.recycle_tolerance if tolerance is None else tolerance,
    )


def cautions(models: Iterable[ModelPlan], query: Query) -> tuple[str, ...]:
    """What is to be said of the parameters, once each."""
    found = (caution(model.name, model.source, query.sequence) for model in models)
    return tuple(dict.fromkeys(one for one in found if one))


def sampling_of(config: ConfigDict, settings: RunSettings) -> SamplingConfig:
    """How many rows and templates a model takes. Raises InputError for --max-msa of another form."""
    data = config.data
    sampling = SamplingConfig(data.max_msa_clusters, data.max_extra_msa, data.max_templates, draw=data.draw)
    return sampling.with_max_msa(settings.max_msa) if settings.max_msa else sampling


def sampling_remarks(*, dropout: bool, guess: bool) -> tuple[str, ...]:
    """How a prediction was sampled beyond its seed, in the words of structure files and reports."""
    return ("with dropout",) * dropout + ("from an initial guess",) * guess


def predictions_of(models: Sequence[ModelPlan], settings: RunSettings) -> list[tuple[ModelPlan, PredictionId]]:
    """Every prediction of a protein, model by model. `in_order` has the order in which they are made."""
    return [
        (model, PredictionId(model.name, index, settings.seed + index))
        for model in models
        for index in range(settings.num_seeds)
    ]


def in_order(
    predictions: Sequence[tuple[ModelPlan, PredictionId]], settings: RunSettings
) -> list[tuple[ModelPlan, PredictionId]]:
    """The predictions of a protein in the order in which they are made.

    With --stop-at-score it is ColabFold's: all models with the first seed, then with the next.
    """
    return list(predictions) if settings.stop_at_score is None else sorted(predictions, key=lambda one: one[1].index)


def count_passes(models: Sequence[ModelPlan], settings: RunSettings) -> Passes:
    """Passes through the network for one protein."""
    passes = [model.passes for model, _ in in_order(predictions_of(models, settings), settings)]
    needed = passes if settings.stop_at_score is None else passes[:1]
    return Passes(
        settings.ensembles * sum(one.least for one in needed), settings.ensembles * sum(one.most for one in passes)
    )


def draw_seed(seed: int, who: PredictionId) -> int:
    """The seed of a prediction's draws: the same whichever other models run."""
    digest = hashlib.blake2b(f"{seed}/{who.name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


@dataclass(frozen=True)
class PredictionCost:
    """What one prediction takes at the most: full MSA and templates."""

    flops: float
    saved_flops: float  # of these, at the most, by an early end of recycling
    peak_bytes: int
    kept_bytes: int  # of the network, which the process keeps for the next prediction
    disk_bytes: float


_RESIDUE_BYTES = 12e3  # per residue and prediction: structures, relaxed and ranked ones too, arrays
_PASS_BYTES = 1e3  # per residue and pass whose structure is written
_PAIR_BYTES = 20  # per pair of residues and prediction: PAE as JSON, twice, and as an array


@lru_cache(maxsize=10_000)  # proteins of a batch often have equal lengths
def prediction_cost(model: ModelPlan, n_res: int, settings: RunSettings, choice: EngineChoice) -> PredictionCost:
    """The cost of one prediction of a protein with `n_res` residues. Raises InputError."""
    config = model.config
    sampling = sampling_of(config, settings)
    sizes = Sizes(n_res, sampling.msa_rows, sampling.max_extra_msa, sampling.max_templates)
    passes, flops = model.passes, settings.ensembles * pass_flops(config, sizes)
    return PredictionCost(
        flops=passes.most * flops,
        saved_flops=(passes.most - passes.least) * flops,
        peak_bytes=peak_bytes(config, sizes, choice.precision, choice.engine, model.parameters),
        kept_bytes=kept_bytes(choice.precision, model.parameters),
        disk_bytes=_result_bytes(config, sizes, settings),
    )


def _result_bytes(config: ConfigDict, sizes: Sizes, settings: RunSettings) -> float:
    """Disk space of one prediction's files, at the most."""
    n = sizes.n_res
    size = _RESIDUE_BYTES * n + _PAIR_BYTES * n**2
    if settings.save_recycles:
        size += _PASS_BYTES * n * (recycling_of(config, settings)[0] + 1)
    if settings.save_all:
        heads = config.heads
        per_pair = config.c_z + heads.distogram.n_bins + heads.predicted_aligned_error.n_bins
        size += 4 * n * (per_pair * n + (config.c_m + heads.masked_msa.n_classes) * sizes.n_seq)
    return size * (2 if settings.af2_pickles else 1)
