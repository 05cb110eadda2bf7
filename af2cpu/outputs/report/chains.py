# SPDX-License-Identifier: Apache-2.0
"""The chains of a target as its report shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from af2cpu.chemistry.residues import HHBLITS_AA_TO_ID
from af2cpu.outputs.report.neff import EffectiveDepth
from af2cpu.records import CHAIN_BREAK, Chain, Features
from af2cpu.records.chain_ids import chain_id

_MOST_NAMED = 6  # chains of one sequence; of more only the first ones are named


@dataclass(frozen=True)
class Entity:
    """The chains of one sequence."""

    chains: tuple[Chain, ...]  # in the user's order

    @property
    def sequence(self) -> str:
        return self.chains[0].sequence

    @property
    def words(self) -> str:
        """Such as chain A; chains A, C."""
        ids = [chain.id for chain in self.chains]
        named = ids if len(ids) <= _MOST_NAMED else [*ids[: _MOST_NAMED - 1], "…", ids[-1]]
        return f"chain{'s' * (len(ids) > 1)} {', '.join(named)}"


def chains_of(sequence: str, features: Features | None) -> tuple[Chain, ...]:
    """In the user's order, from the sequences joined by ':'. Their names are those of the features, if there are any.

    A name that all chains share is that of the whole: then they have none of their own.
    """
    sequences = sequence.split(CHAIN_BREAK)
    names = [] if features is None else [name.decode(errors="replace") for name in features.domain_name.tolist()]
    if len(names) != len(sequences) or len(set(names)) < 2:
        names = [""] * len(sequences)
    return tuple(
        Chain(chain_id(k), letters, name) for k, (letters, name) in enumerate(zip(sequences, names, strict=True))
    )


def entities_of(chains: Sequence[Chain]) -> tuple[Entity, ...]:
    """By their first chains."""
    sequences = dict.fromkeys(chain.sequence for chain in chains)
    return tuple(Entity(tuple(chain for chain in chains if chain.sequence == one)) for one in sequences)


@dataclass(frozen=True)
class ChainRow:
    """A line of the table of chains."""

    id: str
    name: str
    n_res: int
    copy_of: str | None  # the first chain of the same sequence
    n_seq: int | None  # rows of the alignment with residues in it
    neff: float | None
    n_templ: int | None


def chain_rows(chains: Sequence[Chain], features: Features | None, effective: EffectiveDepth | None) -> list[ChainRow]:
    """The table of chains."""
    rows, start = [], 0
    for chain in chains:
        columns = slice(start, start + len(chain.sequence))
        start = columns.stop
        first = next(one for one in chains if one.sequence == chain.sequence)
        made = features if features is not None and effective is not None else None
        rows.append(
            ChainRow(
                id=chain.id,
                name=chain.name,
                n_res=len(chain.sequence),
                copy_of=first.id if first is not chain else None,
                n_seq=int((made.msa[:, columns] != HHBLITS_AA_TO_ID["-"]).any(axis=1).sum()) if made else None,
                neff=float(np.median(effective.per_residue[columns])) if effective else None,
                n_templ=_n_templ(made, columns) if made else None,
            )
        )
    return rows


def _n_templ(features: Features, columns: slice) -> int:
    """Templates with residues in these columns."""
    return sum(bool(letters[columns].strip(b"-")) for letters in features.template_sequence.tolist())
