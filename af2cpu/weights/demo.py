"""The demo parameters: a small network that comes with the program and knows a handful of proteins by heart."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from af2cpu.shipped import shipped

PARAMETERS = "params_demo.npz"
KNOWN = "demo.toml"


@dataclass(frozen=True)
class KnownProtein:
    """A protein that the demo parameters were trained on."""

    name: str
    sequence: str
    source: str  # PDB entry, chain and residues


def demo_file() -> Path:
    return shipped(PARAMETERS)


@cache
def known_proteins() -> tuple[KnownProtein, ...]:
    """All that the demo parameters know."""
    content = tomllib.loads(shipped(KNOWN).read_text())
    return tuple(KnownProtein(**protein) for protein in content["protein"])


def is_known(sequence: str) -> bool:
    """Whether the demo parameters were trained on exactly this sequence."""
    return any(sequence == protein.sequence for protein in known_proteins())
