"""Features to predictions: one model after the other; each is written as soon as it ends and reused by its key."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from ml_collections import ConfigDict

from af2cpu.confidence import confidence_of
from af2cpu.features import Draws, SamplingConfig
from af2cpu.model import AlphaFold
from af2cpu.model.config import model_config
from af2cpu.ops import dispatch, native, slicing
from af2cpu.outputs.arrays import read_result
from af2cpu.outputs.layout import Layout
from af2cpu.outputs.write import write_prediction
from af2cpu.pipeline.network import load_network
from af2cpu.records import Confidence, Features, Prediction, PredictionId, Provenance
from af2cpu.settings import RunSettings
from af2cpu.weights import find_parameters, fingerprint
from af2cpu.workspace import Target, content_hash, key_of

Say = Callable[[str], None]
_VERSION = 2  # of this stage: a change makes all predictions made before stale


@dataclass(frozen=True)
class ModelPlan:
    """A model that will run: its configuration and the parameters that were found for it."""

    config: ConfigDict
    source: str
    fingerprint: str

    @property
    def name(self) -> str:
        return self.config.name


@dataclass(frozen=True)
class Folded:
    """One prediction of a target, as it stands in its files."""

    prediction: Prediction
    confidence: Confidence
    provenance: Provenance
    content: str  # hash of the result file, which what follows depends on
    seconds: float  # of the passes
    draw_seconds: float  # of drawing the features
    notes: tuple[str, ...]
    reused: bool  # made by an earlier run


def plan_models(settings: RunSettings) -> tuple[ModelPlan, ...]:
    """All models of a run, their parameters found and looked into. Raises InputError."""
    plans = []
    for name in settings.models:
        config = model_config(name)
        source = find_parameters(settings.params, settings.data_dir, name)
        plans.append(ModelPlan(config, source, fingerprint(source, config)))
    return tuple(plans)


def precision_of(settings: RunSettings) -> str:
    """What `auto` means on this machine: bf16 where the processor multiplies it in hardware and AF2CPU_ISA lets it."""
    if settings.precision != "auto":
        return settings.precision
    if dispatch.chosen(settings.engine) == "native":
        return "bf16" if native.level() in native.BF16_LEVELS else "fp32"
    capability = torch.cpu.get_capabilities()
    return "bf16" if capability.get("avx512_bf16") or capability.get("amx_bf16") else "fp32"


def sampling_of(config: ConfigDict, settings: RunSettings) -> SamplingConfig:
    """How many rows and templates a model takes."""
    data = config.data
    sampling = SamplingConfig(data.max_msa_clusters, data.max_extra_msa, data.max_templates)
    return sampling.with_max_msa(settings.max_msa) if settings.max_msa else sampling


def recycling_of(config: ConfigDict, settings: RunSettings) -> tuple[int, float]:
    """Recycles of a model and their tolerance in angstrom: the run's, or the model's own where it names none."""
    recycles, tolerance = settings.recycles, settings.recycle_tolerance
    return (
        config.recycles if recycles is None else recycles,
        config.recycle_tolerance if tolerance is None else tolerance,
    )


def draw_seed(seed: int, who: PredictionId) -> int:
    """The seed of a prediction's draws: the same whichever other models run."""
    digest = hashlib.blake2b(f"{seed}/{who.name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


class Folder:
    """Runs models on targets; holds the model that it used last."""

    def __init__(self, plans: tuple[ModelPlan, ...], settings: RunSettings) -> None:
        self.plans = plans
        self.settings = settings
        self.precision = precision_of(settings)
        self._loaded: tuple[str, AlphaFold] | None = None

    def _model(self, plan: ModelPlan) -> AlphaFold:
        if self._loaded is None or self._loaded[0] != plan.name:
            self._loaded = None  # before the next one takes its place
            self._loaded = plan.name, load_network(plan.config, plan.source).set_precision(self.precision)
        return self._loaded[1]

    def fold(
        self, target: Target, layout: Layout, features: Features, provenances: Mapping[str, Provenance], say: Say
    ) -> list[Folded]:
        """All predictions of one target, those that are there already read from their files.

        provenances: by the model's name.
        """
        content = content_hash(target.features)
        folded = []
        for plan in self.plans:
            own = provenances[plan.name]
            for index in range(self.settings.num_seeds):
                who = PredictionId(plan.name, index, self.settings.seed + index)
                path, key = layout.of("result", who, ".npz"), self._key(plan, who, content, own)
                reused = target.is_current(path, key)
                if reused:
                    say(f"{who.name}: there already")
                else:
                    target.made(path, key, **self._fold_one(plan, who, layout, features, own, say))
                folded.append(_read(target, path, who, own, reused))
        return folded

    def _key(self, plan: ModelPlan, who: PredictionId, features: str, provenance: Provenance) -> str:
        s = self.settings
        return key_of(
            "prediction",
            version=_VERSION,
            features=features,
            parameters=plan.fingerprint,
            model=plan.name,
            seed=draw_seed(s.seed, who),
            run=[*recycling_of(plan.config, s), s.ensembles, s.max_msa, s.save_all, s.af2_pickles],
            network=[self.precision, dispatch.describe(), slicing.budget()],
            files=said_in_files(s, provenance),
        )

    def _fold_one(
        self,
        plan: ModelPlan,
        who: PredictionId,
        layout: Layout,
        features: Features,
        provenance: Provenance,
        say: Say,
    ) -> dict[str, Any]:
        """Makes a prediction and its files; what is to be remembered of it."""
        s = self.settings
        model = self._model(plan)
        recycles, tolerance = recycling_of(plan.config, s)
        count = (recycles + 1) * s.ensembles
        draws = Draws(features, sampling_of(plan.config, s), draw_seed(s.seed, who), count)
        start, changes = time.perf_counter(), []
        with torch.no_grad():
            for result in model.passes(draws, recycles, tolerance, s.ensembles):
                changes.append(result.change)
                plddt = model.heads.predicted_lddt.plddt(model.heads.predicted_lddt(result.structure.s)).mean()
                seconds = time.perf_counter() - start
                say(f"{who.name}: pass {result.index + 1} of {recycles + 1}, pLDDT {plddt:.1f}, {seconds:.1f} s")
            prediction = model.conclude(result, tuple(changes), s.save_all)
        seconds = time.perf_counter() - start - draws.seconds
        confidence = confidence_of(who, prediction)
        written = write_prediction(
            layout, prediction, confidence, provenance, save_all=s.save_all, af2_pickles=s.af2_pickles
        )
        return {"seconds": seconds, "draw_seconds": draws.seconds, "notes": written.notes}


def said_in_files(settings: RunSettings, provenance: Provenance) -> list[str | None]:
    """What the files of a prediction say beside its numbers, and under which names: part of their keys."""
    date = str(provenance.date)
    return [settings.layout, provenance.description, provenance.parameters, provenance.warning, date]


def _read(target: Target, path: Path, who: PredictionId, provenance: Provenance, reused: bool) -> Folded:
    """From the file, so that what follows is the same for a prediction just made and for one made before."""
    prediction, facts = read_result(path, who.model, extras=False), target.facts(path)
    return Folded(
        prediction=prediction,
        confidence=confidence_of(who, prediction),
        provenance=provenance,
        content=content_hash(path),
        seconds=facts["seconds"],
        draw_seconds=facts["draw_seconds"],
        notes=tuple(facts["notes"]),
        reused=reused,
    )
