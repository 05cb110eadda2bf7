# SPDX-License-Identifier: Apache-2.0
"""Imports go down only: a package imports lower floors, never a sibling and never a higher one."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "af2cpu"

# From the top down. Names on one line are siblings and do not import each other.
FLOORS = (
    ("__main__",),
    ("cli",),
    ("commands",),
    ("api", "validate"),
    ("schedule",),
    ("pipeline",),
    ("plan",),
    ("workspace",),
    ("prediction",),
    ("query", "search", "features", "model", "weights", "confidence", "relax", "outputs"),
    ("ops", "download", "runs"),
    ("geometry", "formats"),
    ("records", "settings", "chemistry"),
    ("shapes", "cores"),
    ("collector", "errors", "events", "shipped", "stopping", "version", "words"),
)
ALLOWED = {("weights", "model")}  # the table of parameters follows the network, which is filled from it
# The package that may import a heavy or optional library; `search` stands for every module below af2cpu/search.
ONLY_IN = {
    "jax": {"validate"},
    "haiku": {"validate"},
    "httpx": {"download", "search", "weights"},
    "alphafold": {"validate"},
    "dask": {"schedule"},
    "dask_jobqueue": {"schedule"},
    "distributed": {"schedule"},
    "jinja2": {"outputs"},
    "matplotlib": {"outputs"},
    "openmm": {"relax"},
    "pdbfixer": {"relax"},
}


def _modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def _home(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imports(path: Path) -> Iterator[str]:
    """Absolute names of all that a module imports, wherever in it."""
    package = ("af2cpu", *path.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            name = ".".join(part for part in (base, node.module) if part)
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names)


def _floor(name: str) -> int:
    return next(k for k, names in enumerate(FLOORS) if name in names)


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    home = _home(path)
    if home == "__init__":
        return
    for name in _imports(path):
        parts = name.split(".")
        if parts[0] == "af2cpu" and len(parts) > 1 and parts[1] != home and any(parts[1] in names for names in FLOORS):
            assert _floor(parts[1]) > _floor(home) or (home, parts[1]) in ALLOWED, f"{home} imports {name}"
        if parts[0] in ONLY_IN:
            assert home in ONLY_IN[parts[0]], f"{home} imports {name}"


def test_every_module_has_a_floor() -> None:
    known = {name for names in FLOORS for name in names} | {"__init__"}
    assert {_home(path) for path in _modules()} <= known


def test_the_plain_program_does_not_load_dask() -> None:
    """Dask takes a second to import, and only a batch needs it."""
    modules = "cli, api, schedule.admission.admission, schedule.workers.plan, commands.predict, commands.running"
    code = f"import sys; from af2cpu import {modules.split(',', maxsplit=1)[0]}\n"
    code += "".join(f"import af2cpu.{name.strip()}\n" for name in modules.split(","))
    code += "print([name for name in sys.modules if name.split('.')[0] in ('dask', 'distributed')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("command", ["search", "predict --params demo --dry-run"])
def test_no_pytorch_where_no_network_runs(command: str, tmp_path: Path) -> None:
    """PyTorch takes a second or two to import: a search, a plan and a finished run do without it."""
    (tmp_path / "p.fasta").write_text(">p\nMKVLATTWYGGHHKPQRSTV\n")
    name, *options = command.split()
    arguments = [name, str(tmp_path / "p.fasta"), *options, "--db", "demo", "-o", str(tmp_path / "out")]
    code = f"""
import sys
from typer.testing import CliRunner
from af2cpu.cli import app
result = CliRunner().invoke(app, {arguments!r})
assert result.exit_code == 0, result.output
print([name for name in sys.modules if name.split('.')[0] in ("torch", "openmm", "jax")])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
