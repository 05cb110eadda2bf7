"""Everything that is checked before any work: inputs, databases, parameters, memory, disk; what the run will cost."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from ml_collections import ConfigDict

from af2cpu.cores import available_memory
from af2cpu.errors import InputError
from af2cpu.model.cost import Sizes, pass_flops
from af2cpu.model.memory import peak_bytes
from af2cpu.ops import dispatch, native
from af2cpu.pipeline.fold import ModelPlan, plan_models, precision_of, recycling_of, sampling_of
from af2cpu.pipeline.inputs import input_settings_of
from af2cpu.pipeline.report import InputSettings
from af2cpu.query import QueryInput, check_memory, read_inputs
from af2cpu.records import Query
from af2cpu.settings import RunSettings
from af2cpu.weights import caution

# The share of the machine's rate that a whole pass reaches: measured, benchmarks/end_to_end.py.
_EFFICIENCY = {"native": 0.8}
_EFFICIENCY_OF_PYTORCH = 0.35
_RESIDUE_BYTES = 12e3  # per residue and prediction: structures, relaxed and ranked ones too, arrays
_PAIR_BYTES = 20  # per pair of residues and prediction: PAE as JSON, twice, and as an array
_SPARE_DISK = 200e6


@dataclass(frozen=True)
class Estimate:
    """What one target will take, at the most: full MSA and templates."""

    name: str
    n_res: int
    passes: int
    seconds: float  # of all passes of all models; search and relaxation come on top
    peak_gb: float
    disk_bytes: float  # of all results

    def __str__(self) -> str:
        units = ((86_400, "days"), (3600, "h"), (60, "min"), (1, "s"))
        size, unit = next(((size, unit) for size, unit in units if self.seconds >= 2 * size), units[-1])
        return (
            f"{self.name}: {self.n_res} residues, {self.passes} passes: about {self.seconds / size:.0f} {unit} and "
            f"{self.peak_gb:.1f} GB for the network at full MSA; search and relaxation not counted"
        )


@dataclass(frozen=True)
class FoldPlan:
    """Predictions that can start."""

    settings: RunSettings
    models: tuple[ModelPlan, ...]
    targets: tuple[Estimate, ...]
    cautions: Mapping[str, tuple[str, ...]]  # by target: what is to be said of its parameters

    def warnings(self) -> dict[str, list[str]]:
        """Each warning with the targets that it is about."""
        about: dict[str, list[str]] = {}
        for name, cautions in self.cautions.items():
            for one in cautions:
                about.setdefault(one, []).append(name)
        return about


@dataclass(frozen=True)
class RunPlan:
    """A run that can start."""

    inputs: Sequence[QueryInput]
    out: Path
    input_settings: InputSettings
    fold: FoldPlan


def plan_run(paths: Sequence[Path], out: Path, settings: RunSettings) -> RunPlan:
    """A run from sequences. Raises InputError for whatever would stop it later."""
    inputs = read_inputs(paths)
    fold = plan_fold([item.query for item in inputs], out, settings)
    return RunPlan(inputs, out, input_settings_of(inputs, settings), fold)


def plan_fold(queries: Sequence[Query], out: Path, settings: RunSettings) -> FoldPlan:
    """The part of a run that follows the features. Raises InputError for whatever would stop it later."""
    models = plan_models(settings)
    rate = matrix_rate(settings)
    estimates = tuple(estimate(query.name, query.n_res, models, settings, rate) for query in queries)
    peaks = {one.n_res: int(one.peak_gb * 1e9) for one in estimates}
    check_memory(queries, settings.memory or available_memory(), peaks.__getitem__)
    _check_place(out, estimates)
    return FoldPlan(settings, models, estimates, {query.name: _cautions(models, query) for query in queries})


def _cautions(models: Sequence[ModelPlan], query: Query) -> tuple[str, ...]:
    found = (caution(plan.name, plan.source, query.sequence) for plan in models)
    return tuple(dict.fromkeys(one for one in found if one))


def estimate(name: str, n_res: int, models: Sequence[ModelPlan], settings: RunSettings, rate: float) -> Estimate:
    """Time and memory of a target; `rate` as of `matrix_rate`."""
    passes, seconds, peak, disk = 0, 0.0, 0, 0.0
    precision, engine = precision_of(settings), dispatch.chosen(settings.engine)
    rate *= _EFFICIENCY.get(engine, _EFFICIENCY_OF_PYTORCH)
    for plan in models:
        sampling = sampling_of(plan.config, settings)
        sizes = Sizes(n_res, sampling.msa_rows, sampling.max_extra_msa, sampling.max_templates)
        count = settings.num_seeds * (recycling_of(plan.config, settings)[0] + 1) * settings.ensembles
        passes += count
        seconds += count * pass_flops(plan.config, sizes) / rate
        peak = max(peak, peak_bytes(plan.config, sizes, precision, engine))
        disk += settings.num_seeds * _result_bytes(plan.config, sizes, settings)
    return Estimate(name, n_res, passes, seconds, peak / 1e9, disk)


def matrix_rate(settings: RunSettings) -> float:
    """Operations per second of a matrix product with this engine and precision, measured on this machine now."""
    precision = precision_of(settings)
    if dispatch.chosen(settings.engine) == "native":
        return native.rate(precision)
    a = torch.ones(1024, 1024, dtype=torch.bfloat16 if precision == "bf16" else torch.float32)
    torch.mm(a, a)
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < 0.1:
        torch.mm(a, a)
        count += 1
    return count * 2 * 1024**3 / (time.perf_counter() - start)


def _check_place(out: Path, estimates: Sequence[Estimate]) -> None:
    place = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        raise InputError(f"{out}: nothing can be written there ({place}); give another folder with -o")
    free = shutil.disk_usage(place).free
    needed = _SPARE_DISK + sum(one.disk_bytes for one in estimates)
    if needed > free:
        raise InputError(f"{out}: about {needed / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free on the disk")


def _result_bytes(config: ConfigDict, sizes: Sizes, settings: RunSettings) -> float:
    """What one prediction leaves on the disk, at the most."""
    n = sizes.n_res
    size = _RESIDUE_BYTES * n + _PAIR_BYTES * n**2
    if settings.save_all:
        heads = config.heads
        per_pair = config.c_z + heads.distogram.n_bins + heads.predicted_aligned_error.n_bins
        size += 4 * n * (per_pair * n + (config.c_m + heads.masked_msa.n_classes) * sizes.n_seq)
    return size * (2 if settings.af2_pickles else 1)
