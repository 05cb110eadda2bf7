# SPDX-License-Identifier: Apache-2.0
"""Version and commit, from a checkout and from an installed package."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from typer.testing import CliRunner

import af2cpu
from af2cpu import version
from af2cpu.cli import app


def test_the_version_needs_no_torch() -> None:
    code = "import sys, af2cpu; print(af2cpu.__version__, 'torch' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [metadata.version("af2cpu"), "False", "False"]


def test_the_command_prints_version_and_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("af2cpu.cli.commit", lambda: "0123456789-dirty")
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.output) == (0, f"af2cpu {af2cpu.__version__} (commit 0123456789-dirty)\n")
    monkeypatch.setattr("af2cpu.cli.commit", lambda: None)
    assert CliRunner().invoke(app, ["--version"]).output == f"af2cpu {af2cpu.__version__} (commit unknown)\n"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of af2cpu/."""
    folder = tmp_path / "af2cpu"
    folder.mkdir()
    monkeypatch.setattr(version, "_PACKAGE", folder)
    return folder


def test_a_checkout_has_its_own_commit(package: Path) -> None:
    def git(*arguments: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        done = subprocess.run(["git", *who, *arguments], cwd=package, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("init", "-q", "..")
    assert version.commit() is None  # there is none yet
    (package / "x").touch()
    git("add", "x")
    git("commit", "-q", "-m", "first")
    assert version.commit() == git("rev-parse", "--short=10", "HEAD")
    (package / "x").write_text("changed")
    assert version.commit() == git("rev-parse", "--short=10", "HEAD") + "-dirty"


def test_an_installed_package_has_the_commit_of_its_build(package: Path) -> None:
    assert version.commit() is None
    (package / "commit.txt").write_text("abcdef0123\n")
    assert version.commit() == "abcdef0123"
