"""The arrays of a parameter file from a network: what `load_parameters` does, run backwards."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from ml_collections import ConfigDict
from torch import Tensor

from af2cpu.weights.names import file_shapes, parameter_table


def file_arrays(state: Mapping[str, Tensor], config: ConfigDict) -> dict[str, np.ndarray]:
    """float32 arrays by DeepMind's names from our tensors (a `state_dict`), the blocks of a stack joined."""
    table = parameter_table(config)
    shapes = file_shapes(table, {name: tuple(tensor.shape) for name, tensor in state.items()})
    arrays = {}
    for name, target in table.items():
        if target.stacked:
            blocks = range(shapes[name][0])
            tensor = torch.stack([state[target.parameter.replace("*", str(block))] for block in blocks])
        else:
            tensor = state[target.parameter]
        tensor = tensor.transpose(-1, -2) if target.transpose else tensor
        arrays[name] = tensor.detach().to(torch.float32).contiguous().numpy()
    return arrays
