# SPDX-License-Identifier: Apache-2.0
"""What the report of one target shows, read from the files of its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
import orjson

from af2cpu.errors import InputError
from af2cpu.formats.features import read_features
from af2cpu.geometry.similarity import similarities
from af2cpu.outputs.arrays import read_result
from af2cpu.outputs.layout import Layout, structure_endings
from af2cpu.outputs.report.chains import Entity, chains_of, entities_of
from af2cpu.outputs.report.domains import domains
from af2cpu.outputs.report.find import Found, prediction_id, read_run
from af2cpu.outputs.report.frames import view_frames
from af2cpu.outputs.report.neff import EffectiveDepth, effective_depth
from af2cpu.outputs.report.pack import CoverageMap, PaeMap, coverage_map, packed, pae_map, rounded
from af2cpu.outputs.scores import confidence_json
from af2cpu.records import Chain, ChainConfidence, Features, Interface, Prediction, PredictionId
from af2cpu.runs.records import RelaxationRecord, Remaining, TargetRun, read_record

MOST_EMBEDDED = 10  # predictions whose structures the page holds; the table names all


@dataclass(frozen=True)
class Shown:
    """A prediction with everything that the page holds of it."""

    who: PredictionId
    prediction: Prediction
    pae: np.ndarray | None  # float64 [n_res, n_res], angstrom, as AlphaFold's files round it
    structures: dict[str, dict[str, Path]]  # unrelaxed, relaxed -> ending without dot -> file
    violations: tuple[int, ...]  # residues, from 0, that the relaxation left with structural violations
    frame: np.ndarray  # [3, 4], into the frame that all are shown in
    rmsd: float  # angstrom, C-alpha atoms, to the best one


@dataclass(frozen=True)
class Content:
    """One target."""

    name: str
    layout: Layout
    run: TargetRun
    shown: tuple[Shown, ...]  # the best predictions of the ranking
    relaxation: Mapping[str, RelaxationRecord]  # of those that were relaxed or should have been, by name
    features: Features | None
    effective: EffectiveDepth | None  # of the alignment
    chains: tuple[Chain, ...]  # in the user's order; one for a protein
    rmsd: np.ndarray  # [n_shown, n_shown], angstrom, between the C-alpha atoms of two predictions
    tm: np.ndarray  # [n_shown, n_shown], TM-score

    @property
    def entities(self) -> tuple[Entity, ...]:
        """The chains by their sequences."""
        return entities_of(self.chains)

    @property
    def lengths(self) -> list[int]:
        """Residues of each chain."""
        return [len(chain.sequence) for chain in self.chains]


@dataclass(frozen=True)
class Download:
    """A file that the page holds."""

    name: str
    gzip: str  # in base64


@dataclass(frozen=True)
class ModelData:
    """One prediction as the page's scripts read it."""

    name: str
    plddt: tuple[float, ...]
    pae: PaeMap | None
    pae_name: str
    confidence: Download
    structures: Mapping[str, Mapping[str, Download]]  # unrelaxed, relaxed -> ending without dot -> file
    violations: tuple[int, ...]
    frame: tuple[float, ...]
    domains: tuple[int, ...]  # of each residue, from 0, -1 for none; empty without PAE
    chains: tuple[ChainConfidence, ...]  # of a complex, in its order
    interfaces: tuple[Interface, ...]  # of a complex, each pair of chains once


@dataclass(frozen=True)
class ChainData:
    """A chain as the page's scripts read it."""

    id: str
    name: str
    start: int  # its first residue
    length: int


@dataclass(frozen=True)
class PageData:
    """What the scripts of the page work on. Residues count from 0 through all chains."""

    name: str
    sequence: str  # of all chains, one after the other
    chains: tuple[ChainData, ...]
    models: tuple[ModelData, ...]
    coverage: CoverageMap | None


def read_content(found: Found) -> Content:
    """Raises InputError that names the file that is missing or damaged."""
    layout = found.layout
    run = read_run(layout)
    metrics = layout.document("relax_metrics")
    left = read_record(dict[str, Remaining], metrics) if metrics.is_file() else {}
    names = [entry.name for entry in run.ranking]
    records = {name: found.work / f"relax_{name}.json" for name in names}
    path = found.work / "features.npz"
    features = read_features(path) if path.is_file() else None
    shown = _shown(layout, [prediction_id(name, run.settings["seed"]) for name in names[:MOST_EMBEDDED]], left)
    rmsd, tm = similarities([one.prediction for one in shown])
    return Content(
        name=found.name,
        layout=layout,
        run=run,
        shown=shown,
        relaxation={
            name: read_record(RelaxationRecord, path)
            for name, path in records.items()
            if path.is_file() and (name in left or name in run.not_relaxed)
        },
        features=features,
        effective=effective_depth(features.msa, features.chains) if features is not None else None,
        chains=chains_of(run.sequence, features),
        rmsd=rmsd,
        tm=tm,
    )


