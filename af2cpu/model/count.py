# SPDX-License-Identifier: Apache-2.0
"""How many parameters a network has."""

from __future__ import annotations

from functools import cache

import torch
from ml_collections import FrozenConfigDict

from af2cpu.model.alphafold import AlphaFold


@cache
def n_parameters(config: FrozenConfigDict) -> int:
    """Numbers in all parameters of the network of `config`."""
    with torch.device("meta"):
        return sum(p.numel() for p in AlphaFold(config).parameters())
