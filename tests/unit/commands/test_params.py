# SPDX-License-Identifier: Apache-2.0
"""af2cpu params list, verify and selftest: what they say, and their exit codes."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from http_server import Server
from parameter_archive import NAME, archive, tiny_npz
from typer.testing import CliRunner, Result

from af2cpu.cli import app
from af2cpu.model.config import model_config
from af2cpu.validate import selftest
from af2cpu.validate.selftest import Published, run_selftest
from af2cpu.weights.receipts import read_receipt
from af2cpu.weights.synthetic import synthetic_parameters, write_parameters

PEPTIDE = "PIAQIHILEGRSDEQ"


def params(*arguments: object) -> Result:
    result = CliRunner().invoke(app, ["params", *(str(argument) for argument in arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def folder(server: Server, tmp_path: Path) -> Path:
    """A data folder into whose params/ the tiny network's were downloaded."""
    server.files["/params.tar"] = archive()
    url = server.url("/params.tar")
    result = params("download", "--models", "tiny", "--data-dir", tmp_path, "--url", url)
    assert result.exit_code == 0, result.output
    return tmp_path / "params"


def listed(folder: Path) -> str:
    result = params("list", "--params", folder)
    assert result.exit_code == 0
    return next(line for line in result.output.splitlines() if line.startswith("tiny "))


def test_list(folder: Path) -> None:
    result = params("list", "--data-dir", folder.parent)
    assert result.output.count("missing (download about 373 MB)") == 15
    receipt = read_receipt(folder / NAME)
    assert receipt is not None
    assert "0.8 MB, fingerprint " in listed(folder)
    assert f"as downloaded {receipt.fetched[:10]}, sha256 {receipt.sha256}" in listed(folder)
    os.utime(folder / NAME, (1, 1))
    assert "touched since its download" in listed(folder)
    (folder / NAME).write_bytes(tiny_npz() + b"x")
    assert "CHANGED since its download" in listed(folder)
    (folder / NAME).write_bytes(tiny_npz()[:-1000])
    assert "UNUSABLE" in listed(folder)
    (folder / f"{NAME}.receipt.json").unlink()
    (folder / NAME).write_bytes(tiny_npz())
    assert "without a receipt" in listed(folder)
    (folder / "params_model_1_multimer_v1.npz").touch()
    assert "not read by this version" in params("list", "--params", folder).output


def test_verify(folder: Path) -> None:
    result = params("verify", "--params", folder)
    assert result.exit_code == 0, result.output
    assert "as downloaded, 338 arrays as they must be, sha256 " in result.output
    assert "renewed" not in result.output
    os.utime(folder / NAME, (1, 1))
    assert "receipt renewed" in params("verify", "--params", folder).output
    assert "renewed" not in params("verify", "--params", folder).output
    (folder / f"{NAME}.receipt.json").unlink()
    result = params("verify", "--models", "tiny", "--params", folder)
    assert result.exit_code == 0
    assert "338 arrays as they must be; without a receipt, sha256 " in result.output


