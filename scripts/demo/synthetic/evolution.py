# SPDX-License-Identifier: Apache-2.0
"""Simulated evolution: unrelated sequences, and relatives of a protein drawn with the BLOSUM62 substitution matrix.

Letters are uint8 arrays of ASCII codes. Only uniform numbers are taken from numpy's generator, so that a seed gives the
same letters with any release of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from Bio.Align import substitution_matrices

LETTERS = np.frombuffer(b"ACDEFGHIKLMNPQRSTVWY", np.uint8)
# Shares of the amino acids in proteins, per mille, in the order of LETTERS (Swiss-Prot, rounded).
BACKGROUND = np.array([83, 14, 55, 67, 39, 71, 23, 59, 58, 97, 24, 41, 47, 39, 55, 66, 53, 69, 11, 29]) / 1000.0
_INDEX = np.full(256, 255, np.uint8)
_INDEX[LETTERS] = np.arange(20)


def random_letters(rng: np.random.Generator, n_res: int) -> np.ndarray:
    """Letters of the background's composition: uint8 [n_res]."""
    cumulative = np.cumsum(BACKGROUND / BACKGROUND.sum())[:-1]
    return LETTERS[np.searchsorted(cumulative, rng.random(n_res), side="right")]


def random_sequences(rng: np.random.Generator, n_res: int) -> Iterator[np.ndarray]:
    """Letters of unrelated sequences of a database's lengths, until about n_res residues are made."""
    while n_res > 0:
        normal = rng.random((1000, 12)).sum(axis=1) - 6.0
        lengths = np.clip(np.exp(5.6 + 0.6 * normal).astype(int), 20, 5000)
        lengths = lengths[: np.searchsorted(np.cumsum(lengths), n_res) + 1]
        text = random_letters(rng, int(lengths.sum()))
        yield from np.split(text, np.cumsum(lengths)[:-1])
        n_res -= len(text)


@cache
def _replacements() -> np.ndarray:
    """[20, 20] cumulative probabilities of what replaces a residue: background times 2^(score / 2), itself left out."""
    matrix = substitution_matrices.load("BLOSUM62")
    alphabet = LETTERS.tobytes().decode()
    scores = np.array([[matrix[a][b] for b in alphabet] for a in alphabet])
    weights = BACKGROUND * 2.0 ** (scores / 2)
    np.fill_diagonal(weights, 0.0)
    return np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)


def substituted(rng: np.random.Generator, letters: np.ndarray, changed: float) -> np.ndarray:
    """A relative of the same length: a share `changed` of the residues replaced, mostly by similar ones.

    Letters that are none of the 20 amino acids stay.
    """
    relative = letters.copy()
    places = np.flatnonzero((rng.random(len(letters)) < changed) & (_INDEX[letters] < 20))
    rows = _replacements()[_INDEX[letters[places]]]
    relative[places] = LETTERS[(rows[:, :-1] < rng.random(len(places))[:, None]).sum(axis=1)]
    return relative


def with_indels(rng: np.random.Generator, letters: np.ndarray, per_residue: float = 0.01) -> np.ndarray:
    """Runs of one to four residues are left out or put in, each with the same chance."""
    pieces, start = [], 0
    for place in np.flatnonzero(rng.random(len(letters)) < per_residue):
        if place < max(start, 1):
            continue
        size = 1 + int(4 * rng.random())
        pieces.append(letters[start:place])
        if rng.random() < 0.5:
            pieces.append(random_letters(rng, size))
            start = place
        else:
            start = place + size
    return np.concatenate([*pieces, letters[start:]])


def homolog(rng: np.random.Generator, query: bytes, changed: float) -> np.ndarray:
    """Letters of a relative: a share of the residues replaced, and now and then an indel."""
    return with_indels(rng, substituted(rng, np.frombuffer(query, np.uint8), changed))
