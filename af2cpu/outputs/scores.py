# SPDX-License-Identifier: Apache-2.0
"""The JSON files, in the key names and decimals that other programs read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from af2cpu.outputs.classes import categories
from af2cpu.records import ChainConfidence, ChainPairs, Chains, Confidence, Interface, Prediction, Ranking
from af2cpu.runs.records import PredictionScores

_ANGSTROM_OR_PLDDT = {"mean_pae", "min_pae", "contact_pae", "mean_plddt"}  # fields with 2 decimals; scores have 4


def confidence_json(prediction: Prediction, scores: Confidence | PredictionScores) -> bytes:
    """AlphaFold DB's confidence_*.json: residues counted from 1, pLDDT with 2 decimals, classes D L M H.

    That of a complex has ptm, iptm, chains and interfaces too, under the names of their records; residues count on
    through its chains, and `chains` tells which are whose. Raises ValueError for pLDDT outside 0 to 100.
    """
    plddt = prediction.plddt
    content: dict[str, Any] = {
        "residueNumber": list(range(1, len(plddt) + 1)),
        "confidenceScore": [round(value, 2) for value in plddt.tolist()],  # as the B-factors are rounded
        "confidenceCategory": categories(plddt),
    }
    if scores.chains:
        content |= {"ptm": _rounded("ptm", scores.ptm), "iptm": _rounded("iptm", scores.iptm)}
        places = _chains(prediction.chains)
        content["chains"] = [place | _fields(one) for place, one in zip(places, scores.chains, strict=True)]
        content["interfaces"] = [_fields(one) for one in scores.interfaces]
    return orjson.dumps(content)


def _chains(chains: Chains) -> list[dict[str, Any]]:
    """The place of each chain among all residues, from 1, the last one included, as AlphaFold DB has it of complexes
    (PDBeurope/AFDB-Integration-Kit, colabfold/converter.py)."""
    return [
        {"name": chain, "label_asym_id": chain, "sequenceStart": rows.start + 1, "sequenceEnd": rows.stop}
        for chain, rows in chains.spans.items()
    ]


def _fields(record: ChainConfidence | Interface) -> dict[str, Any]:
    return {name: _rounded(name, value) for name, value in vars(record).items()}


def _rounded(name: str, value: Any) -> Any:
    if isinstance(value, tuple):
        return [_rounded(name, one) for one in value]
    return round(value, 2 if name in _ANGSTROM_OR_PLDDT else 4) if isinstance(value, float) else value


def pae_json(pae: np.ndarray, max_pae: float, chains: Chains) -> bytes:
    """pae_*.json: a list with one object, as AlphaFold 2 writes and ChimeraX reads it; angstrom, 1 decimal.

    That of a complex has `chains` too, as in `confidence_json`: which rows and columns are whose.
    """
    content = {"predicted_aligned_error": _decimals(pae, 1), "max_predicted_aligned_error": max_pae}
    return _dumps([content | ({"chains": _chains(chains)} if chains.n_chains > 1 else {})])


def colabfold_scores_json(prediction: Prediction, confidence: Confidence) -> bytes:
    """ColabFold's scores: `max_pae` is the largest of this matrix, not the largest that there can be.

    That of a complex has what ColabFold adds with --calc-extra-ptm, and its version 1.6.3 without.
    """
    content: dict[str, Any] = {"plddt": _decimals(prediction.plddt, 2)}
    if prediction.pae is not None:
        content["max_pae"] = float(prediction.pae.max())
        content["pae"] = _decimals(prediction.pae, 2)
        content["ptm"] = round(float(prediction.ptm or 0.0), 2)
        if prediction.iptm is not None:
            content["iptm"] = round(float(prediction.iptm), 2)
    if prediction.chain_pairs is not None:
        content |= _colabfold_pairs(prediction.chain_pairs, confidence)
    return _dumps(content)


def _colabfold_pairs(scores: ChainPairs, confidence: Confidence) -> dict[str, Any]:
    """By pair of chains, such as A-B; ipSAE and pDockQ2 also for B-A, as they are aligned on the first chain."""
    ids = [one.id for one in confidence.chains]
    pairs = [(i, j) for i in range(len(ids)) for j in range(i + 1, len(ids))]
    found: dict[str, Any] = {
        name: {f"{ids[i]}-{ids[j]}": round(float(values[i, j]), 3) for i, j in pairs}
        for name, values in (
            ("pairwise_actifptm", scores.pairwise_actifptm),
            ("pairwise_iptm", scores.pairwise_iptm),
        )
    }
    found["per_chain_ptm"] = {name: round(float(scores.chain_pair_iptm[k, k]), 3) for k, name in enumerate(ids)}
    found["actifptm"] = round(scores.actifptm, 3)
    found |= {"ipsae": {}, "pdockq": {}, "pdockq2": {}}
    for one in confidence.interfaces:
        found["pdockq"][f"{one.a}-{one.b}"] = round(one.pdockq, 4)
        for k, pair in enumerate((f"{one.a}-{one.b}", f"{one.b}-{one.a}")):
            found["ipsae"][pair] = round(one.ipsae_both[k], 6)
            found["pdockq2"][pair] = round(one.pdockq2_both[k], 4)
    return found


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
