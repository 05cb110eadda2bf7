# SPDX-License-Identifier: Apache-2.0
"""The demo parameters: small networks that come with the program and know a few proteins and complexes by heart."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from af2cpu.model.config import DEMO, DEMO_MULTIMER
from af2cpu.records import CHAIN_BREAK
from af2cpu.shipped import shipped

DEMO_NETWORKS = (DEMO, DEMO_MULTIMER)


@dataclass(frozen=True)
class KnownProtein:
    """A protein or complex that one of the demo networks was trained on."""

    name: str
    sequence: str  # of a complex its chains', joined by ":"
    source: str  # PDB entry, chains and residues

    @property
    def model(self) -> str:
        """The network that knows it."""
        return DEMO_MULTIMER if CHAIN_BREAK in self.sequence else DEMO


def demo_file(model: str = DEMO) -> Path:
    """The parameter file of a demo network."""
    return shipped(f"params_{model}.npz")


def demo_list() -> Path:
    """What the demo parameters know."""
    return shipped("demo.toml")


@cache
def known_proteins() -> tuple[KnownProtein, ...]:
    """All that the demo parameters know."""
    content = tomllib.loads(demo_list().read_text())
    return tuple(KnownProtein(**protein) for protein in content["protein"])


def is_known(sequence: str, model: str = DEMO) -> bool:
    """Whether the demo network was trained on exactly this sequence, or this complex with its chains in any order."""
    chains = sorted(sequence.split(CHAIN_BREAK))
    return any(
        chains == sorted(known.sequence.split(CHAIN_BREAK)) for known in known_proteins() if known.model == model
    )
