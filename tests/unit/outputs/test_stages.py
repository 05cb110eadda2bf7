# SPDX-License-Identifier: Apache-2.0
"""What the stages before really hand over: the network's prediction, the relaxation's result."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from output_cases import PROVENANCE
from prediction_cases import prediction
from relax_cases import text_of
from shared_data import shared_data

import af2cpu
from af2cpu.confidence import confidence_of, rank
from af2cpu.formats.structure import read_chains
from af2cpu.model.config import model_config
from af2cpu.outputs.arrays import read_result
from af2cpu.outputs.layout import AlphaFoldLayout
from af2cpu.outputs.write import write_prediction, write_ranking, write_relaxed
from af2cpu.records import PredictionId, Protein
from af2cpu.relax.rounds import relax
from af2cpu.validate.synthetic import synthetic_features


def _atom_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("ATOM")]


def test_a_prediction_of_the_network(tmp_path: Path) -> None:
    draw = synthetic_features(model_config("tiny"), 23, n_seq=5, n_extra=4)
    p = af2cpu.load_model("tiny", "synthetic:0", engine="torch").predict([draw], recycles=0, save_all=True)
    confidence = confidence_of(PredictionId("tiny", 0, 0), p)
    layout = AlphaFoldLayout(tmp_path, "tiny")
    warned = replace(PROVENANCE, warning="random parameters: this means nothing")
    write_prediction(layout, p, confidence, warned, save_all=True, af2_pickles=True)
    write_ranking(layout, rank([confidence]))
    again = read_result(tmp_path / "result_tiny_pred_0.npz", "tiny")
    np.testing.assert_array_equal(again.atom_positions, p.atom_positions)
    assert again.extras.keys() == p.extras.keys() >= {"distogram/logits", "representations/single"}
    assert (tmp_path / "ranked_0.pdb").read_text().startswith("TITLE     RANDOM PARAMETERS: THIS MEANS NOTHING")


def test_a_relaxed_structure_keeps_every_atom(tmp_path: Path) -> None:
    """With an X at the end, which the relaxation leaves out."""
    (chain,) = read_chains(shared_data("pdb", "6KWC_1_model_1_ptm_unrelaxed.pdb"))
    n_res = 12
    mask = chain.mask[:n_res].copy()
    mask[-1] = 0
    p = prediction(chain.sequence[: n_res - 1] + "X", atom_positions=chain.positions[:n_res], atom_mask=mask)
    protein = Protein.from_prediction(p)
    result = relax(protein)
    assert result.relaxed, result.reason
    confidence = confidence_of(PredictionId(p.model, 0, 0), p)
    layout = AlphaFoldLayout(tmp_path, "x")
    write_prediction(layout, p, confidence, PROVENANCE)
    write_relaxed(layout, p, result, confidence, PROVENANCE)
    write_ranking(layout, rank([confidence]), {confidence.who.name: result.violations_after})
    assert _atom_lines((tmp_path / "ranked_0.pdb").read_text()) == _atom_lines(
        text_of(protein, result).replace("-0.000", " 0.000")
    )
