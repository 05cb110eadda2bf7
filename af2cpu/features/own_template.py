"""Templates that the user brings: any PDB or mmCIF file, aligned to the query."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from af2cpu.errors import InputError
from af2cpu.features.hits import SkippedHit
from af2cpu.features.pairwise import aligned_pairs
from af2cpu.features.placement import PlacedTemplate, Placement, place
from af2cpu.features.template import stack_templates
from af2cpu.formats.chain import ProteinChain
from af2cpu.formats.pdb import read_chains
from af2cpu.records import Query, Templates

_MIN_ALIGNED = 10  # residues


def own_templates(query: Query, files: Sequence[str | os.PathLike[str]]) -> Templates:
    """One template per file, in the order given: the chain that shares most residues with the query.

    Neither date nor similarity is a reason to leave one out: the user asked for it. `notes` has a line for each.
    Raises InputError where a file can't be used.
    """
    placed = [_place(query, Path(path)) for path in files]
    return stack_templates([template for template, _ in placed], query.n_res, tuple(note for _, note in placed))


def _place(query: Query, path: Path) -> tuple[PlacedTemplate, str]:
    aligned = [(chain, aligned_pairs(query.sequence, chain.sequence)) for chain in read_chains(path)]
    chain, pairs = max(aligned, key=lambda item: _identical(query.sequence, *item))
    if len(pairs) < _MIN_ALIGNED:
        raise InputError(f"{path}: no chain can be aligned to {query.name} ({len(pairs)} residues)")
    where = Placement(chain.name, chain.sequence, 0, dict(pairs), realigned=False)
    try:
        template = place(path.name.split(".")[0], chain, where, query.n_res, 0.0)
    except SkippedHit as reason:
        raise InputError(f"{path}: it can't serve as a template: {reason}") from reason
    same = _identical(query.sequence, chain, pairs)
    return template, f"template {path.name}: chain {chain.name}, {len(pairs)} residues aligned, {same} identical"


def _identical(sequence: str, chain: ProteinChain, pairs: Sequence[tuple[int, int]]) -> int:
    return sum(sequence[i] == chain.sequence[j] for i, j in pairs)
