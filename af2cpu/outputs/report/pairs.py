# SPDX-License-Identifier: Apache-2.0
"""The page of pairs: every pair of proteins that was predicted as a complex, as a matrix of scores and as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class PairScore:
    """A score of pairs: a column of the table, and a colour of the matrix."""

    name: str  # such as ipTM
    what: str  # one line that says what it means; empty: nothing to say
    highest: float = 1.0  # has the full colour


# What `PairRow.scores` has by default, in this order; the first one orders the table and colours the matrix.
PAIR_SCORES = (
    PairScore("score", "ipTM of the complex + the best ipSAE of its interfaces, 0 to 2", 2.0),
    PairScore("ipTM", "interface pTM of the complex, 0 to 1: over 0.8 probably right, under 0.6 probably wrong"),
    PairScore("ipSAE", "of the best interface, 0 to 1: like ipTM, of the residue pairs whose PAE is low"),
    PairScore("pDockQ", "of the best interface, 0 to 1, from the contacts and their pLDDT"),
    PairScore("pDockQ2", "of the best interface, 0 to 1, from the contacts, their pLDDT and PAE"),
    PairScore("LIS", "local interaction score of the best interface, 0 to 1, from PAE under 12 Å"),
)


@dataclass(frozen=True)
class PairRow:
    """A pair on the page."""

    a: str  # names of the proteins; of baits and preys, the bait
    b: str
    status: str  # done, failed, unfinished; text of the user's own is fine
    scores: tuple[float | None, ...] = ()  # in the order of the page's scores; None, or none at all, if not known
    link: str | None = None  # to its report, below the folder of the page
    error: str | None = None  # one line


@dataclass(frozen=True)
class PairTable:
    """The page's rows in their order, with their places in the matrix."""

    scores: tuple[PairScore, ...]
    rows: tuple[PairRow, ...]  # highest first score first, those without one last
    down: tuple[str, ...]  # names of the matrix's lines
    across: tuple[str, ...]  # of its columns
    symmetric: bool  # all against all: a pair has two cells

    def cell(self, row: PairRow) -> tuple[int, int]:
        """Line and column of a pair."""
        return self.down.index(row.a), self.across.index(row.b)

    @property
    def heads(self) -> tuple[str, str]:
        return ("Protein", "With") if self.symmetric else ("Bait", "Prey")


def pair_table(rows: Sequence[PairRow], scores: Sequence[PairScore] = PAIR_SCORES) -> PairTable:
    """Names in the order of their first appearance. Where a name is the first of one pair and the second of another,
    the matrix is that of all against all; else lines are first names and columns second names.

    Raises ValueError where a row has scores, but not all.
    """
    for row in rows:
        if row.scores and len(row.scores) != len(scores):
            raise ValueError(f"the pair {row.a} and {row.b} has {len(row.scores)} scores of {len(scores)}")
    down, across = (tuple(dict.fromkeys(names)) for names in ([row.a for row in rows], [row.b for row in rows]))
    symmetric = not set(down).isdisjoint(across)
    if symmetric:
        down = across = tuple(dict.fromkeys(name for row in rows for name in (row.a, row.b)))
    return PairTable(tuple(scores), tuple(sorted(rows, key=_order)), down, across, symmetric)


def _order(row: PairRow) -> float:
    score = row.scores[0] if row.scores else None
    return math.inf if score is None or math.isnan(score) else -score
