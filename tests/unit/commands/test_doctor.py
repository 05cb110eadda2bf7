# SPDX-License-Identifier: Apache-2.0
"""af2cpu doctor and estimate: what they say, and their exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from af2cpu.cli import app
from af2cpu.model.config import model_config
from af2cpu.ops import isa
from af2cpu.plan.machine import instructions
from af2cpu.weights.names import parameter_table
from af2cpu.words import duration


def test_doctor_names_the_machine_and_what_is_missing() -> None:
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "precision auto" in result.stdout
    (processor,) = (line for line in result.stdout.splitlines() if line.startswith("processor: "))
    assert len(processor) <= 100
    assert ("avx2" in processor) == ("avx2" in instructions())
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


def test_doctor_as_json() -> None:
    demo = CliRunner().invoke(app, ["doctor", "--params", "demo", "--db", "demo", "--json"])
    found = json.loads(demo.stdout)
    assert (demo.exit_code, found["complete"], found["missing"]) == (0, True, [])
    assert found["software"]["torch"] == torch.__version__
    assert found["parameters"]["demo"]["source"] == "demo"
    assert set(found["databases"]) == {"uniref90", "small_bfd", "mgnify", "pdb_seqres"}
    assert found["pairing"].endswith("uniprot/uniprot.fasta")
    assert 0 < found["machine"]["free_bytes"] <= found["machine"]["memory_bytes"]
    nothing = CliRunner().invoke(app, ["doctor", "--json"])
    found = json.loads(nothing.stdout)
    assert (nothing.exit_code, found["complete"]) == (1, False)
    assert [line.split(":")[0] for line in found["missing"]] == ["parameters of model_1_ptm", "databases"]


def test_doctor_tells_of_uniprot_without_asking_for_it(tmp_path: Path) -> None:
    """Single chains do without; a folder where the rest is complete is complete."""
    own, uniprot = tmp_path / "own.fa", tmp_path / "uniprot.fa"
    for path in (own, uniprot):
        path.write_text(">a\nMKV\n")
    for more, state in (([], "missing; af2cpu db download uniprot"), (["--db", f"uniprot={uniprot}"], str(uniprot))):
        result = CliRunner().invoke(app, ["doctor", "--params", "demo", "--db", f"own={own}", *more])
        assert result.exit_code == 0, result.output
        assert f"database uniprot (optional, for complexes of different chains): {state}" in result.stdout


def test_estimate_as_json() -> None:
    arguments = ["estimate", "150", "60000", "--models", "model_1_ptm", "--recycles", "1", "--memory", "8G", "--json"]
    result = CliRunner().invoke(app, arguments)
    found = json.loads(result.stdout)
    assert found["machine"]["memory_bytes"] == 8e9
    assert [(one["name"], one["residues"], one["passes"], one["fits"]) for one in found["targets"]] == [
        ("length 150", 150, 2, True),
        ("length 60000", 60_000, 2, False),
    ]
    small, large = found["targets"]
    assert 0 < small["seconds"] < large["seconds"]
    assert 1e8 < small["memory_bytes"] < 8e9 < large["memory_bytes"]


def test_estimate_of_complexes(tmp_path: Path) -> None:
    """Chains of lengths and of files; passes and times at the least and at the most."""
    path = tmp_path / "x.fasta"
    path.write_text(">two\nMKTAYIAKQ:GGLVKHGFWY\n")
    arguments = ["estimate", "128:100", "60", str(path)]
    lines = CliRunner().invoke(app, arguments).stdout.splitlines()[1:]
    assert lines[0].startswith("lengths 128:100: 228 residues in 2 chains, 10 to 105 passes: about ")
    assert lines[1].startswith("length 60: 60 residues, 20 passes: at most about ")
    assert lines[2].startswith("two: 19 residues in 2 chains, 10 to 105 passes: about ")
    found = json.loads(CliRunner().invoke(app, [*arguments, "--json", "--stop-at-score", "80"]).stdout)["targets"]
    assert [one["chains"] for one in found] == [[128, 100], [60], [9, 10]]
    assert [(one["min_passes"], one["passes"]) for one in found] == [(2, 105), (4, 20), (2, 105)]
    for one in found:
        assert 0 < one["min_seconds"] < one["seconds"]
        assert one["disk_bytes"] > 1e5
    wrong = CliRunner().invoke(app, ["estimate", "128:0"])
    assert (wrong.exit_code, wrong.stderr.strip()) == (2, "error: length 128:0: must be 1 residue or more")


def test_estimate_of_many_pairs_is_their_sum(tmp_path: Path) -> None:
    path = tmp_path / "x.fasta"
    path.write_text("".join(f">p{k}\n{'MK' * (20 + k)}\n" for k in range(8)))
    lines = CliRunner().invoke(app, ["estimate", "--pairs", str(path), "--memory", "400M"]).stdout.splitlines()[1:]
    assert lines[0].startswith("28 targets of 82 to 106 residues: about ")
    assert lines[0].endswith(" GB of results; the longest:")
    assert lines[1].startswith("p6__p7: 106 residues in 2 chains, 10 to 105 passes")
    assert len(lines) == 1 + 28  # none of them fits
    assert all(line.endswith("lower --max-msa, or cut it into domains") for line in lines[1:])


@pytest.mark.parametrize(("seconds", "text"), [(90, "90 s"), (600, "10 min"), (7200, "2 h"), (400_000, "5 days")])
def test_units_of_time(seconds: float, text: str) -> None:
    assert duration(seconds) == text
