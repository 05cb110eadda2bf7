# SPDX-License-Identifier: Apache-2.0
"""Parameter files: read as they are, each array once, and every way in which one can be wrong."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from shared_data import shared_data

import af2cpu
from af2cpu.errors import ParameterError
from af2cpu.model.alphafold import AlphaFold
from af2cpu.model.config import model_config
from af2cpu.weights.load import load_parameters
from af2cpu.weights.names import ROOT, file_shapes, parameter_table
from af2cpu.weights.npz import read_arrays
from af2cpu.weights.synthetic import synthetic_parameters, write_parameters

Arrays = dict[str, np.ndarray]
PAE = f"{ROOT}/predicted_aligned_error_head/logits//weights"
PREPROCESS = f"{ROOT}/evoformer/preprocess_1d//weights"


@pytest.fixture
def arrays() -> Arrays:
    return synthetic_parameters(model_config("tiny"), 0)


def _write(folder: Path, arrays: Arrays) -> Path:
    path = folder / "params_tiny.npz"
    write_parameters(path, arrays)
    return path


def _error(path: Path, model: str = "tiny") -> str:
    with pytest.raises(ParameterError) as caught:
        af2cpu.load_model(model, path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_file_and_synthetic_are_one(tmp_path: Path, arrays: Arrays) -> None:
    from_file = af2cpu.load_model("tiny", _write(tmp_path, arrays)).state_dict()
    for name, value in af2cpu.load_model("tiny", "synthetic:0").state_dict().items():
        assert torch.equal(value, from_file[name])


@pytest.mark.parametrize("name", ["tiny", "tiny_multimer"])
def test_loading_a_network_leaves_out_what_only_compiling_needs(name: str) -> None:
    """SymPy and TorchDynamo, a second and 70 MB in each process."""
    code = f"import sys, af2cpu; af2cpu.load_model({name!r}, 'synthetic:0'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert {"torch", "sympy", "torch._dynamo"} & set(done.stdout.split()) == {"torch"}


def test_compressed_file(tmp_path: Path, arrays: Arrays) -> None:
    path = tmp_path / "compressed.npz"
    np.savez_compressed(path, **arrays)
    assert all(np.array_equal(value, arrays[name]) for name, value in read_arrays(path))


@pytest.mark.parametrize("name", ["tiny", "tiny_multimer"])
def test_each_value_lands_once(name: str) -> None:
    """Numbered values: the network holds each number of the file exactly once."""
    start, config = 0, model_config(name)
    arrays = synthetic_parameters(config, 0)
    for array, value in arrays.items():
        arrays[array] = np.arange(start, start + value.size, dtype=np.float32).reshape(value.shape)
        start += value.size
    assert start < 2**24  # exact in float32
    with torch.device("meta"):
        net = AlphaFold(config)
    load_parameters(net, arrays, config, "numbered")
    values = torch.cat([p.flatten() for p in net.parameters()]).sort().values
    assert torch.equal(values, torch.arange(start, dtype=torch.float32))


def test_blocks_of_a_stack_keep_their_order(arrays: Arrays) -> None:
    net = af2cpu.load_model("tiny", "synthetic:0")
    stacked = arrays[f"{ROOT}/evoformer/evoformer_iteration/pair_transition/transition1//weights"]
    assert np.array_equal(net.evoformer.blocks[1].pair_transition.up.weight.numpy(), stacked[1].T)


@pytest.mark.parametrize(
    ("name", "n_arrays", "n_parameters"),
    [
        ("model_1", 336, 93_229_082),
        ("model_3", 265, 92_899_674),
        ("model_2_ptm", 338, 93_237_338),
        ("model_5_ptm", 267, 92_907_930),
        ("model_4_multimer_v3", 330, 93_223_705),
    ],
)
def test_published_sizes(name: str, n_arrays: int, n_parameters: int) -> None:
    config = model_config(name)
    with torch.device("meta"):
        net = AlphaFold(config)
    assert len(parameter_table(config)) == n_arrays
    assert sum(p.numel() for p in net.parameters()) == n_parameters


@pytest.mark.parametrize("name", ["model_1_ptm", "model_3", "model_1_multimer_v3"])
def test_names_and_shapes_are_the_official_ones(name: str) -> None:
    lines = shared_data("params", f"param_shapes_{name}.txt").read_text().splitlines()
    official = {array: ast.literal_eval(shape) for array, shape in (line.rsplit("\t", 1) for line in lines if line)}
    config = model_config(name)
    with torch.device("meta"):
        shapes = {key: tuple(tensor.shape) for key, tensor in AlphaFold(config).state_dict().items()}
    assert file_shapes(parameter_table(config), shapes) == official


@pytest.mark.fault(23, "error that says what to do")
def test_cut_in_half(tmp_path: Path, arrays: Arrays) -> None:
    path = _write(tmp_path, arrays)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "cut off or damaged" in _error(path)


@pytest.mark.parametrize("content", [b"", b"not a zip file at all", b"\x89PNG\r\n"])
def test_not_an_npz(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "params.npz"
    path.write_bytes(content)
    assert "not a parameter file" in _error(path)


@pytest.mark.fault(23)
def test_one_flipped_bit(tmp_path: Path, arrays: Arrays) -> None:
    path = _write(tmp_path, arrays)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert re.search(r"damaged: the array \S+ fails its checksum", _error(path))


def test_missing_file(tmp_path: Path) -> None:
    assert "no such parameter file" in _error(tmp_path / "nothing.npz")


@pytest.mark.fault(24, "each is listed, before the search")
def test_missing_and_surplus_arrays(tmp_path: Path, arrays: Arrays) -> None:
    arrays["evoformer/other//weights"] = arrays.pop(PAE)
    message = _error(_write(tmp_path, arrays))
    assert "missing: predicted_aligned_error_head/logits//weights" in message
    assert "surplus: evoformer/other//weights" in message


def test_model_without_the_head_for_a_ptm_model(tmp_path: Path) -> None:
    """A file of model_3 given to model_3_ptm: says what is missing, and for which models the file is."""
    config = model_config("model_3")
    names = parameter_table(config)
    message = _error(_write(tmp_path, {name: np.zeros(1, np.float32) for name in names}), "model_3_ptm")
    assert "the file is for model_3 or model_4 or model_5: give it with --model model_3" in message
    assert "missing: predicted_aligned_error_head/logits//weights" in message


@pytest.mark.fault(24)
def test_transposed_array(tmp_path: Path, arrays: Arrays) -> None:
    arrays[PREPROCESS] = arrays[PREPROCESS].T.copy()
    message = _error(_write(tmp_path, arrays))
    assert "wrong shape: evoformer/preprocess_1d//weights is float32 (32, 22), not float32 (22, 32)" in message


@pytest.mark.fault(24)
def test_wrong_type(tmp_path: Path, arrays: Arrays) -> None:
    arrays[PREPROCESS] = arrays[PREPROCESS].astype(np.float64)
    assert "is float64 (22, 32), not float32" in _error(_write(tmp_path, arrays))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_finite(tmp_path: Path, arrays: Arrays, bad: float) -> None:
    arrays[PREPROCESS][3, 4] = bad
    assert "NaN or infinite: evoformer/preprocess_1d//weights" in _error(_write(tmp_path, arrays))


def test_all_faults_are_listed(tmp_path: Path, arrays: Arrays) -> None:
    del arrays[PAE]
    arrays[PREPROCESS] = arrays[PREPROCESS].T.copy()
    message = _error(_write(tmp_path, arrays))
    assert "missing:" in message
    assert "wrong shape:" in message


@pytest.mark.fault(25, "error; nothing is unpickled")
def test_python_objects_are_never_loaded(tmp_path: Path) -> None:
    """A pickle inside an npz would run code: this one would create a file."""
    path, trap = tmp_path / "params.npz", tmp_path / "trap"

    class Trap:
        def __reduce__(self) -> tuple:
            return (Path.touch, (trap,))

    np.savez(path, weights=np.array([Trap()], dtype=object))
    assert "Python objects" in _error(path)
    assert not trap.exists()


def test_synthetic_by_seed() -> None:
    config = model_config("tiny")
    first, again, other = (synthetic_parameters(config, seed) for seed in (0, 0, 1))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not any(np.array_equal(first[name], other[name]) for name in first)
    assert set(first) == set(parameter_table(config))


def test_no_array_is_dead() -> None:
    assert [name for name, value in synthetic_parameters(model_config("tiny"), 0).items() if not value.any()] == []


def test_zip_that_is_no_npz(tmp_path: Path) -> None:
    path = tmp_path / "params.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "cut off or damaged" in _error(path)
