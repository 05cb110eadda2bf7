# SPDX-License-Identifier: Apache-2.0
"""The arrays of a file from a network, and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import af2cpu
from af2cpu.model.config import model_config
from af2cpu.weights.load import read_parameters
from af2cpu.weights.save import file_arrays
from af2cpu.weights.synthetic import synthetic_parameters, write_parameters


@pytest.mark.parametrize("name", ["tiny", "demo", "tiny_multimer"])
def test_from_a_file_and_back(name: str, tmp_path: Path) -> None:
    config = model_config(name)
    expected = synthetic_parameters(config, 3)
    arrays = file_arrays(af2cpu.load_model(name, "synthetic:3").state_dict(), config)
    assert list(arrays) == list(expected)
    for key, value in expected.items():
        assert np.array_equal(arrays[key], value), key
    write_parameters(tmp_path / "again.npz", arrays)
    again = af2cpu.load_model(name, tmp_path / "again.npz").state_dict()
    for key, tensor in af2cpu.load_model(name, "synthetic:3").state_dict().items():
        assert torch.equal(tensor, again[key]), key


def test_bf16_is_written_as_float32() -> None:
    config = model_config("tiny")
    arrays = file_arrays(af2cpu.load_model("tiny", "synthetic:0", precision="bf16").state_dict(), config)
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float32)}


def test_the_demo_parameters_are_what_the_table_says() -> None:
    config = model_config("demo")
    arrays = read_parameters("demo", config)
    again = file_arrays(af2cpu.load_model("demo", "demo").state_dict(), config)
    assert {key: value.shape for key, value in arrays.items()} == {key: value.shape for key, value in again.items()}
    assert all(np.array_equal(arrays[key], again[key]) for key in arrays)
