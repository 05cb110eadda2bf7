# SPDX-License-Identifier: Apache-2.0
"""Layer norm with its weights as a pair."""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor


class Norm(NamedTuple):
    """Layer norm over the last axis with epsilon 1e-5 (Haiku's), scale and offset [c]."""

    scale: Tensor
    offset: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.scale.shape, self.scale, self.offset, 1e-5)
