"""What the report of one target shows, read from the files of its folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from af2cpu.errors import InputError
from af2cpu.formats.features import read_features
from af2cpu.outputs.arrays import read_result
from af2cpu.outputs.layout import STRUCTURES, Layout
from af2cpu.outputs.report.find import Found, read_object, read_run
from af2cpu.outputs.report.frames import view_frames
from af2cpu.outputs.report.pack import coverage_map, packed, pae_map
from af2cpu.outputs.scores import confidence_json
from af2cpu.records import Features, Prediction, PredictionId

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
    run: dict[str, Any]  # run.json
    ranking: tuple[dict[str, Any], ...]  # all predictions, best first: name, plddt, ptm
    shown: tuple[Shown, ...]  # the first of them
    relaxation: dict[str, dict[str, Any]]  # relax_<name>.json of those that were relaxed or should have been
    features: Features | None

    @property
    def sequence(self) -> str:
        return str(self.run["sequence"])


def read_content(found: Found) -> Content:
    """Raises InputError that names the file that is missing or damaged."""
    layout = found.layout
    run = read_run(layout)
    metrics = layout.facts("relax_metrics")
    left = read_object(metrics) if metrics.is_file() else {}
    names = [entry["name"] for entry in run["ranking"]]
    records = {name: found.work / f"relax_{name}.json" for name in names}
    features = found.work / "features.npz"
    return Content(
        name=found.name,
        layout=layout,
        run=run,
        ranking=tuple(run["ranking"]),
        shown=_shown(layout, [_who(name, run["settings"]["seed"]) for name in names[:MOST_EMBEDDED]], left),
        relaxation={
            name: read_object(path)
            for name, path in records.items()
            if path.is_file() and (name in left or name in run["not_relaxed"])
        },
        features=read_features(features) if features.is_file() else None,
    )


def page_data(content: Content) -> dict[str, Any]:
    """What the scripts of the page work on."""
    return {
        "name": content.name,
        "sequence": content.sequence,
        "models": [_model_data(content, one) for one in content.shown],
        "coverage": coverage_map(content.features) if content.features is not None else None,
    }


def _who(name: str, seed: int) -> PredictionId:
    model, _, index = name.rpartition("_pred_")
    return PredictionId(model, int(index), seed + int(index))


def _shown(layout: Layout, who: Sequence[PredictionId], left: dict[str, Any]) -> tuple[Shown, ...]:
    predictions = [read_result(layout.of("result", one, ".npz"), one.model) for one in who]
    if len({len(p.aatype) for p in predictions}) != 1:
        raise InputError(f"{layout.folder}: the predictions of {layout.job} differ in length; run af2cpu predict again")
    return tuple(
        Shown(
            who=one,
            prediction=prediction,
            pae=_pae(layout, one) if prediction.pae is not None else None,
            structures=_structures(layout, one, one.name in left),
            violations=_violations(left.get(one.name)),
            frame=frame,
            rmsd=rmsd,
        )
        for one, prediction, (frame, rmsd) in zip(who, predictions, view_frames(predictions), strict=True)
    )


def _violations(metrics: dict[str, Any] | None) -> tuple[int, ...]:
    """From a prediction's entry in relax_metrics.json; none if it was not relaxed."""
    return tuple(np.flatnonzero(metrics["remaining_violations"]).tolist()) if metrics else ()


def _structures(layout: Layout, who: PredictionId, relaxed: bool) -> dict[str, dict[str, Path]]:
    kinds = ["relaxed", "unrelaxed"] if relaxed else ["unrelaxed"]
    return {kind: {ending[1:]: _there(layout, kind, who, ending) for ending in STRUCTURES} for kind in kinds}


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


def _model_data(content: Content, one: Shown) -> dict[str, Any]:
    p, layout = one.prediction, content.layout
    return {
        "name": one.who.name,
        "plddt": [round(value, 2) for value in p.plddt.tolist()],
        "pae": pae_map(one.pae, p.max_pae or 0.0) if one.pae is not None else None,
        "paeName": _download(layout, layout.of("pae", one.who, ".json")),
        "confidence": {
            "name": _download(layout, layout.of("confidence", one.who, ".json")),
            "gzip": packed(confidence_json(p.plddt)),
        },
        "structures": {
            kind: {
                ending: {"name": _download(layout, path), "gzip": packed(path.read_bytes())}
                for ending, path in files.items()
            }
            for kind, files in one.structures.items()
        },
        "violations": one.violations,
        "frame": np.round(one.frame, 6).ravel().tolist(),
    }


def _download(layout: Layout, path: Path) -> str:
    """The file's name once it has left its folder: with the name of the protein."""
    return path.name if path.name.startswith(f"{layout.job}_") else f"{layout.job}_{path.name}"
