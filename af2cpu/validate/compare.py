# SPDX-License-Identifier: Apache-2.0
"""The comparison that `af2cpu validate` runs: every module, then the whole network, on the same features."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from af2cpu.model.alphafold import AlphaFold
from af2cpu.model.config import model_config
from af2cpu.records import Prediction, ProcessedFeatures
from af2cpu.validate.cases import cases
from af2cpu.validate.modules import Sizes, compare_module, reference_outputs
from af2cpu.validate.reference import haiku_parameters, is_multimer, run_passes
from af2cpu.validate.synthetic import padded
from af2cpu.validate.torsions import shared_torsions
from af2cpu.weights.load import read_parameters
from af2cpu.weights.network import build_network

# What counts as equal in float32: (measure, tolerance). Rounding alone moves the outputs of the structure module, whose
# eight layers feed each other, by 1.4e-6 in the reference and 1.7e-6 in ours, both against the same module in float64
# (17 to 400 residues). MODULE is three times their sum. 48 blocks amplify rounding about sixfold, hence the looser
# bound of the network.
MODULE = ("relative", 1e-5)
REPRESENTATION = ("relative", 1e-4)
POSITIONS = ("RMSD, A", 0.01)
PLDDT = ("absolute", 0.05)
PAE = ("absolute, A", 0.05)
PTM = ("absolute", 1e-3)
TORSIONS = ("absolute", 1e-3)


@dataclass(frozen=True)
class Row:
    """One line of the table: how far ours is from the reference. `relative` is by Frobenius norm."""

    name: str
    shape: tuple[int, ...]
    absolute: float
    relative: float
    measure: str
    value: float  # of the measure, which the tolerance bounds
    tolerance: float | None  # None: reported only, must be finite

    @property
    def passed(self) -> bool:
        return bool(np.isfinite(self.value) and (self.tolerance is None or self.value <= self.tolerance))


@dataclass(frozen=True)
class ReferenceRun:
    """The reference's outputs of the last pass, the seconds of all passes (compilation included)."""

    outputs: dict[str, Any]
    seconds: float
    torsion_error: float  # of our template torsion angles, where there is an angle


@dataclass(frozen=True)
class Comparison:
    rows: tuple[Row, ...]
    seconds: float  # of our passes
    reference: ReferenceRun

    @property
    def passed(self) -> bool:
        return all(row.passed for row in self.rows)


def make_row(
    name: str, ours: np.ndarray, theirs: np.ndarray, rule: tuple[str, float], value: float | None = None
) -> Row:
    """A row of two arrays. Raises ValueError when their shapes differ."""
    if ours.shape != theirs.shape:
        raise ValueError(f"{name}: ours is {ours.shape}, the reference's {theirs.shape}")
    difference = np.abs(ours.astype(np.float64) - theirs)
    absolute = float(difference.max(initial=0.0))
    norm = float(np.linalg.norm(theirs.astype(np.float64)))
    relative = float(np.linalg.norm(difference)) / max(norm, 1e-30)
    measure, tolerance = rule
    if value is None:
        value = relative if measure == "relative" else absolute
    return Row(name, ours.shape, absolute, relative, measure, value, tolerance)


def compare(
    name: str,
    params: str,
    features: Sequence[ProcessedFeatures],
    *,
    precision: str = "fp32",
    modules: bool = True,
    reference: ReferenceRun | None = None,
) -> Comparison:
    """Run model `name` with `params` on both sides, one pass for each draw of the features.

    In bf16 the rows have no tolerance: they report the distance from the float32 reference, and must be finite. A
    reference run on the same parameters and features may be given, to compare another precision with it.
    """
    config = model_config(name)
    arrays = read_parameters(params, config)
    net = build_network(config, dict(arrays), params)
    modules = modules and precision == "fp32"
    parameters = haiku_parameters(arrays) if modules or reference is None else {}
    rows = list(_module_rows(config, net, parameters)) if modules else []
    net.set_precision(precision)
    start = time.perf_counter()
    ours = net.predict(features, recycles=len(features) - 1, ensembles=1, save_all=True)
    seconds = time.perf_counter() - start
    reference = reference or _run_reference(config, parameters, features)
    if net.template_embedder is not None and not is_multimer(config) and len(features[0].template_mask):
        error, shape = reference.torsion_error, features[0].template_aatype.shape
        rows.append(Row("template torsion angles", shape, error, np.nan, TORSIONS[0], error, TORSIONS[1]))
    rows += output_rows(ours, reference.outputs, features[-1])
    if precision != "fp32":
        rows = [replace(row, tolerance=None) for row in rows]
    return Comparison(tuple(rows), seconds, reference)


