# SPDX-License-Identifier: Apache-2.0
"""Distances between residues: pseudo C-beta, distograms, change between two structures."""

from __future__ import annotations

import torch
from torch import Tensor

from af2cpu.chemistry import residues
from af2cpu.shapes import Float, Int

_GLY = residues.RESTYPES.index("G")


def pseudo_beta(
    aatype: Int[Tensor, "*b n_res"], positions: Float[Tensor, "*b n_res 37 3"]
) -> Float[Tensor, "*b n_res 3"]:
    """C-beta of each residue, C-alpha of glycine (supplement 1.2.9)."""
    is_gly = (aatype == _GLY).unsqueeze(-1)
    return torch.where(is_gly, positions[..., residues.CA, :], positions[..., residues.CB, :])


def squared_distances(a: Float[Tensor, "*b n 3"], b: Float[Tensor, "*b k 3"]) -> Float[Tensor, "*b n k"]:
    """Squared distances by differences: the expanded form loses digits far from the origin."""
    return (a.unsqueeze(-2) - b.unsqueeze(-3)).square().sum(-1)


def distogram(squared: Float[Tensor, "*b"], min_bin: float, max_bin: float, n_bins: int) -> Float[Tensor, "*b n_bins"]:
    """One-hot distance bins whose left edges run from `min_bin` to `max_bin` angstrom; the last one is open.

    Distances under `min_bin` are in no bin.
    """
    lower = torch.linspace(min_bin, max_bin, n_bins).square()
    upper = torch.cat([lower[1:], torch.tensor([1e8])])
    squared = squared.unsqueeze(-1)
    return ((squared > lower) & (squared < upper)).to(squared.dtype)


def ca_distance_change(
    before: Float[Tensor, "n_res 37 3"], after: Float[Tensor, "n_res 37 3"], mask: Float[Tensor, " n_res"]
) -> float:
    """Root mean square change of all C-alpha to C-alpha distances, angstrom.

    The measure that ends recycling early in AF2Complex, ColabFold and AlphaFold-Multimer.
    """
    a, b = before[:, residues.CA], after[:, residues.CA]
    change = (
        torch.cdist(a, a, compute_mode="donot_use_mm_for_euclid_dist")
        - torch.cdist(b, b, compute_mode="donot_use_mm_for_euclid_dist")
    ).square()
    weight = mask[:, None] * mask[None, :]
    # By rows first: a sum over all of a large tensor depends on the number of threads.
    return float(torch.sqrt((change * weight).sum(-1).sum() / weight.sum() + 1e-8))
