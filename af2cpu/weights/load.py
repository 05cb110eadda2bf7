# SPDX-License-Identifier: Apache-2.0
"""Filling the network from a parameter file: each array is used once, each of our tensors filled once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from ml_collections import ConfigDict
from torch import Tensor, nn

from af2cpu.errors import ParameterError
from af2cpu.model.alphafold import AlphaFold, type_of_part
from af2cpu.model.count import n_parameters
from af2cpu.weights.listing import listed, name_problems, short_name
from af2cpu.weights.names import Target, file_shapes, parameter_table
from af2cpu.weights.reading import read_file
from af2cpu.weights.synthetic import synthetic_parameters


def read_parameters(source: str | Path, config: ConfigDict) -> dict[str, np.ndarray]:
    """The arrays of a parameter file, of `demo` or of `synthetic:SEED`, by DeepMind's names.

    Raises ParameterError as `read_file`.
    """
    if (seed := re.fullmatch(r"synthetic:(\d+)", str(source))) is not None:
        return synthetic_parameters(config, int(seed[1]))
    return read_file(source, config.name, n_parameters(config))


def check_parameters(arrays: Mapping[str, np.ndarray], config: ConfigDict, source: str) -> None:
    """Names, shapes, types and finiteness of all arrays of a model. Raises as `load_parameters` does."""
    check_facts({name: facts_of(array) for name, array in arrays.items()}, config, source)


@dataclass(frozen=True)
class ArrayFacts:
    """What is checked of an array."""

    dtype: np.dtype
    shape: tuple[int, ...]
    finite: bool


def facts_of(array: np.ndarray) -> ArrayFacts:
    """Of an array of any kind of numbers."""
    has_range = array.dtype == np.float32 and array.size > 0
    # NaN anywhere makes both NaN. Far faster than isfinite, which makes an array.
    finite = not has_range or bool(np.isfinite(array.min()) and np.isfinite(array.max()))
    return ArrayFacts(array.dtype, array.shape, finite)


def check_facts(facts: Mapping[str, ArrayFacts], config: ConfigDict, source: str) -> None:
    """The same as `check_parameters` where the arrays are not kept."""
    with torch.device("meta"):
        model = AlphaFold(config)
    _check(model, facts, config, source)


def load_parameters(
    model: AlphaFold, arrays: dict[str, np.ndarray], config: ConfigDict, source: str, precision: str = "fp32"
) -> None:
    """Fill `model` (built on the meta device) with `arrays`, in a precision.

    They are taken out of the dictionary one by one, so that memory never holds two forms of all of them. In fp32 the
    tensors share their memory.

    Raises ParameterError that lists all arrays that are missing, surplus, of a wrong shape or type, or not finite;
    `source` names the file in it.
    """
    _check(model, {name: facts_of(array) for name, array in arrays.items()}, config, source)
    state: dict[str, Tensor] = {}
    for target in dict.fromkeys(parameter_table(config).values()):
        dtype = type_of_part(target.parameters[0].partition(".")[0], precision)
        state |= _tensors([torch.from_numpy(arrays.pop(name)).to(dtype) for name in target.arrays], target)
    model.load_state_dict(state, strict=True, assign=True)
    model.requires_grad_(False).eval()


def _check(model: nn.Module, facts: Mapping[str, ArrayFacts], config: ConfigDict, source: str) -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    problems = _problems(parameter_table(config), shapes, facts, config)
    if problems:
        raise ParameterError(f"{source}: not the parameters of {config.name}: {'; '.join(problems)}")


def _tensors(arrays: list[Tensor], target: Target) -> dict[str, Tensor]:
    """Our tensors from the arrays of a target: one for each block of a stack; views but where arrays are joined."""
    if not target.stacked:
        return dict(zip(target.parameters, target.transform.load(arrays), strict=True))
    state: dict[str, Tensor] = {}
    for block in range(len(arrays[0])):
        loaded = target.transform.load([array[block] for array in arrays])
        state |= zip(target.of_block(block), loaded, strict=True)
    return state


def _problems(
    table: Mapping[str, Target],
    shapes: Mapping[str, tuple[int, ...]],
    facts: Mapping[str, ArrayFacts],
    config: ConfigDict,
) -> list[str]:
    wrong, infinite = [], []
    for name, shape in file_shapes(table, shapes).items():
        array = facts.get(name)
        if array is None:
            continue
        if array.shape != shape or array.dtype != np.float32:
            wrong.append(f"{short_name(name)} is {array.dtype} {array.shape}, not float32 {shape}")
        elif not array.finite:
            infinite.append(short_name(name))
    problems = name_problems(facts, config)
    problems += [f"wrong shape: {listed(wrong)}"] if wrong else []
    return problems + ([f"NaN or infinite: {listed(infinite)}"] if infinite else [])
