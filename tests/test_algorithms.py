# SPDX-License-Identifier: Apache-2.0
"""Each algorithm of the supplement is claimed by one class or function, and docs/algorithms.md says which.

A second table has the differences of AlphaFold-Multimer: it is complete, and all that it names exists.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import NamedTuple

from af2cpu.model import config

ROOT = Path(__file__).parent.parent
OUT_OF_SCOPE = {1, 26, 27, 28, 31}  # data blocking, losses, training


def _claims() -> dict[int, list[str]]:
    """Algorithm number -> the classes and functions whose docstring opens with it."""
    claims: dict[int, list[str]] = {}
    for path in sorted((ROOT / "af2cpu").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ClassDef | ast.FunctionDef):
                continue
            opening = re.match(r"Algorithms? (\d+)(?: and (\d+))? (?!lines?\b)\w", ast.get_docstring(node) or "")
            for number in filter(None, opening.groups()) if opening else ():
                claims.setdefault(int(number), []).append(node.name)
    return claims


def _table() -> dict[int, str]:
    rows = re.findall(r"^\| (\d+) [^|]*\| `([^`]+)` \|", (ROOT / "docs/algorithms.md").read_text(), re.MULTILINE)
    return {int(number): name for number, name in rows}


def test_each_algorithm_is_claimed_once() -> None:
    claims = _claims()
    assert {number for number, names in claims.items() if len(names) > 1} == set()
    assert set(claims) == set(range(1, 33)) - OUT_OF_SCOPE


def test_table_is_true() -> None:
    assert _table() == {number: names[0] for number, names in _claims().items()}


class Difference(NamedTuple):
    """A row of the table of the multimer's differences."""

    text: str
    keys: list[str]  # of the configuration
    here: list[str]
    pinned: list[str]


def _differences() -> list[Difference]:
    text = (ROOT / "docs/algorithms.md").read_text()
    table = text[text.index("| Difference | Configuration | Here | Tested by |") :].split("\n\n")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return [
        Difference(text, *([name.strip("`") for name in re.split(r", ", cell) if name] for cell in rest))
        for text, *rest in cells
    ]


def _defined(folder: str) -> set[str]:
    """Classes and functions of the Python files below a folder."""
    trees = [ast.parse(path.read_text()) for path in (ROOT / folder).rglob("*.py")]
    kinds = ast.ClassDef | ast.FunctionDef
    return {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, kinds)}


def _compared_modules() -> set[str]:
    """Cases of tests/parity/network/test_multimer.py::test_module."""
    tree = ast.parse((ROOT / "tests/parity/network/test_multimer.py").read_text())
    assigned = [node for node in tree.body if isinstance(node, ast.Assign)]
    (cases,) = (node.value for node in assigned if ast.unparse(node.targets[0]) == "OTHER")
    return ast.literal_eval(cases)


def test_table_of_the_multimers_differences_is_complete() -> None:
    """Every key of the configuration in which the multimer models differ from model_1_ptm, every compared module."""
    rows = _differences()
    shared = {*config._TEMPLATES, *config._PTM}
    keys = {key for key in config._MULTIMER if key not in shared}
    named = {key for row in rows for key in row.keys}
    assert named == {next(part for part in reversed(key.split(".")) if part != "enabled") for key in keys}
    assert {name for row in rows for name in re.findall(r"\[(.+?)\]", " ".join(row.pinned))} == _compared_modules()


def test_all_that_the_table_names_exists() -> None:
    ours, tests = _defined("af2cpu"), _defined("tests")
    for row in _differences():
        assert row.here, row.text
        assert row.pinned, row.text
        for name in row.here:
            assert name in ours or (ROOT / "af2cpu" / name).is_file(), name
        for name in row.pinned:
            case = re.fullmatch(r"\[(.+)\]", name)
            assert case or name in tests or (ROOT / name).is_file(), name
