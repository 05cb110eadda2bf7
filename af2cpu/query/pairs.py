# SPDX-License-Identifier: Apache-2.0
"""All against all: from lists of single sequences to the complexes of two."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product
from pathlib import Path

from af2cpu.errors import InputError
from af2cpu.query.names import description_of, distinct_names, own_names
from af2cpu.query.read import QueryInput, read_inputs
from af2cpu.records import CHAIN_BREAK, Query

_Pair = tuple[QueryInput, QueryInput]


def read_pairs(paths: Sequence[Path]) -> list[QueryInput]:
    """Complexes of every two records of one file, or of every record of the first file with every one of the second.

    A path may be a folder, as for `read_inputs`. Two records that are in both files make one pair, since A with B is B
    with A; a record that is in both files is paired with itself too. Targets are named bait__prey.

    Raises InputError as `read_inputs` does, for another number of paths, records that are no single sequence, and files
    that give no pair.
    """
    if not 1 <= len(paths) <= 2:
        raise InputError(
            "--pairs: takes one file, whose sequences are paired with each other, or two, baits and preys; "
            f"{len(paths)} were given"
        )
    lists = [read_inputs([path]) for path in paths]
    for item in (item for items in lists for item in items):
        _check_single(item)
    pairs = list(combinations(lists[0], 2)) if len(lists) == 1 else _across(*lists)
    if not pairs:
        raise InputError(f"{lists[0][0].query.source}: is the only sequence, and --pairs needs two or more; add others")
    short = [(f"{a.query.name}__{b.query.name}", f"{_title(a)}__{_title(b)}") for a, b in pairs]
    return [_joined(pair, name) for pair, name in zip(pairs, distinct_names(short), strict=True)]


def _check_single(item: QueryInput) -> None:
    query = item.query
    if query.n_chains > 1:
        raise InputError(
            f"{query.source}: is a complex itself, and --pairs takes records of one chain; write the complexes out, "
            "chains joined by ':', and leave out --pairs"
        )
    if item.alignment:
        raise InputError(
            f"{query.source}: is an alignment, and --pairs takes sequences, each of which it searches once; give FASTA "
            "or CSV (--msa-cache keeps alignments for other runs)"
        )


def _across(baits: Sequence[QueryInput], preys: Sequence[QueryInput]) -> list[_Pair]:
    """Every bait with every prey, once. Raises InputError for two different sequences of one name."""
    by_name = {item.query.name: item for item in baits}
    partners = [by_name.get(prey.query.name, prey) for prey in preys]
    for bait, prey in zip(partners, preys, strict=True):
        if bait.query.sequence != prey.query.sequence:
            raise InputError(
                f"{bait.query.source} and {prey.query.source} both have the name {prey.query.name!r}, and their "
                "sequences differ; rename one of them"
            )
    pairs: dict[frozenset[str], _Pair] = {}
    for pair in product(baits, partners):
        pairs.setdefault(frozenset(item.query.name for item in pair), pair)
    return list(pairs.values())


def _title(item: QueryInput) -> str:
    return item.query.description or item.query.name


def _joined(pair: _Pair, name: str) -> QueryInput:
    """A complex of two, whose chains are named after their records."""
    (a, b), titles = (item.query for item in pair), [_title(item) for item in pair]
    query = Query(
        name=name,
        sequence=f"{a.sequence}{CHAIN_BREAK}{b.sequence}",
        description=description_of(titles),
        source=a.source if a.source == b.source else f"{a.source} with {b.source}",
        chain_names=own_names(titles),
    )
    notes = dict.fromkeys(note for item in pair for note in item.notes)
    return QueryInput(query, notes=tuple(notes), pair=(a.name, b.name))
