# SPDX-License-Identifier: Apache-2.0
"""What `import af2cpu` has: each public name is there, documented, and told to type checkers."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

import af2cpu

DOCUMENTED = [name for name in af2cpu.__all__ if name != "__version__"]


def _members(thing: Any) -> list[tuple[str, Any]]:
    """Public methods and properties that a class of ours defines itself."""
    return [(name, one) for name, one in vars(thing).items() if not name.startswith("_") and _is_code(one)]


def _is_code(one: Any) -> bool:
    return isinstance(one, property | classmethod) or inspect.isfunction(one)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_documented(name: str) -> None:
    thing = getattr(af2cpu, name)
    documents = {name: inspect.getdoc(thing)}
    if inspect.isclass(thing):
        documents |= {f"{name}.{member}": inspect.getdoc(one) for member, one in _members(thing)}
    assert not [one for one, text in documents.items() if not text or text.startswith(f"{name}(")]


def test_dir_has_them_all() -> None:
    assert set(af2cpu.__all__) <= set(dir(af2cpu))
    with pytest.raises(AttributeError, match="no attribute 'predicted'"):
        af2cpu.predicted  # noqa: B018


def test_types_are_for_users_too() -> None:
    assert (Path(af2cpu.__file__).parent / "py.typed").is_file()
