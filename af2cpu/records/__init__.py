# SPDX-License-Identifier: Apache-2.0
"""The nouns of the pipeline: frozen records that the stages hand to each other.

Sizes: n_res residues, n_seq MSA rows, n_extra extra MSA rows, n_templ templates. Coordinates are in angstrom.
Masks are 1.0 where something is and 0.0 where nothing is. Field names are AlphaFold 2's.
"""

from af2cpu.records.alignments import Alignment, TemplateHit, Templates, TemplateSkipped, TemplateUsed
from af2cpu.records.chains import CHAIN_BREAK, Chain, Chains, Query
from af2cpu.records.features import Features, ProcessedFeatures
from af2cpu.records.predictions import (
    ChainConfidence,
    ChainPairs,
    Confidence,
    Interface,
    Prediction,
    PredictionId,
    Ranking,
    best_interface,
    pair_score,
)
from af2cpu.records.structures import Atoms, InitialGuess, NetworkTemplate, Protein, Provenance, Relaxed

__all__ = [
    "CHAIN_BREAK",
    "Alignment",
    "Atoms",
    "Chain",
    "ChainConfidence",
    "ChainPairs",
    "Chains",
    "Confidence",
    "Features",
    "InitialGuess",
    "Interface",
    "NetworkTemplate",
    "Prediction",
    "PredictionId",
    "ProcessedFeatures",
    "Protein",
    "Provenance",
    "Query",
    "Ranking",
    "Relaxed",
    "TemplateHit",
    "TemplateSkipped",
    "TemplateUsed",
    "Templates",
    "best_interface",
    "pair_score",
]
