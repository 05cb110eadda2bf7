# SPDX-License-Identifier: Apache-2.0
"""Ranking as in AlphaFold 2's run_alphafold.py."""

from __future__ import annotations

import math

import pytest
from prediction_cases import prediction

from af2cpu.confidence import confidence_of, rank
from af2cpu.records import Confidence, PredictionId

NAN = math.nan


def _scored(*scores: float) -> list[Confidence]:
    return [Confidence(PredictionId(f"model_{k}", 0, 0), s, None, s) for k, s in enumerate(scores, start=1)]


def _order(*scores: float) -> list[str]:
    return [entry.who.name for entry in rank(_scored(*scores)).entries]


def test_monomers_are_ranked_by_mean_plddt_even_with_ptm() -> None:
    sure, unsure = prediction("AC", model="model_1_ptm", ptm=0.2), prediction("AC", model="model_2_ptm", ptm=0.9)
    sure.plddt[:], unsure.plddt[:] = [90, 70], [60, 61]
    scores = [confidence_of(PredictionId(p.model, 0, 0), p) for p in (unsure, sure)]
    ranking = rank(scores)
    assert [entry.who.name for entry in ranking.entries] == ["model_1_ptm_pred_0", "model_2_ptm_pred_0"]
    assert [entry.score for entry in ranking.entries] == [80.0, 60.5]
    assert [entry.ptm for entry in ranking.entries] == [0.2, 0.9]
    assert ranking.label == "plddts"


def test_the_score_out_of_100_is_colabfold_s() -> None:
    """Mean pLDDT of one chain whichever model made it, 80 ipTM + 20 pTM of a complex."""
    complex_, alone = (prediction(one, model="model_1_multimer_v3", ptm=0.5) for one in ("AC:AC", "AC"))
    alone.plddt[:] = [90, 70]
    of_complex, of_alone = (confidence_of(PredictionId(p.model, 0, 0), p, "iptm+ptm") for p in (complex_, alone))
    assert of_complex.iptm is not None
    assert of_complex.out_of_100 == pytest.approx(80 * of_complex.iptm + 10)
    assert of_complex.out_of_100 == pytest.approx(100 * of_complex.score)
    assert (of_alone.out_of_100, of_alone.score) == (80.0, pytest.approx(0.1))


def test_multimers_are_ranked_by_their_interfaces() -> None:
    """0.8 ipTM + 0.2 pTM; one chain has no interface."""
    p = prediction("AC", model="model_1_multimer_v3", ptm=0.5, iptm=0.75)
    alone = prediction("AC", model="model_2_multimer_v3", ptm=0.9)
    scores = [confidence_of(PredictionId(one.model, 0, 0), one, "iptm+ptm") for one in (alone, p)]
    ranking = rank(scores)
    assert [entry.who.model for entry in ranking.entries] == ["model_1_multimer_v3", "model_2_multimer_v3"]
    assert [entry.score for entry in ranking.entries] == pytest.approx([0.8 * 0.75 + 0.2 * 0.5, 0.2 * 0.9])
    assert (ranking.label, ranking.entries[0].iptm) == ("iptm+ptm", 0.75)
    with pytest.raises(ValueError, match=r"different scores.*iptm\+ptm and plddts"):
        rank([*scores, *_scored(50.0)])
    with pytest.raises(ValueError, match="no pTM"):
        confidence_of(PredictionId("model_1", 0, 0), prediction("A", model="model_1", ptm=None), "iptm+ptm")


def test_complexes_are_ranked_by_their_interfaces_whichever_model_made_them() -> None:
    p = prediction("AC:DE", model="model_1_ptm", ptm=0.5, iptm=0.75)
    confidence = confidence_of(PredictionId("model_1_ptm", 0, 0), p)
    assert (confidence.label, confidence.score) == ("iptm+ptm", pytest.approx(0.8 * 0.75 + 0.2 * 0.5))


def test_ties_keep_their_order() -> None:
    assert _order(1.0, 2.0, 2.0, 2.0) == [f"model_{k}_pred_0" for k in (2, 3, 4, 1)]


@pytest.mark.parametrize("scores", [(NAN, 50.0, 60.0), (50.0, NAN, 60.0), (50.0, 60.0, NAN)])
def test_nan_never_wins(scores: tuple[float, ...]) -> None:
    order = _order(*scores)
    assert order[0] == f"model_{scores.index(60.0) + 1}_pred_0"
    assert order[-1] == f"model_{scores.index(NAN) + 1}_pred_0"


def test_mean_is_taken_in_float64() -> None:
    """AlphaFold 2's bins are float64, and so is its mean; in float32 a long protein's mean moves by 1e-5."""
    long = prediction("A" * 4000)
    expected = math.fsum(float(x) for x in long.plddt) / 4000
    assert confidence_of(PredictionId(long.model, 0, 0), long).mean_plddt == pytest.approx(expected, abs=1e-10)


def test_mistakes_of_the_caller() -> None:
    with pytest.raises(ValueError, match="model_2_pred_0 is not a prediction of model_1_ptm"):
        confidence_of(PredictionId("model_2", 0, 0), prediction("A"))
    with pytest.raises(ValueError, match="ranked twice: model_1_pred_0"):
        rank(_scored(1.0) * 2)
    with pytest.raises(ValueError, match="no predictions to rank"):
        rank([])
