# SPDX-License-Identifier: Apache-2.0
"""Templates that the user brings: any PDB or mmCIF file, aligned to the query."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from af2cpu.errors import InputError
from af2cpu.features.hits import SkippedHit
from af2cpu.features.pairwise import aligned_pairs
from af2cpu.features.placement import PlacedTemplate, Placement, place
from af2cpu.features.template import stack_templates
from af2cpu.formats.chain import ProteinChain
from af2cpu.formats.structure import chains_of, read_protein
from af2cpu.records import Query, Templates

_MIN_ALIGNED = 10  # residues that need not agree; fewer align by chance


@dataclass(frozen=True)
class Structure:
    """A file as it was read."""

    path: Path
    chains: Sequence[ProteinChain]
    notes: Sequence[str]


def own_templates(query: Query, files: Sequence[str | os.PathLike[str]]) -> Templates:
    """One template per file, in the order given: the chain that shares most residues with the query.

    Neither date nor similarity is a reason to leave one out: the user asked for it. `notes` has a line for each, and
    one for each kind of thing that the reader dropped or renamed. Raises InputError where a file can't be used.
    """
    structures = [read_template(path) for path in files]
    placed = [_place(query, structure) for structure in structures]
    notes = [
        line
        for structure, (_, note) in zip(structures, placed, strict=True)
        for line in (note, *(f"template {structure.path.name}: {said}" for said in structure.notes))
    ]
    stacked = stack_templates([template for template, _ in placed], query.n_res, tuple(notes))
    return replace(stacked, used=tuple(template.used(query.sequence, "your file") for template, _ in placed))


def read_template(path: str | os.PathLike[str]) -> Structure:
    """A structure file. Raises InputError for one without protein, and for one that is damaged."""
    protein, notes = read_protein(path)
    return Structure(Path(path), chains_of(protein), notes)


def check_template(query: Query, structure: Structure) -> None:
    """Raises InputError where `own_templates` will raise it."""
    _place(query, structure)


def resembles(query: Query, structure: Structure) -> bool:
    """Whether a structure is certainly one of a relative of the query, by its sequence.

    At least half of the shorter one is aligned, and the share of identical residues is at least five points above
    Rost's curve (1999, Protein Engineering 12: 85-94), near which there are unrelated proteins too.
    """
    chain, pairs = _best_chain(query, structure)
    enough = 2 * len(pairs) >= min(query.n_res, len(chain.sequence))
    return enough and _identical(query.sequence, chain, pairs) >= _least_identity(len(pairs)) * len(pairs)


def _least_identity(n_aligned: int) -> float:
    """Share of identical residues among so many, 0-1."""
    if n_aligned <= 11:
        return 1.0
    curve = 4.8 * n_aligned ** (-0.32 * (1 + math.exp(-n_aligned / 1000))) if n_aligned <= 450 else 0.195
    return min(1.0, 0.05 + curve)


def _best_chain(query: Query, structure: Structure) -> tuple[ProteinChain, list[tuple[int, int]]]:
    """The chain that shares most residues with the query, and their alignment."""
    aligned = [(chain, aligned_pairs(query.sequence, chain.sequence)) for chain in structure.chains]
    return max(aligned, key=lambda item: _identical(query.sequence, *item))


def _place(query: Query, structure: Structure) -> tuple[PlacedTemplate, str]:
    path = structure.path
    chain, pairs = _best_chain(query, structure)
    same = _identical(query.sequence, chain, pairs)
    if not _are_homologous(query.sequence, chain, len(pairs), same):
        raise InputError(
            f"{path}: no chain can be aligned to {query.name} ({len(pairs)} residues of chain {chain.name}, {same} "
            f"identical); give a structure of a related protein"
        )
    where = Placement(chain.name, chain.sequence, 0, dict(pairs), realigned=False)
    try:
        template = place(path.name.split(".")[0], chain, where, query.n_res, 0.0)
    except SkippedHit as reason:
        raise InputError(f"{path}: it can't serve as a template: {reason}") from reason
    return template, f"template {path.name}: chain {chain.name}, {len(pairs)} residues aligned, {same} identical"


def _are_homologous(sequence: str, chain: ProteinChain, n_aligned: int, n_identical: int) -> bool:
    """Whether an alignment is one: long, or of all of a short query or chain with most residues identical."""
    shorter = min(len(sequence), len(chain.sequence))
    return n_aligned >= _MIN_ALIGNED or (n_aligned == shorter and 2 * n_identical > n_aligned)


def _identical(sequence: str, chain: ProteinChain, pairs: Sequence[tuple[int, int]]) -> int:
    return sum(sequence[i] == chain.sequence[j] for i, j in pairs)
