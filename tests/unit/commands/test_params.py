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
from af2cpu.validate import selftest
from af2cpu.validate.selftest import Published, run_selftest
from af2cpu.weights.receipts import read_receipt

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
def scores_of_tiny() -> tuple[float, ...]:
    """Mean pLDDT and pTM after 0 and after 2 recycles of the tiny network with synthetic parameters of seed 0."""
    rows = run_selftest("synthetic:0", Published("tiny", PEPTIDE, {0: 0.0, 2: 0.0}, {0: 0.0, 2: 0.0}))
    whats = [f"{what} after {n} recycles" for n in (0, 2) for what in ("mean pLDDT", "pTM")]
    assert [row.what for row in rows] == whats
    return tuple(row.found for row in rows)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Published:
    """The tiny network's scores in place of those that are published."""
    a, b, c, d = scores_of_tiny()
    known = Published("tiny", PEPTIDE, {0: a, 2: c}, {0: b, 2: d})
    monkeypatch.setattr(selftest, "PUBLISHED", known)
    return known


def test_selftest_passes_on_the_published_parameters(published: Published) -> None:
    result = params("selftest", "--params", "synthetic:0")
    assert result.exit_code == 0, result.output
    assert result.output.count("  ok\n") == 4
    assert result.output.endswith("as published\n")


@pytest.mark.parametrize("seed", [0, 1])
def test_selftest_fails_on_parameters_that_mean_nothing(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Against the numbers that are published, which are those of another network than `tiny`."""
    small = replace(selftest.PUBLISHED, model="tiny")
    monkeypatch.setattr(selftest, "PUBLISHED", small)
    result = params("selftest", "--params", f"synthetic:{seed}")
    assert result.exit_code == 1
    assert "  OFF\n" in result.output
    assert "not the official parameters" in result.output


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_each_number_of_the_selftest_counts(published: Published, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    scores = (published.plddt, published.ptm)[number % 2]
    scores[2 * (number // 2)] += (2 * selftest.PLDDT_SPREAD, 2 * selftest.PTM_SPREAD)[number % 2]
    result = params("selftest", "--params", "synthetic:0")
    assert result.exit_code == 1
    assert result.output.count("  OFF\n") == 1


def test_selftest_without_parameters(tmp_path: Path) -> None:
    result = params("selftest", "--params", tmp_path)
    assert result.exit_code == 2
    assert "params_model_1_ptm.npz: no such parameter file" in result.output
    assert "af2cpu params download" in result.output


def test_selftest_is_of_the_published_sequence() -> None:
    """The range of a number excludes those of the other pass: a network that does not recycle is found out."""
    known = selftest.PUBLISHED
    assert len(known.sequence) == 59
    assert known.plddt[3] - known.plddt[0] > selftest.PLDDT_SPREAD
