# SPDX-License-Identifier: Apache-2.0
"""Synthetic parameters, loaded once on both sides. The reference is part of the test installation: nothing skips."""

from __future__ import annotations

import warnings
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest

import af2cpu
from af2cpu.model.config import model_config
from af2cpu.validate.cases import cases
from af2cpu.validate.modules import Sizes, reference_outputs
from af2cpu.validate.reference import haiku_parameters, load_reference
from af2cpu.weights.load import read_parameters


def _both(name: str) -> SimpleNamespace:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the reference's own dependencies
        load_reference()
    config = model_config(name)
    parameters = haiku_parameters(read_parameters("synthetic:0", config))
    known = {case.name: case for case in cases(config)}

    @cache  # all engines are compared with one run of the reference, which is mostly its compilation
    def reference(module: str, sizes: Sizes, seed: int = 0) -> tuple[np.ndarray, ...]:
        return reference_outputs(known[module], config, parameters, sizes, seed)

    return SimpleNamespace(
        config=config,
        model=af2cpu.load_model(name, "synthetic:0", engine="torch"),
        parameters=parameters,
        reference=reference,
    )


@pytest.fixture(scope="session")
def tiny() -> SimpleNamespace:
    return _both("tiny")


@pytest.fixture(scope="session")
def model_1_ptm() -> SimpleNamespace:
    return _both("model_1_ptm")


@pytest.fixture(scope="session")
def tiny_multimer() -> SimpleNamespace:
    return _both("tiny_multimer")


@pytest.fixture(scope="session")
def model_1_multimer_v3() -> SimpleNamespace:
    return _both("model_1_multimer_v3")
