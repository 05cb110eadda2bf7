# SPDX-License-Identifier: Apache-2.0
"""Small alignments and features that tests make themselves."""

from __future__ import annotations

import numpy as np

from af2cpu.chemistry.residues import HHBLITS_AA_TO_ID, HHBLITS_ORDER, RESTYPES
from af2cpu.features.raw import make_features
from af2cpu.formats.rows import digest, digest_weights
from af2cpu.records import Alignment, Features, Query


def alignment(
    database: str, rows: list[str], *, names: list[str] | None = None, deletions: np.ndarray | None = None
) -> Alignment:
    """From aligned rows of letters; digests of the letters as the parsers add them."""
    msa = np.array([[HHBLITS_AA_TO_ID[letter] for letter in row] for row in rows], np.uint8)
    letters = np.array([list(row.encode()) for row in rows], np.uint8)
    return Alignment(
        database=database,
        names=tuple(names or [f"{database}_{i}" for i in range(len(rows))]),
        msa=msa,
        deletions=np.zeros(msa.shape, np.uint16) if deletions is None else deletions,
        row_digests=digest(letters, digest_weights(len(rows[0]))),
    )


def random_alignment(rng: np.random.Generator, n_seq: int, n_res: int, database: str = "uniref90") -> Alignment:
    """A family: rows that are mutated copies of the query, with gaps, X and insertions."""
    query = rng.integers(0, 20, n_res)
    msa = np.where(rng.random((n_seq, n_res)) < 0.5, query, rng.integers(0, 22, (n_seq, n_res)))
    msa[0] = query
    deletions = np.where(rng.random((n_seq, n_res)) < 0.1, rng.integers(0, 400, (n_seq, n_res)), 0)
    deletions[0] = 0
    return Alignment(
        database, tuple(f"row{i}" for i in range(n_seq)), msa.astype(np.uint8), deletions.astype(np.uint16)
    )


def random_features(seed: int, n_seq: int, n_res: int) -> Features:
    family = random_alignment(np.random.default_rng(seed), n_seq, n_res)
    sequence = "".join(HHBLITS_ORDER[code] for code in family.msa[0])
    return make_features(Query("family", sequence, "a family", "test"), [family])


def random_sequence(rng: np.random.Generator, n_res: int) -> str:
    return "".join(rng.choice(list(RESTYPES), n_res))
