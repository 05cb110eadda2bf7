"""The JSON files, in the key names and decimals that other programs read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from af2cpu.outputs.classes import categories
from af2cpu.records import Chains, Prediction, Ranking


def confidence_json(plddt: np.ndarray, chains: Chains | None = None) -> bytes:
    """AlphaFold DB's confidence_*.json: residues counted from 1, pLDDT with 2 decimals, classes D L M H.

    Of a complex the numbers run on through its chains, and `chains` tells where each begins and ends. Raises ValueError
    for pLDDT outside 0 to 100.
    """
    content: dict[str, Any] = {
        "residueNumber": list(range(1, len(plddt) + 1)),
        "confidenceScore": [round(value, 2) for value in plddt.tolist()],  # as the B-factors are rounded
        "confidenceCategory": categories(plddt),
    }
    return orjson.dumps(content | _chains(chains))


def pae_json(pae: np.ndarray, max_pae: float, chains: Chains | None = None) -> bytes:
    """pae_*.json: a list with one object, as AlphaFold 2 writes and ChimeraX reads it; angstrom, 1 decimal.

    Of a complex `chains` tells which rows and columns are whose.
    """
    content = {"predicted_aligned_error": _decimals(pae, 1), "max_predicted_aligned_error": max_pae}
    return _dumps([content | _chains(chains)])


def _chains(chains: Chains | None) -> dict[str, Any]:
    """The key `chains` in AlphaFold DB's form for complexes (PDBeurope/AFDB-Integration-Kit, colabfold/converter.py):
    the place of each chain among all residues, from 1, the last one included. Nothing for one chain."""
    if chains is None or chains.n_chains == 1:
        return {}
    return {
        "chains": [
            {"name": chain, "label_asym_id": chain, "sequenceStart": rows.start + 1, "sequenceEnd": rows.stop}
            for chain, rows in chains.spans.items()
        ]
    }


def colabfold_scores_json(prediction: Prediction) -> bytes:
    """ColabFold's scores: `max_pae` is the largest of this matrix, not the largest that there can be."""
    content: dict[str, Any] = {"plddt": _decimals(prediction.plddt, 2)}
    if prediction.pae is not None:
        content["max_pae"] = float(prediction.pae.max())
        content["pae"] = _decimals(prediction.pae, 2)
        content["ptm"] = round(float(prediction.ptm or 0.0), 2)
        if prediction.iptm is not None:
            content["iptm"] = round(float(prediction.iptm), 2)
    return _dumps(content)


def afdb_pae_json(scores: bytes) -> bytes | None:
    """ColabFold's <job>_predicted_aligned_error_v1.json from its scores of the best prediction; None without PAE."""
    content = orjson.loads(scores)
    if "pae" not in content:
        return None
    return _dumps({"predicted_aligned_error": content["pae"], "max_predicted_aligned_error": content["max_pae"]})


def ranking_json(ranking: Ranking) -> bytes:
    """ranking_debug.json, best first. A score that is no number becomes null."""
    scores = {entry.who.name: entry.score for entry in ranking.entries}
    return _pretty({ranking.label: scores, "order": list(scores)})


def relax_metrics_json(violations: Mapping[str, Sequence[float] | np.ndarray]) -> bytes:
    """relax_metrics.json from the violations that remain: 1.0 for a residue with one, else 0.0, by name."""
    lists = {name: np.asarray(values, np.float64).tolist() for name, values in violations.items()}
    return _pretty(
        {
            name: {"remaining_violations": values, "remaining_violations_count": sum(values)}
            for name, values in lists.items()
        }
    )


def timings_json(seconds: Mapping[str, float]) -> bytes:
    """timings.json. AlphaFold 2's keys: features, process_features_<m>, predict_and_compile_<m>, relax_<m>."""
    return _pretty({name: float(value) for name, value in seconds.items()})


def _decimals(values: np.ndarray, decimals: int) -> np.ndarray:
    return np.round(np.ascontiguousarray(values, np.float64), decimals)


def _dumps(content: Any) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


def _pretty(content: Any) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_INDENT_2)
