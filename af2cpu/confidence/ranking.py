"""Scores of whole predictions, and their order.

As AlphaFold 2's get_confidence_metrics and run_alphafold.py: monomer models, with and without pTM, are ranked by their
mean pLDDT.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from af2cpu.records import Confidence, Prediction, PredictionId, Ranking

LABEL = "plddts"  # AlphaFold 2's word for the scores of monomer models in ranking_debug.json


def confidence_of(who: PredictionId, prediction: Prediction) -> Confidence:
    """The prediction in a few numbers. Raises ValueError if `who` names another model."""
    if who.model != prediction.model:
        raise ValueError(f"{who.name} is not a prediction of {prediction.model}")
    mean = float(np.mean(prediction.plddt, dtype=np.float64))
    return Confidence(who, mean_plddt=mean, ptm=prediction.ptm, score=mean)


def rank(confidences: Iterable[Confidence]) -> Ranking:
    """Best first. Equal scores keep their order, as in AlphaFold 2; a score that is no number comes last.

    Raises ValueError if there are none or two have one name.
    """
    entries = sorted(confidences, key=lambda c: -math.inf if math.isnan(c.score) else c.score, reverse=True)
    if not entries:
        raise ValueError("no predictions to rank")
    names = [entry.who.name for entry in entries]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"ranked twice: {', '.join(twice)}")
    return Ranking(LABEL, tuple(entries))
