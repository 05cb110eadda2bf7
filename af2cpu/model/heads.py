# SPDX-License-Identifier: Apache-2.0
"""Heads: pLDDT (Algorithm 29) and those of supplement 1.9.6 to 1.9.10. They run in float32."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from ml_collections import ConfigDict
from torch import Tensor, nn

from af2cpu.model.layers import LayerNorm, Linear
from af2cpu.ops.linear import LinearWeights, linear
from af2cpu.ops.slicing import build_rows, slices
from af2cpu.ops.weights import ready
from af2cpu.shapes import Float, Int


class PredictedLDDT(nn.Module):
    """Algorithm 29 predictPerResidueLDDT_Ca: p_i = softmax(W relu(W relu(W LN(s_i)))), pLDDT_i = 100 p_i . bins.

    s of the structure module [n_res, c_s] -> logits [n_res, 50].
    """

    def __init__(self, c_s: int, config: ConfigDict) -> None:
        super().__init__()
        self.norm = LayerNorm(c_s)
        self.layer_0 = Linear(c_s, config.c)
        self.layer_1 = Linear(config.c, config.c)
        self.logits = Linear(config.c, config.n_bins)

    def forward(self, s: Float[Tensor, "i c_s"]) -> Float[Tensor, "i n_bins"]:
        return self.logits(F.relu(self.layer_1(F.relu(self.layer_0(self.norm(s))))))

    @staticmethod
    def plddt(logits: Float[Tensor, "i n_bins"]) -> Float[Tensor, " i"]:
        """Expected lDDT-C-alpha of each residue, 0-100; bins are of equal width."""
        n_bins = logits.shape[-1]
        centers = (torch.arange(n_bins) + 0.5) / n_bins
        return 100 * (torch.softmax(logits, dim=-1) * centers).sum(-1)


def tm_scale(n_res: Tensor) -> Tensor:
    """TM-score's d0 in angstrom for proteins of so many residues; small ones count as 19 (AlphaFold 2's rule)."""
    return 1.24 * (n_res.clamp(min=19) - 15) ** (1 / 3) - 1.8


class PredictedAlignedError(nn.Module):
    """Supplement 1.9.7: logits [n_res, n_res, 64] of the error of residue j when aligned on the frame of residue i."""

    def __init__(self, c_z: int, config: ConfigDict) -> None:
        super().__init__()
        self.n_bins, self.max_error = config.n_bins, config.max_error
        self.logits = Linear(c_z, config.n_bins)

    def forward(self, z: Float[Tensor, "i j c_z"]) -> Float[Tensor, "i j n_bins"]:
        return self.logits(z)

    def bin_centers(self) -> Float[Tensor, " n_bins"]:
        """Angstrom; the last bin is open and counted half a width past its edge."""
        width = self.max_error / (self.n_bins - 2)
        return (torch.arange(self.n_bins) + 0.5) * width

    @property
    def max_pae(self) -> float:
        return float(self.bin_centers()[-1])

    def pae_and_ptm(
        self, z: Float[Tensor, "i i c_z"], mask: Float[Tensor, " i"], asym: Int[Tensor, " i"]
    ) -> tuple[Float[Tensor, "i i"], float, float | None]:
        """Expected aligned error in angstrom, pTM and ipTM: the best over frames of the expected TM-score terms.

        ipTM counts the pairs of residues in different chains only; None where all are in one chain. Both scale
        distances by the number of all residues. Computed by rows, so that memory never holds all logits.
        """
        centers = self.bin_centers()
        d0 = tm_scale(mask.sum())
        terms = ready(LinearWeights(torch.stack([centers, 1 / (1 + (centers / d0) ** 2)])))
        bytes_per_row = z.shape[1] * (z.shape[2] + 3 * self.n_bins) * 4

        def expected(rows: slice) -> Tensor:
            return linear(torch.softmax(self(z[rows].float()), dim=-1), terms)

        both = build_rows(z.shape[0], bytes_per_row, expected)
        pae, tm = both.unbind(-1)
        per_frame = (tm * mask).sum(-1) / (1e-8 + mask.sum())
        return pae.contiguous(), float((per_frame * mask).max()), _interface_tm(tm, mask, asym)


def _interface_tm(tm: Tensor, mask: Tensor, asym: Tensor) -> float | None:
    """The best over frames of the mean of tm [n_res, n_res] over the residues of other chains than the frame's."""
    if (asym == asym[0]).all():
        return None
    per_frame = torch.empty_like(mask)
    for rows in slices(len(mask), 3 * len(mask) * 4):
        weight = (asym[rows, None] != asym) * mask
        per_frame[rows] = (tm[rows] * weight).sum(-1) / (1e-8 + weight.sum(-1))
    return float((per_frame * mask).max())


class Distogram(nn.Module):
    """Supplement 1.9.8: symmetric logits [n_res, n_res, 64] of the C-beta distance. z [n_res, n_res, c_z] -> logits."""

    def __init__(self, c_z: int, config: ConfigDict) -> None:
        super().__init__()
        self.half_logits = Linear(c_z, config.n_bins)

    def forward(self, z: Float[Tensor, "i i c_z"]) -> Float[Tensor, "i i n_bins"]:
        half = self.half_logits(z)
        return half + half.transpose(0, 1)

    def rows(self, z: Float[Tensor, "i i c_z"], rows: slice) -> Float[Tensor, "r i n_bins"]:
        """The logits of some rows."""
        return self.half_logits(z[rows].float()) + self.half_logits(z[:, rows].float()).transpose(0, 1)

    def breaks(self) -> Float[Tensor, " n_breaks"]:
        """Angstrom, the borders between bins: the first bin is open below, the last one above."""
        return torch.linspace(2.3125, 21.6875, self.half_logits.weight.shape[0] - 1)


class MaskedMSA(nn.Module):
    """Supplement 1.9.9: logits of the masked residues, of 23 classes (22 in multimer models). m -> logits."""

    def __init__(self, c_m: int, config: ConfigDict) -> None:
        super().__init__()
        self.logits = Linear(c_m, config.n_classes)

    def forward(self, m: Float[Tensor, "s i c_m"]) -> Float[Tensor, "s i n_classes"]:
        return self.logits(m)


class ExperimentallyResolved(nn.Module):
    """Supplement 1.9.10: logits [n_res, 37] that an atom is seen in an experiment. s [n_res, c_s] -> logits."""

    def __init__(self, c_s: int, config: ConfigDict) -> None:
        super().__init__()
        self.logits = Linear(c_s, config.n_atoms)

    def forward(self, s: Float[Tensor, "i c_s"]) -> Float[Tensor, "i n_atoms"]:
        return self.logits(s)


class Heads(nn.Module):
    """All heads of a model; models without the `_ptm` suffix have none for aligned errors."""

    def __init__(self, c_m: int, c_z: int, c_s: int, config: ConfigDict) -> None:
        super().__init__()
        self.distogram = Distogram(c_z, config.distogram)
        self.masked_msa = MaskedMSA(c_m, config.masked_msa)
        self.experimentally_resolved = ExperimentallyResolved(c_s, config.experimentally_resolved)
        self.predicted_lddt = PredictedLDDT(c_s, config.predicted_lddt)
        self.predicted_aligned_error = (
            PredictedAlignedError(c_z, config.predicted_aligned_error)
            if config.predicted_aligned_error.enabled
            else None
        )
