# SPDX-License-Identifier: Apache-2.0
"""af2cpu validate: what it prints, its exit codes, and what it says of files that are wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from af2cpu.cli import app
from af2cpu.formats.features import write_draws
from af2cpu.model.config import model_config
from af2cpu.validate import compare
from af2cpu.validate.synthetic import padded, synthetic_features
from af2cpu.weights.synthetic import synthetic_parameters, write_parameters


def _run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["validate", *(str(argument) for argument in arguments)])


def _one_line(result: Any) -> str:
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.fixture
def params(tmp_path: Path) -> Path:
    path = tmp_path / "params_tiny.npz"
    write_parameters(path, synthetic_parameters(model_config("tiny"), 0))
    return path


def test_features_from_a_file(tmp_path: Path, params: Path) -> None:
    """Two padded draws: two passes. The table has a row for each module and output."""
    config = model_config("tiny")
    draws = [padded(synthetic_features(config, 9, seed=k, n_seq=3 + k, n_extra=k), 6, 4, 4) for k in range(2)]
    features = tmp_path / "features.npz"
    write_draws(features, draws)
    result = _run("--model", "tiny", "--params", params, "--features", features)
    assert result.exit_code == 0, result.output
    for row in ("evoformer block", "invariant point attention", "representations pair", "atom positions", "pTM"):
        assert row in result.stdout
    assert "FAIL" not in result.stdout
    assert "2 pass(es)" in result.stdout
    assert result.stdout.endswith("equal to the reference\n")


@pytest.mark.parametrize("model", ["tiny", "tiny_multimer"])
def test_without_templates(monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    """The reference, which takes at least one template, gets a row of zeros."""
    monkeypatch.setattr(compare, "_module_rows", lambda *_: [])
    result = _run("--model", model, "--params", "synthetic:0", "--chains", "5,4", "--templates", 0)
    assert result.exit_code == 0, result.output
    assert "template" not in result.stdout
    assert result.stdout.endswith("equal to the reference\n")


def test_a_difference_is_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "POSITIONS", ("RMSD, A", 1e-12))
    monkeypatch.setattr(compare, "_module_rows", lambda *_: [])
    result = _run("--model", "tiny", "--params", "synthetic:0", "--n-res", 7)
    assert result.exit_code == 1
    assert "FAIL" in result.stdout
    assert "differs from the reference: atom positions" in result.stderr


def test_cut_in_half(params: Path) -> None:
    params.write_bytes(params.read_bytes()[: params.stat().st_size // 2])
    message = _one_line(_run("--model", "tiny", "--params", params))
    assert str(params) in message
    assert "cut off or damaged" in message


def test_transposed_array(tmp_path: Path) -> None:
    arrays = synthetic_parameters(model_config("tiny"), 0)
    name = next(name for name in arrays if name.endswith("preprocess_msa//weights"))
    arrays[name] = np.ascontiguousarray(arrays[name].T)
    path = tmp_path / "params.npz"
    write_parameters(path, arrays)
    assert "evoformer/preprocess_msa//weights is float32 (32, 49), not float32 (49, 32)" in _one_line(
        _run("--model", "tiny", "--params", path)
    )


def test_head_missing(tmp_path: Path) -> None:
    arrays = synthetic_parameters(model_config("tiny"), 0)
    path = tmp_path / "params.npz"
    write_parameters(path, {k: v for k, v in arrays.items() if "predicted_aligned_error_head" not in k})
    message = _one_line(_run("--model", "tiny", "--params", path))
    assert "missing: predicted_aligned_error_head/logits//weights, predicted_aligned_error_head/logits//bias" in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--model", "model_7", "--params", "synthetic:0"), "unknown model 'model_7'"),
        (("--model", "tiny", "--params", "nothing.npz"), "nothing.npz: no such parameter file"),
        (("--model", "tiny", "--params", "synthetic:0", "--engine", "cuda"), "unknown engine 'cuda'"),
        (("--model", "tiny", "--params", "synthetic:0", "--precision", "fp8"), "unknown precision 'fp8'"),
        (("--model", "tiny", "--params", "synthetic:0", "--features", "nothing.npz"), "nothing.npz"),
        (("--model", "tiny_multimer", "--params", "synthetic:0", "--chains", "5,x"), "the number of residues of each"),
        (("--model", "model_3", "--params", "synthetic:0", "--templates", 1), "--templates 1: model_3 takes 0"),
    ],
)
def test_bad_use(arguments: tuple[str, ...], message: str) -> None:
    assert message in _one_line(_run(*arguments))


def test_without_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    from af2cpu.validate import reference

    reference.load_reference.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "haiku", None)
    try:
        assert "pip install 'af2cpu[validate]'" in _one_line(_run("--model", "tiny", "--params", "synthetic:0"))
    finally:
        reference.load_reference.cache_clear()


def test_the_demo_models_are_refused_in_one_line() -> None:
    for model, instead in (("demo", "tiny"), ("demo_multimer", "tiny_multimer")):
        said = f"--model {model}: the reference can't be set to its head sizes; validate with --model {instead}"
        assert said in _one_line(_run("--model", model, "--params", "demo"))
