"""af2cpu doctor and estimate: what they say, and their exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from af2cpu.cli import app
from af2cpu.commands.plan_text import duration
from af2cpu.model.config import model_config
from af2cpu.ops import isa
from af2cpu.weights.names import parameter_table


def test_doctor_names_the_machine_and_what_is_missing() -> None:
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "precision auto" in result.stdout
    assert ("engine: native (" if isa.built() else "engine: torch;") in result.stdout
    assert "missing: parameters of model_1_ptm" in result.stdout
    assert "missing: databases" in result.stdout


@pytest.mark.skipif(not isa.built(), reason="no native kernels in this installation")
def test_a_lower_instruction_set_lowers_the_precision() -> None:
    before = isa.level()
    try:
        for level in isa.kernels().levels():
            isa.kernels().use_level(level)
            has_bf16 = level in {"avx512bf16", "amx", "amx_model"}
            stdout = CliRunner().invoke(app, ["doctor"]).stdout
            assert f"engine: native ({level}); precision auto: {'bf16' if has_bf16 else 'fp32'};" in stdout
    finally:
        isa.kernels().use_level(before)


def test_doctor_looks_into_parameter_files(tmp_path: Path) -> None:
    import numpy as np

    names = parameter_table(model_config("model_1_ptm"))
    np.savez(tmp_path / "params_model_1_ptm.npz", **dict.fromkeys(names, np.zeros(1, np.float32)))
    (tmp_path / "params_model_2_ptm.npz").write_bytes(b"PK\x03\x04 cut off")
    result = CliRunner().invoke(app, ["doctor", "--params", str(tmp_path)])
    assert "parameters of model_1_ptm: " in result.stdout
    assert "missing: parameters of model_2_ptm" in result.stdout
    assert "not a whole parameter file" in result.stdout


def test_estimate_of_two_lengths(tmp_path: Path) -> None:
    fasta = tmp_path / "one.fasta"
    fasta.write_text(">one\nMKTAYIAKQRQISFVKSHFSRQ\n")
    result = CliRunner().invoke(
        app, ["estimate", str(fasta), "150", "60000", "--models", "model_1_ptm", "--recycles", "0"]
    )
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()[1:]
    assert lines[0].startswith("length 150: 150 residues, 1 pass: at most about")
    assert "DOES NOT FIT" in lines[1]
    assert lines[2].startswith("one: 22 residues")


@pytest.mark.parametrize(("seconds", "text"), [(90, "90 s"), (600, "10 min"), (7200, "2 h"), (400_000, "5 days")])
def test_units_of_time(seconds: float, text: str) -> None:
    assert duration(seconds) == text
