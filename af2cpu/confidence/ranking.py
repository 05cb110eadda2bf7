# SPDX-License-Identifier: Apache-2.0
"""Scores of whole predictions and of their pairs of chains, and the order of predictions.

As AlphaFold 2's get_confidence_metrics and run_alphafold.py: monomer models, with and without pTM, are ranked by their
mean pLDDT, multimer models by 0.8 ipTM + 0.2 pTM. Complexes are ranked by the latter whichever model made them, as
ColabFold ranks them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from af2cpu.confidence.interfaces import chains_of, interfaces_of
from af2cpu.records import Confidence, Prediction, PredictionId, Ranking

# AlphaFold 2's words for the scores in ranking_debug.json, by what a model's configuration calls them.
_LABELS = {"plddt": "plddts", "iptm+ptm": "iptm+ptm"}


def confidence_of(who: PredictionId, prediction: Prediction, ranking: str = "plddt") -> Confidence:
    """The prediction in a few numbers. `ranking` says which score a single chain is ranked by: plddt, or iptm+ptm; a
    complex is always ranked by iptm+ptm.

    One chain has no interface: its ipTM counts as 0. Raises ValueError if `who` names another model, or if a prediction
    without aligned errors is to be ranked by them.
    """
    if who.model != prediction.model:
        raise ValueError(f"{who.name} is not a prediction of {prediction.model}")
    score = mean = float(np.mean(prediction.plddt, dtype=np.float64))
    if prediction.chains.n_chains > 1:
        ranking = "iptm+ptm"
    if ranking == "iptm+ptm":
        if prediction.ptm is None:
            raise ValueError(f"{who.name} has no pTM to be ranked by")
        score = 0.8 * (prediction.iptm or 0.0) + 0.2 * prediction.ptm
    return Confidence(
        who,
        mean_plddt=mean,
        ptm=prediction.ptm,
        score=score,
        iptm=prediction.iptm,
        label=_LABELS[ranking],
        chains=chains_of(prediction),
        interfaces=interfaces_of(prediction),
    )


def rank(confidences: Iterable[Confidence]) -> Ranking:
    """Best first. Equal scores keep their order, as in AlphaFold 2; a score that is no number comes last.

    Raises ValueError if there are none, two have one name, or they have different scores.
    """
    entries = sorted(confidences, key=lambda c: -math.inf if math.isnan(c.score) else c.score, reverse=True)
    if not entries:
        raise ValueError("no predictions to rank")
    names = [entry.who.name for entry in entries]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"ranked twice: {', '.join(twice)}")
    labels = sorted({entry.label for entry in entries})
    if len(labels) > 1:
        raise ValueError(f"predictions with different scores can't be ranked together: {' and '.join(labels)}")
    return Ranking(labels[0], tuple(entries))
