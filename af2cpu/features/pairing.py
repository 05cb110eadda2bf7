# SPDX-License-Identifier: Apache-2.0
"""Pairing: rows of different chains' alignments that belong to one species become one row of the complex's MSA.

As AlphaFold-Multimer's msa_pairing.py (in the version with stable sorts): rows of a species are paired in the order of
their identity with the query. Each copy of a chain counts as a chain of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

GAP = 21
_MAX_OF_SPECIES = 600  # rows of one chain: a species with more is left out


class NamedRows(NamedTuple):
    """An alignment with names and species of its rows; the first row is the query."""

    msa: np.ndarray  # uint8 [n_seq, n_res], as in Features
    deletions: np.ndarray  # unsigned [n_seq, n_res]
    species: np.ndarray  # bytes [n_seq], empty where it is not known
    names: np.ndarray  # object [n_seq], str; empty where it is not known

    def take(self, rows: np.ndarray) -> NamedRows:
        """The rows asked for; -1 is a row of gaps."""
        absent = rows < 0
        msa, deletions, species, names = (array[rows] for array in self)
        msa[absent], deletions[absent], species[absent], names[absent] = GAP, 0, b"", ""
        return NamedRows(msa, deletions, species, names)

    def part(self, rows: slice | np.ndarray) -> NamedRows:
        """Some of the rows, without a copy where that can be."""
        return NamedRows(*(array[rows] for array in self))


def paired_rows(chains: Sequence[NamedRows]) -> np.ndarray:
    """int [n_pairs, n_chains]: for each row of the complex the rows of the chains, -1 where a chain has none.

    Sorted by the number of chains in a row, most first, then by the product of the row numbers. Row 0 has the queries.
    A species that only one chain has is not paired.
    """
    by_species = [_rows_by_species(chain) for chain in chains]
    n_chains = len(chains)
    found: dict[int, list[np.ndarray]] = {n_chains: [np.zeros((1, n_chains), np.int64)]}
    for species in sorted(set().union(*by_species) - {b""}):
        rows = [of_chain.get(species) for of_chain in by_species]
        counts = [len(of_chain) for of_chain in rows if of_chain is not None]
        if len(counts) < 2 or max(counts) > _MAX_OF_SPECIES:
            continue
        n = min(counts)
        none = np.full(n, -1)
        pairs = np.stack([none if of_chain is None else of_chain[:n] for of_chain in rows], axis=1)
        found.setdefault(len(counts), []).append(pairs)
    return np.concatenate([_by_product(np.concatenate(found[n])) for n in sorted(found, reverse=True)])


def _rows_by_species(chain: NamedRows) -> dict[bytes, np.ndarray]:
    """Rows of each species, those that are most like the query first."""
    same = (chain.msa == chain.msa[0]).sum(axis=1)
    order = np.argsort(-same, kind="stable")
    names = chain.species[order]
    return {name: order[names == name] for name in np.unique(names).tolist()}


def _by_product(pairs: np.ndarray) -> np.ndarray:
    """As AlphaFold 2 sorts: the product counts an absent row as 1, and the query's row makes it 0."""
    return pairs[np.argsort(np.abs(pairs.prod(axis=1)), kind="stable")]
