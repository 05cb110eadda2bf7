# SPDX-License-Identifier: Apache-2.0
"""Outer product mean (Algorithm 10)."""

from __future__ import annotations

from ml_collections import ConfigDict
from torch import Tensor

from af2cpu.model.layers import Layer, LayerNorm, Linear, Weights, parameter
from af2cpu.ops.outer_product import OuterProductWeights, outer_product_mean
from af2cpu.shapes import Float


class OuterProductMean(Layer):
    """Algorithm 10 OuterProductMean: z_ij += W flatten(mean_s(a_si x b_sj)), a and b projections of LN(m).

    m [n_seq, n_res, c_m], z [n_res, n_res, c_z] -> z.
    """

    weights = Weights(OuterProductWeights)

    def __init__(self, c_m: int, c_z: int, config: ConfigDict) -> None:
        super().__init__()
        self.norm = LayerNorm(c_m)
        self.a = Linear(c_m, config.c)
        self.b = Linear(c_m, config.c)
        self.out = parameter(config.c, config.c, c_z)
        self.out_bias = parameter(c_z)

    def forward(
        self, m: Float[Tensor, "s i c_m"], mask: Float[Tensor, "s i"], z: Float[Tensor, "i i c_z"]
    ) -> Float[Tensor, "i i c_z"]:
        return outer_product_mean(m, mask, z, self.weights)
