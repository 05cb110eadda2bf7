# SPDX-License-Identifier: Apache-2.0
"""A release: the check of one OpenMP runtime, metadata, the conda recipe, the site, issue templates, licence lines."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
import spdx

from af2cpu.ops import isa

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def release() -> ModuleType:
    """scripts/release/try.py, whose name is no identifier."""
    spec = importlib.util.spec_from_file_location("release_try", ROOT / "scripts" / "release" / "try.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAPS = """\
7f0000000000-7f0000001000 r-xp 00000000 fe:00 11 /usr/lib/libgomp.so.1.0.0
7f0000001000-7f0000002000 r--p 00001000 fe:00 11 /usr/lib/libgomp.so.1.0.0
7f0000002000-7f0000003000 r-xp 00000000 fe:00 12 /site packages/af2cpu.libs/libgomp-a34b3233.so.1.0.0
7f0000003000-7f0000004000 rw-p 00000000 00:00 0
7f0000004000-7f0000005000 r-xp 00000000 fe:00 13 /usr/lib/libc.so.6
"""


def test_two_runtimes_are_seen(release: ModuleType) -> None:
    found = release.openmp_runtimes(MAPS)
    assert found == {"/usr/lib/libgomp.so.1.0.0", "/site packages/af2cpu.libs/libgomp-a34b3233.so.1.0.0"}


@pytest.mark.skipif(not isa.built(), reason="no native kernels in this installation")
def test_pytorch_and_the_kernels_share_one_openmp_runtime(release: ModuleType) -> None:
    release.check_openmp()


def test_conda_needs_what_the_package_needs() -> None:
    recipe = (ROOT / "scripts" / "conda" / "recipe.yaml").read_text()
    run = recipe.split("  run:\n")[1].split("\n\n")[0]
    found = dict(re.findall(r"- ([\w-]+) (>=[\d.]+)", run))
    assert found.pop("python") == PROJECT["requires-python"]
    names = {"matplotlib": "matplotlib-base", "torch": "pytorch-cpu"}
    wanted = dict(re.fullmatch(r"([\w-]+)(>=.+)", one).groups() for one in PROJECT["dependencies"])  # type: ignore[union-attr]
    assert found == {names.get(name, name): version for name, version in wanted.items()}


@pytest.mark.parametrize("name", ["scripts/conda/recipe.yaml", "CITATION.cff"])
def test_files_have_the_version(name: str) -> None:
    found = re.search(r'^ *version: "?([^"\n]+)"?$', (ROOT / name).read_text(), re.MULTILINE)
    assert found is not None
    assert found[1] == PROJECT["version"]


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.name
)
def test_issues_come_with_the_doctors_report(path: Path) -> None:
    assert "`af2cpu doctor --json`" in path.read_text()


LOADS = re.compile(
    r"""<(?:script|img|iframe|source)[^>]*\ssrc="(?:https?:)?//|<link[^>]*\shref="(?:https?:)?//|@import"""
)


def test_the_site_builds_without_warnings_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="the documentation's packages are not installed: pip install '.[docs]'")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    environ = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 15
    for page in pages:
        assert not LOADS.search(page.read_text()), page.name


def test_every_source_file_names_its_licence() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "checks" / "spdx.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}run: python scripts/checks/spdx.py"


def test_the_licence_line_is_put_once_and_after_the_interpreters() -> None:
    line = f"# {spdx.LINE}"
    assert spdx.with_line("x = 1\n", line) == f"{line}\nx = 1\n"
    assert spdx.with_line("#!/bin/sh\nset -eu\n", line) == f"#!/bin/sh\n{line}\nset -eu\n"
    for text in ("", "x = 1\n", "#!/bin/sh\nset -eu\n"):
        once = spdx.with_line(text, line)
        assert spdx.with_line(once, line) == once
