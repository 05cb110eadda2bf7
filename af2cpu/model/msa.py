# SPDX-License-Identifier: Apache-2.0
"""MSA layers: row attention with pair bias, column attention, transition (Algorithms 7, 8, 9, 19)."""

from __future__ import annotations

from ml_collections import ConfigDict
from torch import Tensor

from af2cpu.model.dropout import Dropout
from af2cpu.model.layers import HeadProjections, Layer, LayerNorm, Linear, Weights, parameter
from af2cpu.ops.attention import AttentionWeights, PairBias, PairBiasWeights, attention
from af2cpu.ops.global_attention import GlobalAttentionWeights, global_attention
from af2cpu.ops.transition import TransitionWeights, transition
from af2cpu.shapes import Float


class GatedAttention(Layer):
    """Layer norm and gated multi-head attention, shared by all attentions but the global and the template one."""

    attention = Weights(AttentionWeights)

    def __init__(self, c: int, config: ConfigDict) -> None:
        super().__init__()
        self.norm = LayerNorm(c)
        self.heads = HeadProjections(c, config.n_heads, config.head_dim)


class MSARowAttentionWithPairBias(GatedAttention):
    """Algorithm 7 MSARowAttentionWithPairBias: m_si += sum_j softmax_j(q_si k_sj / sqrt(c) + b_ij) v_sj, gated.

    m [n_seq, n_res, c_m], z [n_res, n_res, c_z] -> m.
    """

    pair = Weights(PairBiasWeights, norm="pair_norm", weight="pair_weight")

    def __init__(self, c_m: int, c_z: int, config: ConfigDict) -> None:
        super().__init__(c_m, config)
        self.pair_norm = LayerNorm(c_z)
        self.pair_weight = parameter(c_z, config.n_heads)
        self.dropout = Dropout(config.dropout)

    def forward(
        self, m: Float[Tensor, "s i c_m"], z: Float[Tensor, "i i c_z"], mask: Float[Tensor, "s i"]
    ) -> Float[Tensor, "s i c_m"]:
        if m.shape[0] == 0:
            return m
        return attention(m, PairBias(z, self.pair), mask, self.attention, self.dropout(m))


class MSAColumnAttention(GatedAttention):
    """Algorithm 8 MSAColumnAttention: m_si += sum_t softmax_t(q_si k_ti / sqrt(c)) v_ti, gated. m -> m."""

    def forward(self, m: Float[Tensor, "s i c_m"], mask: Float[Tensor, "s i"]) -> Float[Tensor, "s i c_m"]:
        return attention(m.transpose(0, 1), None, mask.T, self.attention).transpose(0, 1)


class Transition(Layer):
    """Algorithms 9 and 15 MSATransition and PairTransition: x += W2 relu(W1 LN(x)), W1 widening by a factor.

    One class for both: x is m [n_seq, n_res, c_m] or z [n_res, n_res, c_z].
    """

    weights = Weights(TransitionWeights)

    def __init__(self, c: int, config: ConfigDict) -> None:
        super().__init__()
        self.norm = LayerNorm(c)
        self.up = Linear(c, config.factor * c)
        self.down = Linear(config.factor * c, c)

    def forward(self, x: Float[Tensor, "a b c"]) -> Float[Tensor, "a b c"]:
        return transition(x, self.weights)


class MSAColumnGlobalAttention(Layer):
    """Algorithm 19 MSAColumnGlobalAttention: one query per column and head, the mean over its sequences. m -> m."""

    weights = Weights(GlobalAttentionWeights)

    def __init__(self, c_e: int, config: ConfigDict) -> None:
        super().__init__()
        self.norm = LayerNorm(c_e)
        self.heads = HeadProjections(c_e, config.n_heads, config.head_dim)
        self.heads.k, self.heads.v = (parameter(c_e, config.head_dim) for _ in range(2))  # one head for all

    def forward(self, m: Float[Tensor, "s i c_e"], mask: Float[Tensor, "s i"]) -> Float[Tensor, "s i c_e"]:
        return global_attention(m.transpose(0, 1), mask.T, self.weights).transpose(0, 1)
