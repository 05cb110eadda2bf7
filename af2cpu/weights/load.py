"""Filling the network from a parameter file: each array is used once, each of our tensors filled once."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from ml_collections import ConfigDict
from torch import Tensor, nn

from af2cpu.errors import ParameterError
from af2cpu.model.alphafold import AlphaFold, type_of_part
from af2cpu.model.config import OFFICIAL_MODELS, model_config
from af2cpu.weights.names import ROOT, Target, file_shapes, parameter_table
from af2cpu.weights.npz import read_arrays
from af2cpu.weights.receipts import check_receipt
from af2cpu.weights.source import parameter_file
from af2cpu.weights.synthetic import synthetic_parameters

_MAX_LISTED = 12


def read_parameters(source: str | Path, config: ConfigDict) -> dict[str, np.ndarray]:
    """The arrays of a parameter file, of `demo` or of `synthetic:SEED`, by DeepMind's names.

    Raises ParameterError for a file that cannot be read, or is no longer what its receipt says, naming the file and
    what to do.
    """
    if (seed := re.fullmatch(r"synthetic:(\d+)", str(source))) is not None:
        return synthetic_parameters(config, int(seed[1]))
    path = parameter_file(source, config.name)
    if not path.is_file():
        raise ParameterError(f"{path}: no such parameter file. Give a params_model_*.npz, demo, or synthetic:SEED")
    check_receipt(path)
    return dict(read_arrays(path))


def check_parameters(arrays: Mapping[str, np.ndarray], config: ConfigDict, source: str) -> None:
    """Names, shapes, types and finiteness of all arrays of a model. Raises as `load_parameters` does."""
    with torch.device("meta"):
        model = AlphaFold(config)
    _check(model, arrays, config, source)


def load_parameters(
    model: AlphaFold, arrays: dict[str, np.ndarray], config: ConfigDict, source: str, precision: str = "fp32"
) -> None:
    """Fill `model` (built on the meta device) with `arrays`, in a precision.

    They are taken out of the dictionary one by one, so that memory never holds two forms of all of them. In fp32 the
    tensors share their memory.

    Raises ParameterError that lists all arrays that are missing, surplus, of a wrong shape or type, or not finite;
    `source` names the file in it.
    """
    _check(model, arrays, config, source)
    state: dict[str, Tensor] = {}
    for target in dict.fromkeys(parameter_table(config).values()):
        dtype = type_of_part(target.parameters[0].partition(".")[0], precision)
        state |= _tensors([torch.from_numpy(arrays.pop(name)).to(dtype) for name in target.arrays], target)
    model.load_state_dict(state, strict=True, assign=True)
    model.requires_grad_(False).eval()


def _check(model: nn.Module, arrays: Mapping[str, np.ndarray], config: ConfigDict, source: str) -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    problems = _problems(parameter_table(config), shapes, arrays, config)
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
    arrays: Mapping[str, np.ndarray],
    config: ConfigDict,
) -> list[str]:
    missing = [name for name in table if name not in arrays]
    surplus = [name for name in arrays if name not in table]
    wrong, infinite = [], []
    for name, shape in file_shapes(table, shapes).items():
        array = arrays.get(name)
        if array is None:
            continue
        if array.shape != shape or array.dtype != np.float32:
            wrong.append(f"{_short(name)} is {array.dtype} {array.shape}, not float32 {shape}")
        elif not math.isfinite(torch.from_numpy(array).sum(dtype=torch.float64)):  # ten times faster than all isfinite
            infinite.append(_short(name))
    problems = []
    if (missing or surplus) and (others := _models_with(arrays.keys())):
        problems.append(f"the file is for {' or '.join(others)}: give it with --model {others[0]}")
    for what, names in (
        ("missing", [_short(name) for name in missing]),
        ("surplus", [_short(name) for name in surplus]),
        ("wrong shape", wrong),
        ("NaN or infinite", infinite),
    ):
        if names:
            problems.append(f"{what}: {_listed(names)}")
    return problems


def _models_with(names: Iterable[str]) -> list[str]:
    """The published models whose files hold arrays of exactly these names."""
    names = set(names)
    return [model for model in OFFICIAL_MODELS if set(parameter_table(model_config(model))) == names]


def _short(name: str) -> str:
    return name.removeprefix(f"{ROOT}/")


def _listed(names: list[str]) -> str:
    more = len(names) - _MAX_LISTED
    return ", ".join(names[:_MAX_LISTED]) + (f" and {more} more" if more > 0 else "")
