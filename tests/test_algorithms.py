"""Each algorithm of the supplement is claimed by one class or function, and README's table says which."""

from __future__ import annotations

import ast
import re
from pathlib import Path

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


def _readme_table() -> dict[int, str]:
    rows = re.findall(r"^\| (\d+) [^|]*\| `([^`]+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    return {int(number): name for number, name in rows}


def test_each_algorithm_is_claimed_once() -> None:
    claims = _claims()
    assert {number for number, names in claims.items() if len(names) > 1} == set()
    assert set(claims) == set(range(1, 33)) - OUT_OF_SCOPE


def test_readme_table_is_true() -> None:
    assert _readme_table() == {number: names[0] for number, names in _claims().items()}
