# SPDX-License-Identifier: Apache-2.0
"""What the demo networks predict from sequences alone."""

from __future__ import annotations

from functools import cache

import numpy as np

import af2cpu
from af2cpu.chemistry.residues import CA, HHBLITS_AA_TO_ID, C, N, O
from af2cpu.features.complex import merge_chains
from af2cpu.features.config import SamplingConfig
from af2cpu.features.draws import Draws
from af2cpu.features.raw import make_features
from af2cpu.model.alphafold import AlphaFold
from af2cpu.model.config import DEMO
from af2cpu.records import CHAIN_BREAK, Alignment, Features, Prediction, Query
from af2cpu.weights.demo import is_known
from synthetic.ideal import with_beta

RECYCLES = 3


def predict(model: AlphaFold, sequence: str, seed: int = 0) -> Prediction:
    """A prediction of a protein, or of a complex (`AAA:BBB`), from the sequence alone, 3 recycles."""
    features = merge_chains([_alone(chain) for chain in sequence.split(CHAIN_BREAK)])
    data = model.config.data
    sampling = SamplingConfig(data.max_msa_clusters, data.max_extra_msa, data.max_templates, draw=data.draw)
    return model.predict(Draws(features, sampling, seed, RECYCLES + 1), recycles=RECYCLES)


def _alone(sequence: str) -> Features:
    msa = np.array([[HHBLITS_AA_TO_ID[letter] for letter in sequence]], np.uint8)
    alignment = Alignment("none", ("query",), msa, np.zeros(msa.shape, np.uint16))
    return make_features(Query("query", sequence, "query", "query"), [alignment])


@cache
def predicted_backbone(sequence: str) -> np.ndarray | None:
    """[n_res, 5, 3] N CA C O CB in angstrom, C-beta atoms ideal; None for a protein that the network does not know."""
    if not is_known(sequence):
        return None
    prediction = predict(af2cpu.load_model(DEMO, DEMO, engine="torch"), sequence)
    return with_beta(prediction.atom_positions[:, [N, CA, C, O]].astype(np.float64))
