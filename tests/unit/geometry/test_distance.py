# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import torch

from af2cpu.chemistry import residues
from af2cpu.geometry.distance import ca_distance_change, distogram, pseudo_beta


def test_distogram_bins() -> None:
    """Left edges 2, 4, 6: under 2 is no bin, the last is open."""
    bins = distogram(torch.tensor([1.0, 3.0, 5.0, 100.0]).square(), 2.0, 6.0, 3)
    assert bins.tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_pseudo_beta_of_glycine_is_ca() -> None:
    positions = torch.arange(2 * 37 * 3.0).reshape(2, 37, 3)
    aatype = torch.tensor([residues.RESTYPES.index("G"), residues.RESTYPES.index("A")])
    beta = pseudo_beta(aatype, positions)
    assert torch.equal(beta[0], positions[0, residues.CA])
    assert torch.equal(beta[1], positions[1, residues.CB])


def test_change_ignores_motion_of_the_whole() -> None:
    torch.manual_seed(0)
    before = torch.randn(6, 37, 3) * 10
    assert ca_distance_change(before, before + 5.0, torch.ones(6)) < 1e-3


def test_change_of_two_residues() -> None:
    before, after = torch.zeros(2, 37, 3), torch.zeros(2, 37, 3)
    before[1, residues.CA, 0], after[1, residues.CA, 0] = 3.0, 5.0
    # Distances change by 2 in two of four pairs.
    assert abs(ca_distance_change(before, after, torch.ones(2)) - 2**0.5) < 1e-4
    assert ca_distance_change(before, after, torch.tensor([1.0, 0.0])) < 1e-3
