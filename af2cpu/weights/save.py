# SPDX-License-Identifier: Apache-2.0
"""The arrays of a parameter file from a network: what `load_parameters` does, run backwards."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from ml_collections import ConfigDict
from torch import Tensor

from af2cpu.weights.names import count_blocks, file_tensors, parameter_table


def file_arrays(state: Mapping[str, Tensor], config: ConfigDict) -> dict[str, np.ndarray]:
    """float32 arrays by DeepMind's names from our tensors (a `state_dict`), the blocks of a stack joined."""
    blocks = count_blocks(list(state))
    arrays = {}
    for target in dict.fromkeys(parameter_table(config).values()):
        for name, tensor in file_tensors(target, state, blocks).items():
            arrays[name] = tensor.detach().to(torch.float32).contiguous().numpy()
    return arrays
