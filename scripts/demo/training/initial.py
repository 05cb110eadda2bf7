# SPDX-License-Identifier: Apache-2.0
"""Parameters before training (supplement 1.11.4)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

# Projections back into a residual stream and out of the network start at zero, gates open.
_ZERO = (
    "heads.out",
    "attention.out",
    "outer_product_mean.out",
    "going.out",
    "coming.out",
    "down.",
    "logits",
    "transition.2",
)
_RELU = (".up", "transition.", "layer_0", "layer_1")


def initialise(model: nn.Module, seed: int) -> None:
    """Draw all parameters of a model on the CPU, in place."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(_draw(name, parameter, generator))


def _draw(name: str, parameter: Tensor, generator: torch.Generator) -> Tensor:
    last = name.rsplit(".", 1)[1]
    if "norm" in name:
        return torch.ones_like(parameter) if last == "weight" else torch.zeros_like(parameter)
    if last == "head_weights":
        return torch.full_like(parameter, math.log(math.e - 1))  # softplus gives 1
    if last == "gate_bias" or name.endswith(("gate.bias", "a_gate.bias", "b_gate.bias")):
        return torch.ones_like(parameter)
    is_bias = last == "bias" or last.endswith("_bias")
    if is_bias or last == "gate" or "gate." in name or any(part in name for part in _ZERO):
        return torch.zeros_like(parameter)
    fan_in = parameter.shape[1] if last == "weight" else parameter.shape[0]
    if "backbone_update" in name:
        return 0.02 * torch.randn(parameter.shape, generator=generator) / math.sqrt(fan_in)
    gain = 2.0 if any(part in name for part in _RELU) else 1.0
    return torch.randn(parameter.shape, generator=generator) * math.sqrt(gain / fan_in)
