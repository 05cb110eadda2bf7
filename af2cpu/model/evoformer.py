# SPDX-License-Identifier: Apache-2.0
"""The Evoformer stack and the extra MSA stack (Algorithms 6 and 18)."""

from __future__ import annotations

from ml_collections import ConfigDict
from torch import Tensor, nn

from af2cpu.model.layers import Linear
from af2cpu.model.msa import MSAColumnAttention, MSAColumnGlobalAttention, MSARowAttentionWithPairBias, Transition
from af2cpu.model.outer import OuterProductMean
from af2cpu.model.pair import PairLayers
from af2cpu.ops.dispatch import release_memory
from af2cpu.shapes import Float


class EvoformerBlock(PairLayers):
    """One block of either stack: m [n_seq, n_res, c_m], z [n_res, n_res, c_z] -> m, z.

    The extra MSA stack differs in its column attention, which is global. In the multimer models the outer product mean
    comes first, so that the row attention's bias is the updated pair representation.
    """

    def __init__(self, c_m: int, c_z: int, config: ConfigDict) -> None:
        super().__init__(c_z, config)
        self.outer_product_first = config.outer_product_first
        self.msa_row_attention = MSARowAttentionWithPairBias(c_m, c_z, config.msa_row_attention)
        self.msa_column_attention = (
            MSAColumnGlobalAttention(c_m, config.msa_column_global_attention)
            if "msa_column_global_attention" in config
            else MSAColumnAttention(c_m, config.msa_column_attention)
        )
        self.msa_transition = Transition(c_m, config.msa_transition)
        self.outer_product_mean = OuterProductMean(c_m, c_z, config.outer_product_mean)

    def forward(
        self,
        m: Float[Tensor, "s i c_m"],
        z: Float[Tensor, "i i c_z"],
        msa_mask: Float[Tensor, "s i"],
        pair_mask: Float[Tensor, "i i"],
    ) -> tuple[Float[Tensor, "s i c_m"], Float[Tensor, "i i c_z"]]:
        if self.outer_product_first:
            z = self.outer_product_mean(m, msa_mask, z)
        m = self.msa_row_attention(m, z, msa_mask)
        m = self.msa_column_attention(m, msa_mask)
        m = self.msa_transition(m)
        if not self.outer_product_first:
            z = self.outer_product_mean(m, msa_mask, z)
        z = self.triangle_multiplication_outgoing(z, pair_mask)
        z = self.triangle_multiplication_incoming(z, pair_mask)
        z = self.triangle_attention_starting(z, pair_mask)
        z = self.triangle_attention_ending(z, pair_mask)
        z = self.pair_transition(z)
        return m, z


class EvoformerStack(nn.Module):
    """Algorithm 6 EvoformerStack: n_blocks blocks, then s_i = W m_1i. m, z -> m, z, s [n_res, c_s]."""

    def __init__(self, c_m: int, c_z: int, c_s: int, config: ConfigDict) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(EvoformerBlock(c_m, c_z, config) for _ in range(config.n_blocks))
        self.single = Linear(c_m, c_s)

    def forward(
        self, m: Tensor, z: Tensor, msa_mask: Tensor, pair_mask: Tensor
    ) -> tuple[Tensor, Tensor, Float[Tensor, "i c_s"]]:
        for block in self.blocks:
            m, z = block(m, z, msa_mask, pair_mask)
        release_memory()
        return m, z, self.single(m[0])


class ExtraMSAStack(nn.Module):
    """Algorithm 18 ExtraMsaStack: blocks with global column attention over the many unclustered rows.

    e [n_extra, n_res, c_e], z -> z. Without any rows each block still adds its outer product's bias to z.
    """

    def __init__(self, c_z: int, config: ConfigDict) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(EvoformerBlock(config.c_e, c_z, config) for _ in range(config.n_blocks))

    def forward(
        self,
        e: Float[Tensor, "s i c_e"],
        z: Float[Tensor, "i i c_z"],
        msa_mask: Float[Tensor, "s i"],
        pair_mask: Float[Tensor, "i i"],
    ) -> Float[Tensor, "i i c_z"]:
        for block in self.blocks:
            e, z = block(e, z, msa_mask, pair_mask)
        release_memory()
        return z
