# SPDX-License-Identifier: Apache-2.0
"""Synthetic parameters: DeepMind's names, shapes and file format, drawn at random. They mean nothing.

They serve where the published ones are not at hand: tests, benchmarks, trying the program out. Every layer is drawn,
those that training starts at zero too, so that no branch of the network is dead; the scales keep activations near 1 at
the entry of each layer (layer norms see to it) and structures of a protein's size through all blocks.
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path

import numpy as np
import torch
from ml_collections import ConfigDict

from af2cpu.model.alphafold import AlphaFold
from af2cpu.weights.names import file_shapes, parameter_table

_UNIT_SCALE = ("scale", "gating_b")  # start at 1: layer norms' scale, open gates
_OFFSET_STD = 0.1
# Standard deviations times sqrt(fan in), where they are not 1; the first fragment found in the name counts.
_GAINS = {
    "outer_product_mean//output_w": 1.0,
    "affine_update//weights": 0.3,  # 3 angstrom and 20 degrees a layer
    "quat_rigid/rigid//weights": 0.15,  # 3 angstrom and 10 degrees a layer: its positions are scaled by 20
    "predicted_lddt_head/logits//weights": 2.0,
    "predicted_aligned_error_head/logits//weights": 0.5,  # the pair representation is not normalised there
    "distogram_head/half_logits//weights": 0.5,
    "masked_msa_head/logits//weights": 0.5,
}
# Arrays whose values are drawn around a mean: (mean, standard deviation).
_CENTERED = {
    # Divided by 1e-3 where there is no extra sequence, so that it must be of this size to be sane in either case.
    "outer_product_mean//output_b": (0.0, 1e-3),
    "trainable_point_weights": (math.log(math.e - 1), 0.1),  # softplus gives 1
}


def synthetic_parameters(config: ConfigDict, seed: int) -> dict[str, np.ndarray]:
    """float32 arrays by DeepMind's names. An array depends on `seed` and its own name, so that models share it."""
    with torch.device("meta"):
        state = AlphaFold(config).state_dict()
    table = parameter_table(config)
    shapes = file_shapes(table, {name: tuple(tensor.shape) for name, tensor in state.items()})
    return {name: _draw(name, shape, table[name].stacked, seed) for name, shape in shapes.items()}


def _draw(name: str, shape: tuple[int, ...], stacked: bool, seed: int) -> np.ndarray:
    generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
    values = generator.standard_normal(shape, dtype=np.float32)
    mean, std = _mean_and_std(name, shape[1:] if stacked else shape)
    values *= np.float32(std)
    values += np.float32(mean)
    return values


def _mean_and_std(name: str, shape: tuple[int, ...]) -> tuple[float, float]:
    for fragment, moments in _CENTERED.items():
        if fragment in name:
            return moments
    array = name.split("//")[1]
    if array in _UNIT_SCALE:
        return 1.0, _OFFSET_STD
    if array in ("bias", "gating_b") or (len(shape) == 1 and array != "weights"):
        return 0.0, _OFFSET_STD
    if len(shape) == 1:
        return 0.0, 1.0  # a linear layer of one input
    # Output projections of attention and outer product reduce two axes; all others reduce the first.
    fan_in = math.prod(shape[:-1]) if array == "output_w" else shape[0]
    gain = next((gain for fragment, gain in _GAINS.items() if fragment in name), 1.0)
    return 0.0, gain / math.sqrt(fan_in)


def write_parameters(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write a flat npz as DeepMind's are: not compressed."""
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
