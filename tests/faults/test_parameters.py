# SPDX-License-Identifier: Apache-2.0
"""Parameter files that are damaged, made up or of another model: one line before the search."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from program_cases import PEPTIDE
from typer.testing import CliRunner, Result

from af2cpu.cli import app
from af2cpu.model.config import model_config
from af2cpu.weights.names import ROOT
from af2cpu.weights.synthetic import synthetic_parameters, write_parameters

Arrays = dict[str, np.ndarray]
NAME = f"{ROOT}/evoformer/preprocess_1d//weights"


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were looked into are noted there."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def predict(tmp_path: Path, *more: str) -> Result:
    fasta = tmp_path / "p.fasta"
    fasta.write_text(f">p\n{PEPTIDE}\n")
    fixed = ["--models", "tiny", "--recycles", "0", "--relax", "none", "--db", "demo"]
    return CliRunner().invoke(
        app, ["predict", str(fasta), "-o", str(tmp_path / "out"), "--params", str(tmp_path / "p.npz"), *fixed, *more]
    )


def _transposed(arrays: Arrays) -> None:
    arrays[NAME] = arrays[NAME].T.copy()


def _nan(arrays: Arrays) -> None:
    arrays[NAME][3, 4] = np.nan


def _other_names(arrays: Arrays) -> None:
    arrays["evoformer/other//weights"] = arrays.pop(NAME)


def _doubles(arrays: Arrays) -> None:
    arrays[NAME] = arrays[NAME].astype(np.float64)


@pytest.mark.fault("parameters too late", "each fault is listed in one line before the search")
@pytest.mark.fault(24)
@pytest.mark.parametrize(
    ("harm", "parts"),
    [
        (_transposed, ("wrong shape: evoformer/preprocess_1d//weights is float32 (32, 22), not float32 (22, 32)",)),
        (_doubles, ("wrong shape: evoformer/preprocess_1d//weights is float64 (22, 32)",)),
        (_nan, ("NaN or infinite: evoformer/preprocess_1d//weights",)),
        (_other_names, ("missing: evoformer/preprocess_1d//weights", "surplus: evoformer/other//weights")),
    ],
)
def test_arrays_of_another_kind(tmp_path: Path, harm: Callable[[Arrays], None], parts: tuple[str, ...]) -> None:
    arrays = synthetic_parameters(model_config("tiny"), 0)
    harm(arrays)
    write_parameters(tmp_path / "p.npz", arrays)
    refused(predict(tmp_path), tmp_path, *parts)


def refused(result: Result, tmp_path: Path, *parts: str) -> None:
    line = result.stderr.splitlines()[-1]
    assert result.exit_code == 2, result.output
    assert line.startswith(f"error: {tmp_path / 'p.npz'}: ")
    for part in parts:
        assert part in line
    assert not (tmp_path / "out").exists()


@pytest.mark.fault("parameters too late")
@pytest.mark.fault(23)
@pytest.mark.parametrize(("place", "part"), [(0.5, "fails its checksum"), (None, "not a whole parameter file")])
def test_a_flipped_bit_and_a_cut(tmp_path: Path, place: float | None, part: str) -> None:
    path = tmp_path / "p.npz"
    write_parameters(path, synthetic_parameters(model_config("tiny"), 0))
    content = bytearray(path.read_bytes())
    if place is None:
        del content[len(content) // 2 :]
    else:
        content[int(place * len(content))] ^= 1
    path.write_bytes(content)
    refused(predict(tmp_path), tmp_path, part)


@pytest.mark.fault("parameters too late")
@pytest.mark.fault(25)
def test_a_pickle_inside(tmp_path: Path) -> None:
    arrays: dict[str, np.ndarray] = dict(synthetic_parameters(model_config("tiny"), 0))
    trap = tmp_path / "trap"

    class Trap:
        def __reduce__(self) -> tuple:
            return (Path.touch, (trap,))

    arrays[NAME] = np.array([Trap()], dtype=object)
    np.savez(tmp_path / "p.npz", **arrays)
    refused(predict(tmp_path), tmp_path, "Python objects")
    assert not trap.exists()


@pytest.mark.fault("bombs", "refused by the sizes in its headers, before anything is unpacked")
def test_zeros_that_unpack_to_far_more_than_the_model_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = synthetic_parameters(model_config("tiny"), 0)
    with zipfile.ZipFile(tmp_path / "p.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w") as stream:
                np.lib.format.write_array(stream, np.zeros((2**23,), np.float32) if name == NAME else array)
    assert (tmp_path / "p.npz").stat().st_size < 3e6
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("unpacked"))
    refused(predict(tmp_path), tmp_path, "unpacks to 3", "and the model's parameters take")


@pytest.mark.fault("parameters too late")
def test_a_file_that_is_right_is_looked_into_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else every run would read gigabytes before it starts; a changed file is looked into again."""
    path = tmp_path / "p.npz"
    write_parameters(path, synthetic_parameters(model_config("tiny"), 0))
    assert predict(tmp_path, "--dry-run").exit_code == 0
    with monkeypatch.context() as patch:
        patch.setattr("af2cpu.weights.check._look_into", lambda *_: pytest.fail("looked into again"))
        assert predict(tmp_path, "--dry-run").exit_code == 0
    arrays = synthetic_parameters(model_config("tiny"), 0)
    _nan(arrays)
    write_parameters(path, arrays)
    refused(predict(tmp_path, "--dry-run"), tmp_path, "NaN or infinite")


@pytest.mark.fault(36, "read-only files are read")
def test_parameters_that_are_read_only(tmp_path: Path) -> None:
    folder = tmp_path / "params"
    folder.mkdir()
    write_parameters(folder / "params_tiny.npz", synthetic_parameters(model_config("tiny"), 0))
    os.chmod(folder / "params_tiny.npz", 0o444)
    os.chmod(folder, 0o555)
    try:
        assert predict(tmp_path, "--params", str(folder), "--dry-run").exit_code == 0
    finally:
        os.chmod(folder, 0o755)
