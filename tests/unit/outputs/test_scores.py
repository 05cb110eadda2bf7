"""Key names and number formats that ChimeraX, AlphaFold DB's viewers and ColabFold's users' scripts expect."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from prediction_cases import MAX_PAE, prediction

from af2cpu.confidence import confidence_of, rank
from af2cpu.outputs import scores
from af2cpu.outputs.classes import categories
from af2cpu.records import Confidence, Prediction, PredictionId, Ranking


def test_confidence_is_alphafold_s_byte_for_byte() -> None:
    plddt = np.array([12.345, 50.0, 69.996, 70.0, 89.999, 100.0], np.float32)
    assert scores.confidence_json(plddt) == (
        b'{"residueNumber":[1,2,3,4,5,6],"confidenceScore":[12.35,50.0,70.0,70.0,90.0,100.0],'
        b'"confidenceCategory":["D","L","L","M","M","H"]}'
    )


def test_confidence_is_rounded_as_alphafold_rounds() -> None:
    plddt = prediction("A" * 3000).plddt
    expected = [round(float(value), 2) for value in plddt]
    assert json.loads(scores.confidence_json(plddt))["confidenceScore"] == expected


def test_pae_is_alphafold_s_byte_for_byte() -> None:
    p = prediction("ACDEFGHIKLMNPQRSTVWY" * 4)
    assert p.pae is not None
    theirs = [
        {
            "predicted_aligned_error": np.round(p.pae.astype(np.float64), decimals=1).tolist(),
            "max_predicted_aligned_error": 31.75,
        }
    ]
    assert scores.pae_json(p.pae, MAX_PAE) == json.dumps(theirs, separators=(",", ":")).encode()
    assert scores.pae_json(np.array([[0.04]], np.float32), 31.75) == (
        b'[{"predicted_aligned_error":[[0.0]],"max_predicted_aligned_error":31.75}]'
    )


def test_pae_of_a_transposed_array_is_not_transposed() -> None:
    pae = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    assert json.loads(scores.pae_json(pae.T, 31.75))[0]["predicted_aligned_error"] == [[1.0, 3.0], [2.0, 4.0]]


def test_colabfold_scores() -> None:
    pae = np.array([[0.251, 7.126], [3.333, 0.25]], np.float32)
    p = prediction("AC", pae=pae, plddt=np.array([90.126, 12.344], np.float32), ptm=0.61803)
    assert scores.colabfold_scores_json(p) == (
        b'{"plddt":[90.13,12.34],"max_pae":%s,"pae":[[0.25,7.13],[3.33,0.25]],"ptm":0.62}'
        % str(float(pae.max())).encode()
    )
    assert json.loads(scores.colabfold_scores_json(prediction("AC", ptm=None))).keys() == {"plddt"}
    again = scores.afdb_pae_json(scores.colabfold_scores_json(p))
    assert json.loads(again or b"") == {
        "predicted_aligned_error": [[0.25, 7.13], [3.33, 0.25]],
        "max_predicted_aligned_error": float(pae.max()),
    }
    assert scores.afdb_pae_json(scores.colabfold_scores_json(replace(p, pae=None))) is None


def _ranking(*values: float) -> Ranking:
    ids = (PredictionId(f"model_{k}", 0, 0) for k in range(1, 6))
    return Ranking("plddts", tuple(Confidence(who, x, None, x) for who, x in zip(ids, values, strict=False)))


def test_ranking_debug() -> None:
    assert json.loads(scores.ranking_json(_ranking(80.5, 70.25))) == {
        "plddts": {"model_1_pred_0": 80.5, "model_2_pred_0": 70.25},
        "order": ["model_1_pred_0", "model_2_pred_0"],
    }
    strict = json.loads(scores.ranking_json(_ranking(1.0, math.nan)), parse_constant=pytest.fail)
    assert strict["plddts"]["model_2_pred_0"] is None


def test_relax_metrics() -> None:
    text = scores.relax_metrics_json({"model_1_pred_0": np.array([True, False, True])})
    assert json.loads(text) == {
        "model_1_pred_0": {"remaining_violations": [1.0, 0.0, 1.0], "remaining_violations_count": 2.0}
    }


def test_timings() -> None:
    times = {"features": np.float64(1.5), "process_features_model_1_pred_0": 2, "relax_model_1_pred_0": 0.125}
    assert json.loads(scores.timings_json(times)) == {key: float(value) for key, value in times.items()}


def test_categories() -> None:
    plddt = np.array([0, 49.99, 50, 69.99, 70, 89.99, 90, 100, 100.0001], np.float32)
    assert "".join(categories(plddt)) == "DDLLMMHHH"
    for odd in (math.nan, -0.1, 100.1):
        with pytest.raises(ValueError, match="pLDDT must be from 0 to 100"):
            categories(np.array([50.0, odd]))


CHAINS = [
    {"name": "A", "label_asym_id": "A", "sequenceStart": 1, "sequenceEnd": 3},
    {"name": "B", "label_asym_id": "B", "sequenceStart": 4, "sequenceEnd": 5},
    {"name": "C", "label_asym_id": "C", "sequenceStart": 6, "sequenceEnd": 8},
]


def test_chains_of_a_complex_are_told_as_in_alphafold_db() -> None:
    p = prediction("ACD:EF:ACD")
    assert p.pae is not None
    plddt = json.loads(scores.confidence_json(p.plddt, p.chains))
    assert list(plddt) == ["residueNumber", "confidenceScore", "confidenceCategory", "chains"]
    assert plddt["residueNumber"] == list(range(1, 9))
    assert plddt["chains"] == CHAINS
    (pae,) = json.loads(scores.pae_json(p.pae, MAX_PAE, p.chains))
    assert list(pae) == ["predicted_aligned_error", "max_predicted_aligned_error", "chains"]
    assert pae["chains"] == CHAINS


def test_one_chain_has_no_list_of_chains() -> None:
    p = prediction("ACD")
    assert p.pae is not None
    assert scores.confidence_json(p.plddt, p.chains) == scores.confidence_json(p.plddt)
    assert scores.pae_json(p.pae, MAX_PAE, p.chains) == scores.pae_json(p.pae, MAX_PAE)


def test_colabfold_s_scores_of_a_complex() -> None:
    content = json.loads(scores.colabfold_scores_json(prediction("AC:D", ptm=0.456)))
    assert list(content) == ["plddt", "max_pae", "pae", "ptm", "iptm"]
    assert (content["ptm"], content["iptm"]) == (0.46, 0.38)


def test_ranking_debug_of_complexes() -> None:
    entries = [confidence_of(PredictionId(f"model_{k}_multimer_v3", 0, 0), p) for k, p in enumerate(_complexes(), 1)]
    assert json.loads(scores.ranking_json(rank(entries))) == {
        "iptm+ptm": {
            "model_2_multimer_v3_pred_0": pytest.approx(0.8 * 0.375 + 0.2 * 0.75),
            "model_1_multimer_v3_pred_0": pytest.approx(0.8 * 0.375 + 0.2 * 0.25),
        },
        "order": ["model_2_multimer_v3_pred_0", "model_1_multimer_v3_pred_0"],
    }


def _complexes() -> list[Prediction]:
    return [prediction("AC:D", model=f"model_{k}_multimer_v3", ptm=ptm) for k, ptm in ((1, 0.25), (2, 0.75))]
