# SPDX-License-Identifier: Apache-2.0
"""The chains of a target: as the user gives them, and residue by residue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from af2cpu.records.chain_ids import chain_id

CHAIN_BREAK = ":"  # between the sequences of a complex's chains, as ColabFold writes it


@dataclass(frozen=True)
class Chain:
    """One chain of a query."""

    id: str  # A, B, ... in the user's order
    sequence: str
    name: str  # the user's, such as the header of its own record


@dataclass(frozen=True)
class Query:
    """A protein or complex to predict, as a stage after `query/` may trust it: checked letters, a safe unique name."""

    name: str  # safe and unique in its batch: [A-Za-z0-9_.-], names files and folders
    sequence: str  # upper case as searched: the 20 letters and B J O U X Z; ':' between the chains of a complex
    description: str  # the header as given, without '>'
    source: str  # where it was read: "file, record n"
    chain_names: tuple[str, ...] = ()  # the user's, one for each chain; empty: the chains have no names of their own

    @property
    def n_res(self) -> int:
        """Residues of all chains."""
        return len(self.sequence) - self.sequence.count(CHAIN_BREAK)

    @property
    def n_chains(self) -> int:
        return self.sequence.count(CHAIN_BREAK) + 1

    @cached_property
    def chains(self) -> tuple[Chain, ...]:
        """In the user's order. A chain without a name of its own has the query's description."""
        sequences = self.sequence.split(CHAIN_BREAK)
        names = self.chain_names or [self.description] * len(sequences)
        return tuple(
            Chain(chain_id(k), letters, name) for k, (letters, name) in enumerate(zip(sequences, names, strict=True))
        )


@dataclass(frozen=True)
class Chains:
    """The chains of a complex, residue by residue. A protein is a complex of one chain.

    Numbers count from 1. Chains of one sequence are copies of one entity.
    """

    asym_id: np.ndarray  # int32 [n_res], number of the chain
    entity_id: np.ndarray  # int32 [n_res], number of the chain's sequence, by first appearance
    sym_id: np.ndarray  # int32 [n_res], number of the copy among the chains of that sequence

    @classmethod
    def of(cls, sequences: Sequence[str]) -> Chains:
        """Of chains with these sequences, in this order."""
        entities: dict[str, int] = {}
        copies: dict[str, int] = {}
        numbers = []
        for asym_id, sequence in enumerate(sequences, start=1):
            entity_id = entities.setdefault(sequence, len(entities) + 1)
            copies[sequence] = copies.get(sequence, 0) + 1
            numbers.append((asym_id, entity_id, copies[sequence]))
        lengths = [len(sequence) for sequence in sequences]
        asym_ids, entity_ids, sym_ids = np.repeat(np.array(numbers, np.int32).reshape(-1, 3), lengths, axis=0).T
        return cls(asym_ids, entity_ids, sym_ids)

    @classmethod
    def one(cls, n_res: int) -> Chains:
        return cls.of(["A" * n_res])

    @property
    def n_chains(self) -> int:
        return len(np.unique(self.asym_id))

    @property
    def ids(self) -> np.ndarray:
        """str [n_res], the chain that each residue belongs to: A, B, ..."""
        return np.array([chain_id(number - 1) for number in self.asym_id.tolist()])

    @property
    def spans(self) -> dict[str, range]:
        """The residues of each chain by its identifier, in order."""
        numbers, starts = np.unique(self.asym_id, return_index=True)
        ends = [*starts[1:].tolist(), len(self.asym_id)]
        pairs = zip(numbers.tolist(), starts.tolist(), ends[: len(numbers)], strict=True)
        return {chain_id(number - 1): range(start, end) for number, start, end in pairs}


not_given = partial(np.zeros, 0, np.int32)


def complete_chains(record: Any, n_res: int) -> None:
    """Fills in the chain numbers of a single chain where none were given."""
    if not record.asym_id.size:
        for name, numbers in vars(Chains.one(n_res)).items():
            object.__setattr__(record, name, numbers)
