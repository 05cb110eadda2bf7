"""The Python API."""

from __future__ import annotations

from pathlib import Path

import torch

from af2cpu.model import AlphaFold
from af2cpu.model.config import model_config
from af2cpu.weights import load_parameters, read_parameters


def load_model(name: str, params: str | Path, *, precision: str = "fp32") -> AlphaFold:
    """A model ready to predict.

    Args:
      name: model_1 ... model_5, model_1_ptm ... model_5_ptm, or tiny (a network of two blocks for tests).
      params: DeepMind's parameter file, params_<name>.npz; or synthetic:SEED, random parameters that mean nothing.
      precision: of the trunk, fp32 or bf16; structure module and heads are float32.

    Raises:
      af2cpu.errors.InputError: an unknown name or precision.
      af2cpu.errors.ParameterError: the file cannot be read or is not for this model; the message lists
        all that is wrong.
    """
    config = model_config(name)
    with torch.device("meta"):
        model = AlphaFold(config)
    load_parameters(model, read_parameters(params, config), config, str(params))
    return model.set_precision(precision)
