# SPDX-License-Identifier: Apache-2.0
"""Input embedder, relative positions, recycling embedder, extra MSA features (Algorithms 3, 4, 5, 32)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from ml_collections import ConfigDict
from torch import Tensor, nn

from af2cpu.geometry.distance import distogram, pseudo_beta, squared_distances
from af2cpu.model.layers import LayerNorm, Linear
from af2cpu.ops.linear import LinearWeights, linear
from af2cpu.ops.slicing import build_rows, update_rows
from af2cpu.ops.weights import ready
from af2cpu.shapes import Float, Int


class ChainNumbers(NamedTuple):
    """`records.Chains` as tensors [n_res]."""

    asym: Tensor
    entity: Tensor
    sym: Tensor

    def same_chain(self, rows: slice) -> Tensor:
        """[n_i, n_res], for the rows asked for."""
        return self.asym[rows, None] == self.asym


class RelativePosition(nn.Module):
    """Algorithms 4 and 5 relpos and one_hot: z_ij = W one_hot(clip(r_i - r_j, -32, 32)) + b.

    A one-hot vector times a matrix picks one of its rows, so no one-hot vector is made.
    Residue index r [n_res] -> [n_i, n_res, c_z] for the rows asked for. Residues of an earlier or later chain are at
    either end of the range, as in ColabFold, where monomer models predict complexes.

    With chains, as in AlphaFold-Multimer: one more class for residues of different chains; whether the chains are of
    one entity; and clip(copy_i - copy_j, -2, 2), with one more class for different entities.
    """

    def __init__(self, c_z: int, config: ConfigDict) -> None:
        super().__init__()
        self.max, self.max_chain = config.max_relative_position, config.chains.max_relative_chain
        self.with_chains = config.chains.enabled
        more = 1 + 1 + (2 * self.max_chain + 2) if self.with_chains else 0
        self.linear = nn.Linear(2 * self.max + 1 + more, c_z)  # whose columns are picked

    def forward(self, residue_index: Int[Tensor, " j"], chains: ChainNumbers, rows: slice) -> Float[Tensor, "i j c_z"]:
        offset = residue_index[rows, None] - residue_index[None, :]
        position = offset.clamp(-self.max, self.max) + self.max
        if not self.with_chains:
            end = torch.where(chains.asym[rows, None] > chains.asym, 2 * self.max, 0)
            position = torch.where(chains.same_chain(rows), position, end)
            return self.linear.weight.T[position] + self.linear.bias
        n_classes = 2 * self.max + 2
        weight, same_entity, copies = self.linear.weight.T.split([n_classes, 1, 2 * self.max_chain + 2])
        position = torch.where(chains.same_chain(rows), position, n_classes - 1)
        entity_is_same = chains.entity[rows, None] == chains.entity
        copy = (chains.sym[rows, None] - chains.sym).clamp(-self.max_chain, self.max_chain) + self.max_chain
        copy = torch.where(entity_is_same, copy, 2 * self.max_chain + 1)
        return weight[position] + entity_is_same[..., None] * same_entity + copies[copy] + self.linear.bias


class InputEmbedder(nn.Module):
    """Algorithm 3 InputEmbedder: m_si = W msa_si + W' target_i; z_ij = a_i + b_j + relpos_ij.

    target_feat [n_res, 22] or [n_res, 21], msa_feat [n_seq, n_res, 49], residue_index [n_res]
    -> m [n_seq, n_res, c_m], z [n_res, n_res, c_z].
    """

    def __init__(self, c_m: int, c_z: int, config: ConfigDict) -> None:
        super().__init__()
        n_target = config.n_target_features
        self.target_m = Linear(n_target, c_m)
        self.msa = Linear(49, c_m)
        self.a = Linear(n_target, c_z)
        self.b = Linear(n_target, c_z)
        self.relative_position = RelativePosition(c_z, config)

    def forward(
        self,
        target_feat: Float[Tensor, "i f"],
        msa_feat: Float[Tensor, "s i 49"],
        residue_index: Int[Tensor, " i"],
        chains: ChainNumbers,
    ) -> tuple[Float[Tensor, "s i c_m"], Float[Tensor, "i i c_z"]]:
        m = self.msa(msa_feat) + self.target_m(target_feat)
        a, b = self.a(target_feat), self.b(target_feat)
        n_res, c_z = a.shape

        def pair(rows: slice) -> Tensor:
            return a[rows, None] + b[None, :] + self.relative_position(residue_index, chains, rows)

        return m, build_rows(n_res, 2 * n_res * c_z * 4, pair)


class RecyclingEmbedder(nn.Module):
    """Algorithm 32 RecyclingEmbedder: m_1 += LN(m_1'), z_ij += LN(z_ij') + W one_hot(|x_i - x_j|).

    The primed ones come from the pass before, x is its pseudo C-beta; all are zero in the first pass.
    """

    def __init__(self, c_m: int, c_z: int, config: ConfigDict) -> None:
        super().__init__()
        self.bins = config
        self.m_norm = LayerNorm(c_m)
        self.z_norm = LayerNorm(c_z)
        self.distance = Linear(config.n_bins, c_z)

    def forward(
        self,
        m: Float[Tensor, "s i c_m"],
        z: Float[Tensor, "i i c_z"],
        m_first: Float[Tensor, "i c_m"],
        z_previous: Float[Tensor, "i i c_z"],
        positions: Float[Tensor, "i 37 3"],
        aatype: Int[Tensor, " i"],
    ) -> tuple[Float[Tensor, "s i c_m"], Float[Tensor, "i i c_z"]]:
        beta = pseudo_beta(aatype, positions)
        n_res, c_z = z.shape[1:]

        def recycled(rows: slice) -> Tensor:
            bins = distogram(squared_distances(beta[rows], beta), **self.bins)
            return self.z_norm(z_previous[rows]) + self.distance(bins.to(z.dtype))

        m = (
            torch.cat([(m[:1] + self.m_norm(m_first)), m[1:]])
            if torch.is_grad_enabled()
            else m.index_add_(0, torch.zeros(1, dtype=torch.long), self.m_norm(m_first)[None])
        )
        return m, update_rows(z, n_res * (3 * c_z + 4 * self.bins.n_bins) * 4, recycled)


class ExtraMSAEmbedder(nn.Module):
    """Algorithm 2 line 15: e_si = W concat(one_hot(a_si), has_deletion, deletion_value). -> [n_extra, n_res, c_e]."""

    N_CLASSES = 23  # 20 amino acids, unknown, gap, masked

    def __init__(self, c_e: int) -> None:
        super().__init__()
        self.linear = nn.Linear(self.N_CLASSES + 2, c_e)  # columns of the letters are looked up by code, not multiplied

    def forward(
        self,
        extra_msa: Int[Tensor, "s i"],
        has_deletion: Float[Tensor, "s i"],
        deletion_value: Float[Tensor, "s i"],
    ) -> Float[Tensor, "s i c_e"]:
        letters, deletions = self.linear.weight.split([self.N_CLASSES, 2], dim=1)
        letters, weights = letters.T.contiguous(), ready(LinearWeights(deletions, self.linear.bias))

        def embed(s: slice) -> Tensor:
            features = torch.stack([has_deletion[s], deletion_value[s]], dim=-1).to(letters.dtype)
            return letters[extra_msa[s]] + linear(features, weights)

        return build_rows(extra_msa.shape[0], 3 * extra_msa.shape[1] * letters.shape[1] * 4, embed)
