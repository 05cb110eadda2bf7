# SPDX-License-Identifier: Apache-2.0
"""What is known of the published parameters before they are fetched: params/manifest.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from af2cpu.shipped import shipped


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


@cache
def manifest() -> Manifest:
    """params/manifest.toml, which comes with the program."""
    content = tomllib.loads(shipped("manifest.toml").read_text())
    models = {name: Entry(**fields) for name, fields in content.pop("models").items()}
    return Manifest(**content, models=models)


def file_name(model: str) -> str:
    """DeepMind's name for a model's file."""
    return f"params_{model}.npz"
