# SPDX-License-Identifier: Apache-2.0
"""What comes from others: licences are listed, 3Dmol.js is the published file, floors of ranges are tested."""

from __future__ import annotations

import hashlib
import re
import tomllib
from importlib import metadata
from pathlib import Path

import licences
import pytest
from oldest import TESTS, oldest

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "af2cpu" / "outputs" / "report" / "static"
# Of build/3Dmol-min.js in the npm package 3dmol 2.5.5.
SHA256 = "f7cc78921ae72e7623e89cdd111434f58c2efddd2ffda1cd212644b406fb8016"


def dependencies() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {licences.key(re.split("[>=]", line)[0]) for line in project["dependencies"]}


def listed() -> dict[str, list[str]]:
    """The rows of the page."""
    rows = [line.strip("|").split("|") for line in (ROOT / "docs" / "licences.md").read_text().splitlines()]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows if len(row) == 3 and row[0] != "---"}


def test_the_page_of_licences_names_all_that_is_needed() -> None:
    """All packages that this installation has for it."""
    rows = listed()
    assert {name for name, (needed, _) in rows.items() if needed == "direct"} == dependencies()
    lacking = set(licences.needed()) - set(rows)
    assert lacking == set(), "make it again: python scripts/documents/licences.py > docs/licences.md"
    assert all(text for name, (_, text) in rows.items() if name != "package")


def test_no_licence_forbids_what_users_do() -> None:
    """Neither terms for research alone nor the GPL of what is linked into the program."""
    for name, (_, text) in listed().items():
        assert not re.search(r"non-?commercial|proprietary|(?<!L)(?<!Lesser )GPL", text, re.IGNORECASE), name


def test_a_package_without_a_licence_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "metadata", lambda name: _Empty())
    with pytest.raises(ValueError, match="some: its metadata name no licence"):
        licences.licence("some")


class _Empty(dict[str, str]):
    """Metadata of a package that says nothing."""

    def __missing__(self, name: str) -> None:
        return None

    def get_all(self, name: str) -> None:
        return None


def test_the_viewer_is_the_published_file_with_its_licence() -> None:
    assert hashlib.sha256((STATIC / "3Dmol-min.js").read_bytes()).hexdigest() == SHA256
    text = (STATIC / "3Dmol.LICENSE").read_text()
    assert "BSD-3-Clause" in text
    assert "University of Pittsburgh" in text
    assert "3Dmol.js 2.5.5" in (ROOT / "NOTICE").read_text()


def test_every_range_has_a_floor_and_the_tests_of_the_floors_exist() -> None:
    assert {licences.key(name) for name in oldest()} == dependencies()
    assert all((ROOT / one).exists() for one in TESTS)
