"""Simulated evolution: relatives of a protein, drawn with the BLOSUM62 substitution matrix.

Only uniform numbers are taken from numpy's generator, so that a seed gives the same letters with any release of it.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from Bio.Align import substitution_matrices

LETTERS = "ACDEFGHIKLMNPQRSTVWY"
# Shares of the amino acids in proteins, per mille, in the order of LETTERS (Swiss-Prot, rounded).
_SHARES = np.array([83, 14, 55, 67, 39, 71, 23, 59, 58, 97, 24, 41, 47, 39, 55, 66, 53, 69, 11, 29], np.float64)
BACKGROUND = _SHARES / _SHARES.sum()
_CODES = np.full(256, 255, np.uint8)
_CODES[np.frombuffer(LETTERS.encode(), np.uint8)] = np.arange(20)
_BYTES = np.frombuffer(LETTERS.encode(), np.uint8)


def encode(sequence: str) -> np.ndarray:
    """Codes 0..19 of a sequence of the 20 letters: uint8 [n_res]. Raises ValueError for another letter."""
    codes = _CODES[np.frombuffer(sequence.encode(), np.uint8)]
    if (codes == 255).any():
        raise ValueError(f"{sequence}: only the 20 amino acids evolve")
    return codes


def decode(codes: np.ndarray) -> str:
    return _BYTES[codes].tobytes().decode()


@cache
def _replacements() -> np.ndarray:
    """[20, 20] cumulative probabilities of what replaces a residue: background times 2^(score / 2), itself left out."""
    matrix = substitution_matrices.load("BLOSUM62")
    scores = np.array([[matrix[a][b] for b in LETTERS] for a in LETTERS])
    weights = BACKGROUND * 2.0 ** (scores / 2)
    np.fill_diagonal(weights, 0.0)
    return np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)


def draw(rng: np.random.Generator, cumulative: np.ndarray, size: int) -> np.ndarray:
    """Codes with these cumulative probabilities ([20], or [size, 20] for each its own): uint8 [size]."""
    below = cumulative[..., :-1] < rng.random(size)[:, None]
    return below.sum(axis=-1).astype(np.uint8)


def unrelated(rng: np.random.Generator, n_res: int) -> np.ndarray:
    """A sequence of the background's composition: uint8 [n_res]."""
    return draw(rng, np.cumsum(BACKGROUND), n_res)


def substituted(rng: np.random.Generator, codes: np.ndarray, changed: float) -> np.ndarray:
    """A relative of the same length; a share `changed` of its residues is replaced, mostly by similar ones."""
    places = np.flatnonzero(rng.random(len(codes)) < changed)
    relative = codes.copy()
    relative[places] = draw(rng, _replacements()[codes[places]], len(places))
    return relative


def with_indels(rng: np.random.Generator, codes: np.ndarray, per_residue: float) -> np.ndarray:
    """Runs of one to four residues are left out or put in, each with the same chance."""
    pieces, start = [], 0
    for place in np.flatnonzero(rng.random(len(codes)) < per_residue):
        if place < max(start, 1):
            continue
        size = 1 + int(4 * rng.random())
        pieces.append(codes[start:place])
        inserted = rng.random() < 0.5
        pieces += [unrelated(rng, size)] if inserted else []
        start = place if inserted else place + size
    return np.concatenate([*pieces, codes[start:]])
