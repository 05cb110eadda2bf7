"""What is known of the published parameters before they are fetched: params/manifest.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Entry:
    """One model's file; the size is about."""

    size_mb: float
    arrays: int
    parameters: int


@dataclass(frozen=True)
class Manifest:
    """The archive and what is in it."""

    url: str
    size_gb: float  # about
    licence: str
    licence_url: str
    licence_member: str
    credit: str
    models: Mapping[str, Entry]
    unused: tuple[str, ...]  # members that are not read


@cache
def manifest() -> Manifest:
    """params/manifest.toml: inside the installed package, or beside it in the project's tree."""
    folder = next(folder for folder in (_PACKAGE / "params", _PACKAGE.parent / "params") if folder.is_dir())
    content = tomllib.loads((folder / "manifest.toml").read_text())
    models = {name: Entry(**fields) for name, fields in content.pop("models").items()}
    unused = tuple(content.pop("unused")["members"])
    return Manifest(**content, models=models, unused=unused)


def file_name(model: str) -> str:
    """DeepMind's name for a model's file."""
    return f"params_{model}.npz"
