# SPDX-License-Identifier: Apache-2.0
"""What is relaxed, and where chains begin and end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from prediction_cases import prediction
from relax_cases import helix, joined, torn, without

from af2cpu.records import Protein
from af2cpu.relax.segments import Segment, running_index, segments


def test_one_chain_is_one_segment() -> None:
    runs, notes = segments(helix())
    assert runs == [Segment(0, 12, True, True)]
    assert notes == ()


def test_unknown_residue_splits_a_chain() -> None:
    runs, notes = segments(helix("SAKXDREXL"))
    assert runs == [Segment(0, 3, True, False), Segment(4, 7, False, False)]
    assert len(notes) == 2
    assert "A/4 UNK, A/8 UNK" in notes[0]
    assert "A/9 LEU (alone between gaps)" in notes[1]


def test_residue_without_backbone_is_left_out() -> None:
    runs, notes = segments(without(helix(), 5, "CA"))
    assert [(run.start, run.stop) for run in runs] == [(0, 5), (6, 12)]
    assert "A/6 GLU (without N, CA or C)" in notes[0]


def test_chains_are_not_bonded_to_each_other() -> None:
    runs, _ = segments(joined(helix("SAK"), helix("DRE", chain="B", first=4)))
    assert runs == [Segment(0, 3, True, True), Segment(3, 6, True, True)]


def test_in_a_file_only_distance_makes_a_bond() -> None:
    protein = replace(helix(), numbers_bond=False)
    runs, notes = segments(torn(protein, 5, 4.0))
    assert runs == [Segment(0, 5, True, False), Segment(5, 12, False, True)]
    assert notes == ("no bond to the next residue, whose N is too far away; the gap is left open: A/5 ARG",)
    assert segments(torn(protein, 5, 0.8)) == ([Segment(0, 12, True, True)], ())  # stretched
    assert segments(torn(replace(protein, numbers_bond=True), 5, 4.0)) == ([Segment(0, 12, True, True)], ())


def test_a_torn_prediction_is_one_segment() -> None:
    broken = torn(helix(), 5, 4.0)
    p = prediction("SAKDRELYHTVG", atom_positions=broken.atom_positions, atom_mask=broken.atom_mask)
    assert segments(Protein.from_prediction(p)) == ([Segment(0, 12, True, True)], ())


def test_bonds_of_a_prediction_follow_numbers_or_distance() -> None:
    protein = helix()
    jump = replace(protein, residue_index=protein.residue_index + np.where(np.arange(12) >= 5, 10, 0))
    assert np.diff(running_index(jump)).tolist() == [1] * 11  # close: bonded whatever the numbers say
    assert np.diff(running_index(torn(protein, 5, 4.0))).tolist() == [1] * 11  # torn by the prediction: to be mended
    assert np.diff(running_index(torn(jump, 5, 4.0)))[4] > 1  # a loop that the file lacks
    inserted = replace(protein, residue_index=np.array([1, 2, 3, 3, *range(4, 12)]))
    assert np.diff(running_index(inserted)).tolist() == [1] * 11