def _module_rows(config: ConfigDict, net: AlphaFold, parameters: dict[str, Any]) -> Iterator[Row]:
    for case in cases(config):
        reference = reference_outputs(case, config, parameters, Sizes())
        outputs = compare_module(case, net, reference, Sizes())
        for k, (ours, theirs) in enumerate(outputs):
            yield make_row(case.name if len(outputs) == 1 else f"{case.name} {k + 1}", ours, theirs, MODULE)


def _run_reference(
    config: ConfigDict, parameters: dict[str, Any], features: Sequence[ProcessedFeatures]
) -> ReferenceRun:
    if config.template_embedder.enabled:
        features = [_with_a_template(draw) for draw in features]
    none: tuple[dict[str, Any], float] = {}, 0.0  # the multimer network masks what is no angle
    shared = (none if is_multimer(config) else shared_torsions(draw) for draw in features)
    torsions, errors = zip(*shared, strict=True)
    start = time.perf_counter()
    *_, outputs = run_passes(config, parameters, features, torsions)
    return ReferenceRun(outputs, time.perf_counter() - start, max(errors))


def _with_a_template(draw: ProcessedFeatures) -> ProcessedFeatures:
    """With a row of zeros if there is no template: DeepMind's pipeline pads them, and its network takes no fewer."""
    return padded(draw, len(draw.msa_mask), len(draw.extra_msa), max(1, len(draw.template_mask)))


_SEQUENCE, _PAIR, _MSA = ("i",), ("i", "i"), ("s", "i")
_AXES = {
    "representations/msa": _MSA,
    "representations/pair": _PAIR,
    "distogram/logits": _PAIR,
    "predicted_aligned_error/logits": _PAIR,
    "masked_msa/logits": _MSA,
}


def output_rows(ours: Prediction, theirs: dict[str, Any], draw: ProcessedFeatures) -> Iterator[Row]:
    """Residues and sequences that are masked are left out: their values are never used."""
    residues = np.flatnonzero(draw.seq_mask)
    kept = np.flatnonzero(draw.msa_mask.any(axis=1))

    def real(array: np.ndarray, axes: tuple[str, ...], s: np.ndarray) -> np.ndarray:
        return array[np.ix_(*(residues if axis == "i" else s for axis in axes))]

    for name, mine in ours.extras.items():
        axes = _AXES.get(name, _SEQUENCE)
        group, _, key = name.partition("/")
        its = theirs[group] if group != "predicted_aligned_error" else {}
        if key not in its:
            continue
        yield make_row(
            name.replace("/", " "), real(mine, axes, np.arange(len(kept))), real(its[key], axes, kept), REPRESENTATION
        )
    positions = ours.atom_positions[residues], theirs["structure_module"]["final_atom_positions"][residues]
    exist = ours.atom_mask[residues] > 0
    rmsd = float(np.sqrt(np.square(positions[0] - positions[1]).sum(-1)[exist].mean()))
    yield make_row("atom positions", *positions, POSITIONS, rmsd)
    yield make_row("pLDDT", ours.plddt[residues], theirs["plddt"][residues], PLDDT)
    if ours.pae is not None:
        pae = real(ours.pae, _PAIR, kept), real(theirs["predicted_aligned_error"], _PAIR, kept)
        yield make_row("predicted aligned error", *pae, PAE)
        yield make_row("pTM", np.array([ours.ptm]), np.array([theirs["ptm"]]), PTM)
    if ours.iptm is not None and "iptm" in theirs:
        yield make_row("ipTM", np.array([ours.iptm]), np.array([theirs["iptm"]]), PTM)


def format_table(rows: Sequence[Row]) -> str:
    """The rows as text, one line each."""
    lines = [("module or output", "shape", "max abs", "relative", "measure", "value", "tolerance", "")]
    for row in rows:
        lines.append(
            (
                row.name,
                " x ".join(str(n) for n in row.shape),
                f"{row.absolute:.1e}",
                f"{row.relative:.1e}",
                row.measure,
                f"{row.value:.1e}",
                "-" if row.tolerance is None else f"{row.tolerance:g}",
                "pass" if row.passed else "FAIL",
            )
        )
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
