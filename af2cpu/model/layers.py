"""Layers whose weights are filled from a parameter file: nothing is initialised here."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from af2cpu.ops.linear import linear
from af2cpu.ops.norm import Norm


class Linear(nn.Linear):
    """A linear layer whose product is an operation, as all of the network's are."""

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)


class LayerNorm(nn.LayerNorm):
    """Layer norm over c channels with Haiku's epsilon."""

    def __init__(self, c: int) -> None:
        super().__init__(c, eps=1e-5)

    def weights(self) -> Norm:
        return Norm(self.weight, self.bias)


def parameter(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.empty(*shape))


class HeadProjections(nn.Module):
    """Projections to h heads of d channels in DeepMind's layout: q k v gate [c, h, d], out [h, d, c]."""

    def __init__(self, c: int, n_heads: int, head_dim: int) -> None:
        super().__init__()
        self.q, self.k, self.v, self.gate = (parameter(c, n_heads, head_dim) for _ in range(4))
        self.gate_bias = parameter(n_heads, head_dim)
        self.out = parameter(n_heads, head_dim, c)
        self.out_bias = parameter(c)


def transposed(tensor: Tensor, when: bool) -> Tensor:
    """The first two axes swapped when asked: columns as rows."""
    return tensor.transpose(0, 1) if when else tensor
