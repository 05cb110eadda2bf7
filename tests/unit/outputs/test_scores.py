# SPDX-License-Identifier: Apache-2.0
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
from af2cpu.records import Chains, Confidence, Prediction, PredictionId, Ranking
from af2cpu.runs.records import PredictionScores

# Of ACD:EF:ACD, as AlphaFold DB writes them.
CHAINS = [
    {"name": "A", "label_asym_id": "A", "sequenceStart": 1, "sequenceEnd": 3},
    {"name": "B", "label_asym_id": "B", "sequenceStart": 4, "sequenceEnd": 5},
    {"name": "C", "label_asym_id": "C", "sequenceStart": 6, "sequenceEnd": 8},
]


def test_confidence_is_alphafold_s_byte_for_byte() -> None:
    p = prediction("ACDEFG", plddt=np.array([12.345, 50.0, 69.996, 70.0, 89.999, 100.0], np.float32))
    assert scores.confidence_json(p, _confidence(p)) == (
        b'{"residueNumber":[1,2,3,4,5,6],"confidenceScore":[12.35,50.0,70.0,70.0,90.0,100.0],'
        b'"confidenceCategory":["D","L","L","M","M","H"]}'
    )


def test_confidence_is_rounded_as_alphafold_rounds() -> None:
    p = prediction("A" * 3000)
    expected = [round(float(value), 2) for value in p.plddt]
    assert json.loads(scores.confidence_json(p, _confidence(p)))["confidenceScore"] == expected


def test_confidence_of_a_complex_has_the_scores_of_its_chains() -> None:
    """AlphaFold DB's keys stay; the report writes the same bytes from run.json's record."""
    p = prediction("ACD:EF:ACD", ptm=0.61803)
    confidence = _confidence(p)
    text = scores.confidence_json(p, confidence)
    assert text == scores.confidence_json(p, PredictionScores.of(confidence))
    content = json.loads(text)
    afdb = ["residueNumber", "confidenceScore", "confidenceCategory"]
    assert list(content) == [*afdb, "ptm", "iptm", "chains", "interfaces"]
    assert content["residueNumber"] == list(range(1, 9))
    assert (content["ptm"], content["iptm"]) == (0.618, 0.375)
    for shown, place, chain in zip(content["chains"], CHAINS, confidence.chains, strict=True):
        assert shown == place | {"id": chain.id, "mean_plddt": round(chain.mean_plddt, 2), "ptm": shown["ptm"]}
        assert shown["ptm"] == pytest.approx(chain.ptm, abs=5e-5)
    assert [(one["a"], one["b"]) for one in content["interfaces"]] == [("A", "B"), ("A", "C"), ("B", "C")]
    for shown, exact in zip(content["interfaces"], confidence.interfaces, strict=True):
        assert shown.keys() == vars(exact).keys()
        assert shown["lis_both"] == pytest.approx(exact.lis_both, abs=5e-5)
        assert shown["mean_pae"] == round(exact.mean_pae, 2)
        assert shown["contacts"] == exact.contacts


def test_confidence_of_numbers_that_are_none_is_strict_json() -> None:
    p = prediction("AC:D")
    p.pae[:] = np.nan
    content = json.loads(scores.confidence_json(p, _confidence(p)), parse_constant=pytest.fail)
    assert content["interfaces"][0]["mean_pae"] is None


def test_pae_is_alphafold_s_byte_for_byte() -> None:
    p = prediction("ACDEFGHIKLMNPQRSTVWY" * 4)
    assert p.pae is not None
    theirs = [
        {
            "predicted_aligned_error": np.round(p.pae.astype(np.float64), decimals=1).tolist(),
            "max_predicted_aligned_error": 31.75,
        }
    ]
    assert scores.pae_json(p.pae, MAX_PAE, p.chains) == json.dumps(theirs, separators=(",", ":")).encode()
    assert scores.pae_json(np.array([[0.04]], np.float32), 31.75, Chains.one(1)) == (
        b'[{"predicted_aligned_error":[[0.0]],"max_predicted_aligned_error":31.75}]'
    )


def test_pae_of_a_transposed_array_is_not_transposed() -> None:
    pae = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    (content,) = json.loads(scores.pae_json(pae.T, 31.75, Chains.one(2)))
    assert content["predicted_aligned_error"] == [[1.0, 3.0], [2.0, 4.0]]


def test_colabfold_scores() -> None:
    pae = np.array([[0.251, 7.126], [3.333, 0.25]], np.float32)
    p = prediction("AC", pae=pae, plddt=np.array([90.126, 12.344], np.float32), ptm=0.61803)
    assert scores.colabfold_scores_json(p, _confidence(p)) == (
        b'{"plddt":[90.13,12.34],"max_pae":%s,"pae":[[0.25,7.13],[3.33,0.25]],"ptm":0.62}'
        % str(float(pae.max())).encode()
    )
    without = prediction("AC", ptm=None)
    assert json.loads(scores.colabfold_scores_json(without, _confidence(without))).keys() == {"plddt"}
    again = scores.afdb_pae_json(scores.colabfold_scores_json(p, _confidence(p)))
    assert json.loads(again or b"") == {
        "predicted_aligned_error": [[0.25, 7.13], [3.33, 0.25]],
        "max_predicted_aligned_error": float(pae.max()),
    }
    p = replace(p, pae=None)
    assert scores.afdb_pae_json(scores.colabfold_scores_json(p, _confidence(p))) is None


def test_colabfold_scores_of_a_complex() -> None:
    """The keys of ColabFold 1.6.3 with --calc-extra-ptm, and its decimals; directions where it has them."""
    p = prediction("ACD:EF:ACD", ptm=0.61803)
    confidence = _confidence(p)
    content = json.loads(scores.colabfold_scores_json(p, confidence))
    keys = "plddt max_pae pae ptm iptm pairwise_actifptm pairwise_iptm per_chain_ptm actifptm ipsae pdockq pdockq2"
    assert list(content) == keys.split()
    assert content["pairwise_iptm"] == {
        pair: round(float(p.chain_pairs.pairwise_iptm[at]), 3)
        for pair, at in (("A-B", (0, 1)), ("A-C", (0, 2)), ("B-C", (1, 2)))
    }
    assert content["pairwise_actifptm"]["B-C"] == round(float(p.chain_pairs.pairwise_actifptm[1, 2]), 3)
    assert content["per_chain_ptm"] == {
        name: round(float(p.chain_pairs.chain_pair_iptm[k, k]), 3) for k, name in enumerate("ABC")
    }
    assert content["actifptm"] == 0.5
    assert list(content["pdockq"]) == ["A-B", "A-C", "B-C"]
    both = ["A-B", "B-A", "A-C", "C-A", "B-C", "C-B"]
    assert list(content["ipsae"]) == list(content["pdockq2"]) == both
    values = [value for one in confidence.interfaces for value in one.ipsae_both]
    assert list(content["ipsae"].values()) == pytest.approx(values, abs=5e-7)


def _confidence(p: Prediction) -> Confidence:
    return confidence_of(PredictionId(p.model, 0, 0), p)


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


def test_pae_of_a_complex_tells_whose_rows_are_whose() -> None:
    """As in AlphaFold DB's files of complexes."""
    p = prediction("ACD:EF:ACD")
    assert p.pae is not None
    (pae,) = json.loads(scores.pae_json(p.pae, MAX_PAE, p.chains))
    assert list(pae) == ["predicted_aligned_error", "max_predicted_aligned_error", "chains"]
    assert pae["chains"] == CHAINS


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