def test_verify_reads_every_byte(folder: Path) -> None:
    status = (folder / NAME).stat()
    content = bytearray(tiny_npz())
    content[len(content) // 2] ^= 1
    (folder / NAME).write_bytes(content)
    os.utime(folder / NAME, ns=(status.st_atime_ns, status.st_mtime_ns))
    result = params("verify", "--params", folder)
    assert result.exit_code == 1
    assert "FAILED: " in result.output
    assert "af2cpu params download" in result.output
    (folder / f"{NAME}.receipt.json").unlink()  # then its own checksums tell
    result = params("verify", "--params", folder)
    assert result.exit_code == 1
    assert "fails its checksum" in result.output


def test_verify_of_what_is_not_there(folder: Path, tmp_path: Path) -> None:
    result = params("verify", "--params", folder, "--models", "tiny,model_3")
    assert result.exit_code == 2
    assert "no parameters of model_3; af2cpu params download" in result.output
    result = params("verify", "--params", tmp_path / "empty")
    assert result.exit_code == 2
    assert "no parameters; af2cpu params download" in result.output


def test_download_mends_what_verify_finds(folder: Path, server: Server) -> None:
    (folder / NAME).write_bytes(tiny_npz()[:-1000])
    url = server.url("/params.tar")
    result = params("download", "--models", "tiny", "--params", folder, "--url", url)
    assert result.exit_code == 0, result.output
    assert "fetched anew: " in result.output
    assert (folder / NAME).read_bytes() == tiny_npz()
    assert params("verify", "--params", folder).exit_code == 0


@cache
def tiny(model: str) -> Published:
    """The published run of that model's kind on a tiny network, whose scores stand in for those that are published."""
    (known,) = (one for one in selftest.PUBLISHED if (one.same_draws) == (model == "tiny_multimer"))
    asked = replace(known, model=model, chains=(PEPTIDE,) if model == "tiny" else known.chains)
    rows = run_selftest("synthetic:0", asked)
    assert [row.what for row in rows] == [
        f"{score} after {recycles} recycles" for recycles, scores in known.scores.items() for score in scores
    ]
    found = iter([row.found for row in rows])
    scores = {recycles: {score: next(found) for score in scores} for recycles, scores in known.scores.items()}
    return replace(asked, scores=scores)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> tuple[Published, ...]:
    known = (tiny("tiny"), tiny("tiny_multimer"))
    monkeypatch.setattr(selftest, "PUBLISHED", known)
    return known


def test_selftest_passes_on_the_published_parameters(published: tuple[Published, ...]) -> None:
    result = params("selftest", "--params", "synthetic:0")
    assert result.exit_code == 0, result.output
    assert "tiny from synthetic:0, 15 residues, fp32\n" in result.output
    assert "tiny_multimer from synthetic:0, 4 + 4 residues, fp32\n" in result.output
    assert result.output.count("  ok\n") == 4 + 12
    assert result.output.endswith("as published\n")


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("number", [0, 1])
def test_selftest_fails_on_parameters_that_mean_nothing(
    monkeypatch: pytest.MonkeyPatch, number: int, seed: int
) -> None:
    """Against the numbers that are published, which are those of another network than `tiny`."""
    small = replace(selftest.PUBLISHED[number], model=("tiny", "tiny_multimer")[number])
    monkeypatch.setattr(selftest, "PUBLISHED", (small,))
    result = params("selftest", "--params", f"synthetic:{seed}")
    assert result.exit_code == 1
    assert "  OFF\n" in result.output
    assert "not the official parameters" in result.output


@pytest.mark.parametrize(
    ("model", "number"), [*(("tiny", k) for k in range(4)), *(("tiny_multimer", k) for k in range(12))]
)
def test_each_number_of_the_selftest_counts(model: str, number: int) -> None:
    known = tiny(model)
    names = [(recycles, score) for recycles, scores in known.scores.items() for score in scores]
    recycles, score = names[number]
    shifted = dict(known.scores[recycles]) | {score: known.scores[recycles][score] + 2 * known.spread[score]}
    rows = run_selftest("synthetic:0", replace(known, scores={**known.scores, recycles: shifted}))
    assert [row.passed for row in rows] == [k != number for k in range(len(names))]


def test_selftest_of_what_is_there(published: tuple[Published, ...], tmp_path: Path) -> None:
    """In a folder and of a file; a damaged file is not left out."""
    for model in ("tiny", "tiny_multimer"):
        write_parameters(tmp_path / f"params_{model}.npz", synthetic_parameters(model_config(model), 0))
    both = params("selftest", "--params", tmp_path)
    assert both.exit_code == 0, both.output
    assert both.output.count("residues, fp32") == 2
    for model, other in (("tiny", "tiny_multimer"), ("tiny_multimer", "tiny")):
        one = params("selftest", "--params", tmp_path / f"params_{model}.npz")
        assert one.exit_code == 0, one.output
        assert f"{model} from " in one.output
        assert f"{other} from " not in one.output
    (tmp_path / "params_tiny.npz").unlink()
    left = params("selftest", "--data-dir", tmp_path, "--params", tmp_path)
    assert left.exit_code == 0
    assert "tiny from " not in left.output
    path = tmp_path / "params_tiny_multimer.npz"
    path.write_bytes(path.read_bytes()[:-1000])
    damaged = params("selftest", "--params", tmp_path)
    assert damaged.exit_code == 2
    assert str(path) in damaged.output


def test_selftest_without_parameters(tmp_path: Path) -> None:
    result = params("selftest", "--params", tmp_path)
    assert result.exit_code == 2
    assert "params_model_1_ptm.npz: no such parameter file" in result.output
    assert "af2cpu params download" in result.output


def test_selftest_is_of_the_published_proteins() -> None:
    """The range of a number excludes those of other passes: a network that does not recycle is found out."""
    monomer, complex_ = selftest.PUBLISHED
    assert [len(chain) for chain in (*monomer.chains, *complex_.chains)] == [59, 4, 4]
    for known in (monomer, complex_):
        first, last = (known.scores[k][selftest.PLDDT] for k in (0, 3))
        assert last - first > known.spread[selftest.PLDDT]


def test_models_by_pattern(server: Server, tmp_path: Path) -> None:
    """A name with * stands for the published models; the download asks for all of them."""
    server.files["/params.tar"] = archive()
    result = params(
        "download", "--models", "model_*_multimer_v3", "--params", tmp_path, "--url", server.url("/params.tar")
    )
    assert result.exit_code == 2
    names = ", ".join(f"params_model_{k}_multimer_v3.npz" for k in range(1, 6))
    assert f"the archive holds no {names}; check --models" in result.output
    result = params("verify", "--models", "model_*_v9", "--params", tmp_path)
    assert result.exit_code == 2
    assert "--models model_*_v9: fits none of model_1, model_2, " in result.output
    assert "model_5_multimer_v3" in result.output