def page_data(content: Content) -> PageData:
    """What the scripts of the page work on."""
    return PageData(
        name=content.name,
        sequence="".join(chain.sequence for chain in content.chains),
        chains=tuple(
            ChainData(chain.id, chain.name, end - length, length)
            for chain, length, end in zip(content.chains, content.lengths, accumulate(content.lengths), strict=True)
        ),
        models=tuple(_model_data(content, one) for one in content.shown),
        coverage=coverage_map(content.features, content.effective) if content.features and content.effective else None,
    )


def _shown(layout: Layout, who: Sequence[PredictionId], left: Mapping[str, Remaining]) -> tuple[Shown, ...]:
    predictions = [read_result(layout.of("result", one, ".npz"), one.model, extras=False) for one in who]
    if len({len(p.aatype) for p in predictions}) != 1:
        raise InputError(f"{layout.folder}: the predictions of {layout.job} differ in length; run af2cpu predict again")
    return tuple(
        Shown(
            who=one,
            prediction=prediction,
            pae=_pae(layout, one) if prediction.pae is not None else None,
            structures=_structures(layout, one, prediction, one.name in left),
            violations=_violations(left.get(one.name)),
            frame=frame,
            rmsd=rmsd,
        )
        for one, prediction, (frame, rmsd) in zip(who, predictions, view_frames(predictions), strict=True)
    )


def _violations(left: Remaining | None) -> tuple[int, ...]:
    """Residues with violations after relaxation; none if it was not relaxed."""
    return tuple(np.flatnonzero(left.remaining_violations).tolist()) if left else ()


def _structures(layout: Layout, who: PredictionId, prediction: Prediction, relaxed: bool) -> dict[str, dict[str, Path]]:
    kinds = ["relaxed", "unrelaxed"] if relaxed else ["unrelaxed"]
    endings = structure_endings(prediction.chains.n_chains)
    return {kind: {ending[1:]: _there(layout, kind, who, ending) for ending in endings} for kind in kinds}


def _pae(layout: Layout, who: PredictionId) -> np.ndarray:
    """From the JSON file and not from result_*.npz, whose float16 rounds to other tenths."""
    path = layout.find("pae", who, ".json") or _there(layout, "scores", who, ".json")
    try:
        content = orjson.loads(path.read_bytes())
        content = content[0] if isinstance(content, list) else content
        return np.asarray(content.get("predicted_aligned_error", content.get("pae")), np.float64)
    except (orjson.JSONDecodeError, AttributeError, IndexError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not a PAE file ({error}); run af2cpu predict again") from error


def _there(layout: Layout, kind: str, who: PredictionId, ending: str) -> Path:
    path = layout.find(kind, who, ending)
    if path is None:
        raise InputError(f"{layout.of(kind, who, ending)}: no such file; run af2cpu predict again")
    return path


def _model_data(content: Content, one: Shown) -> ModelData:
    p, layout = one.prediction, content.layout
    scores = next(entry for entry in content.run.ranking if entry.name == one.who.name)
    return ModelData(
        name=one.who.name,
        plddt=tuple(round(value, 2) for value in p.plddt.tolist()),
        pae=pae_map(one.pae, p.max_pae or 0.0, content.lengths) if one.pae is not None else None,
        pae_name=_download(layout, layout.of("pae", one.who, ".json")),
        confidence=Download(
            _download(layout, layout.of("confidence", one.who, ".json")), packed(confidence_json(p, scores))
        ),
        structures={
            kind: {
                ending: Download(_download(layout, path), packed(path.read_bytes())) for ending, path in files.items()
            }
            for kind, files in one.structures.items()
        },
        violations=one.violations,
        frame=tuple(np.round(one.frame, 6).ravel().tolist()),
        domains=tuple(domains(one.pae, content.lengths).tolist()) if one.pae is not None else (),
        chains=tuple(map(rounded, scores.chains)),
        interfaces=tuple(map(rounded, scores.interfaces)),
    )


def _download(layout: Layout, path: Path) -> str:
    """The file's name once it has left its folder: with the name of the protein."""
    return path.name if path.name.startswith(f"{layout.job}_") else f"{layout.job}_{path.name}"
