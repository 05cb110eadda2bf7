# SPDX-License-Identifier: Apache-2.0
"""Pair layers: triangle multiplication and triangle attention (Algorithms 11-14), and the stack that they form."""

from __future__ import annotations

from ml_collections import ConfigDict
from torch import Tensor, nn

from af2cpu.model.dropout import Dropout
from af2cpu.model.layers import Layer, LayerNorm, Linear, Weights, parameter, transposed
from af2cpu.model.msa import GatedAttention, Transition
from af2cpu.ops.attention import PairBias, PairBiasWeights, attention
from af2cpu.ops.triangle import TriangleWeights, triangle_multiplication
from af2cpu.shapes import Float


class TriangleMultiplication(Layer):
    """Algorithms 11 and 12 TriangleMultiplicationOutgoing and TriangleMultiplicationIncoming.

    Outgoing: z_ij += g_ij * W LN(sum_k a_ik * b_jk). Incoming: a_ki * b_kj. z [n_res, n_res, c_z] -> z.
    """

    weights = Weights(TriangleWeights)

    def __init__(self, c_z: int, config: ConfigDict, outgoing: bool) -> None:
        super().__init__()
        self.outgoing = outgoing
        self.norm = LayerNorm(c_z)
        self.a, self.a_gate, self.b, self.b_gate = (Linear(c_z, config.c) for _ in range(4))
        self.center_norm = LayerNorm(config.c)
        self.out = Linear(config.c, c_z)
        self.gate = Linear(c_z, c_z)
        self.dropout = Dropout(config.dropout)

    def forward(self, z: Float[Tensor, "i i c_z"], mask: Float[Tensor, "i i"]) -> Float[Tensor, "i i c_z"]:
        return triangle_multiplication(z, mask, self.weights, self.outgoing, self.dropout(z))


class TriangleAttention(GatedAttention):
    """Algorithms 13 and 14 TriangleAttentionStartingNode and TriangleAttentionEndingNode.

    Starting: z_ij += sum_k softmax_k(q_ij k_ik / sqrt(c) + b_jk) v_ik, gated. Ending: the same on z transposed.
    z [n_res, n_res, c_z] -> z.
    """

    pair = Weights(PairBiasWeights, weight="pair_weight")  # the norm is that of the attention

    def __init__(self, c_z: int, config: ConfigDict, starting: bool) -> None:
        super().__init__(c_z, config)
        self.starting = starting
        self.pair_weight = parameter(c_z, config.n_heads)
        self.dropout = Dropout(config.dropout)

    def forward(self, z: Float[Tensor, "i i c_z"], mask: Float[Tensor, "i i"]) -> Float[Tensor, "i i c_z"]:
        z, mask = (transposed(x, not self.starting) for x in (z, mask))
        z = attention(z, PairBias(z, self.pair), mask, self.attention, self.dropout(z))
        return transposed(z, not self.starting)


class PairLayers(nn.Module):
    """The pair layers of a block, whose order is the block's own."""

    def __init__(self, c_z: int, config: ConfigDict) -> None:
        super().__init__()
        self.triangle_multiplication_outgoing = TriangleMultiplication(
            c_z, config.triangle_multiplication, outgoing=True
        )
        self.triangle_multiplication_incoming = TriangleMultiplication(
            c_z, config.triangle_multiplication, outgoing=False
        )
        self.triangle_attention_starting = TriangleAttention(c_z, config.triangle_attention, starting=True)
        self.triangle_attention_ending = TriangleAttention(c_z, config.triangle_attention, starting=False)
        self.pair_transition = Transition(c_z, config.pair_transition)
