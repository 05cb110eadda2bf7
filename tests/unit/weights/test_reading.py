# SPDX-License-Identifier: Apache-2.0
"""Parameter files are read without PyTorch, and in a thread."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from af2cpu.errors import ParameterError
from af2cpu.model.config import model_config
from af2cpu.model.count import n_parameters
from af2cpu.weights.network import load_network
from af2cpu.weights.reading import read_ahead, read_file
from af2cpu.weights.synthetic import synthetic_parameters, write_parameters

CONFIG = model_config("tiny")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_parameters(tmp_path / "p.npz", synthetic_parameters(CONFIG, 0))
    return tmp_path / "p.npz"


def test_a_network_of_arrays_that_were_read_ahead(path: Path) -> None:
    ahead = read_ahead(str(path), "tiny", n_parameters(CONFIG))
    assert ahead is not None
    network, same = load_network(CONFIG, str(path), "bf16", ahead), load_network(CONFIG, "synthetic:0", "bf16")
    for name, value in network.state_dict().items():
        assert value.equal(same.state_dict()[name])


def test_synthetic_parameters_are_not_read() -> None:
    assert read_ahead("synthetic:0", "tiny", 1) is None


def test_an_error_of_the_thread_is_that_of_the_file(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    ahead = read_ahead(str(path), "tiny", n_parameters(CONFIG))
    with pytest.raises(ParameterError, match=r"p\.npz: damaged: .*checksum"):
        load_network(CONFIG, str(path), "fp32", ahead)


def test_a_file_of_more_numbers_than_the_model_has(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, a=np.zeros(1 << 20, np.float32))
    with pytest.raises(ParameterError, match="unpacks to 4 MB, and the model's parameters take 1 MB"):
        read_file(path, "tiny", 100)


def test_reading_does_not_load_pytorch(path: Path) -> None:
    code = f"""
import sys
from af2cpu.weights.reading import read_ahead
read_ahead({str(path)!r}, "tiny", 10**6).result()
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
