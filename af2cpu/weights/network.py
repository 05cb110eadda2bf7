# SPDX-License-Identifier: Apache-2.0
"""A network with its parameters, ready to run."""

from __future__ import annotations

from concurrent.futures import Future

import torch
from ml_collections import ConfigDict

from af2cpu.model.alphafold import AlphaFold
from af2cpu.weights.load import load_parameters, read_parameters
from af2cpu.weights.reading import Arrays


def load_network(
    config: ConfigDict, source: str, precision: str = "fp32", ahead: Future[Arrays] | None = None
) -> AlphaFold:
    """The network of `config`, filled from a parameter file or synthetic:SEED; `ahead`: its arrays if they are being
    read. Raises ParameterError.
    """
    arrays = read_parameters(source, config) if ahead is None else ahead.result()
    return build_network(config, arrays, source, precision)


def build_network(config: ConfigDict, arrays: Arrays, source: str, precision: str = "fp32") -> AlphaFold:
    """The same from the arrays of a parameter file, which `load_parameters` takes out; `source` names it in errors.

    Raises ParameterError.
    """
    with torch.device("meta"):
        network = AlphaFold(config)
    load_parameters(network, arrays, config, source, precision)
    return network
