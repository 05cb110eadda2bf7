# SPDX-License-Identifier: Apache-2.0
"""The command line within the tests' process, and what goes in and comes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from af2cpu.chemistry.residues import HHBLITS_ORDER
from af2cpu.cli import app
from af2cpu.records import Features


def af2cpu(*arguments: object, code: int = 0) -> Any:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def rows(features: Features) -> list[str]:
    return ["".join(HHBLITS_ORDER[code] for code in row) for row in features.msa]
