# SPDX-License-Identifier: Apache-2.0
"""The rows of an alignment as they are read: grown in place, so that memory stays near 3 bytes per cell."""

from __future__ import annotations

import numpy as np

from af2cpu.chemistry.residues import HHBLITS_AA_TO_ID
from af2cpu.cores import available_memory
from af2cpu.errors import InputError

ILLEGAL = 255
GAP = HHBLITS_AA_TO_ID["-"]

# [256] code of each upper-case letter and '-', ILLEGAL for every other byte.
CODES = np.full(256, ILLEGAL, np.uint8)
for _letter, _code in HHBLITS_AA_TO_ID.items():
    CODES[ord(_letter)] = _code

_MAX_UINT16 = np.iinfo(np.uint16).max
_DIGEST_SEED = 20210715
_GROW = 16  # arrays grow by 1/16 of their size, at least by _GROW_BYTES
_GROW_BYTES = 1 << 24


def digest_weights(n_res: int) -> np.ndarray:
    """uint64 [n_res, 2]: fixed random weights; a row's digest is the sum of letter x weight, modulo 2^64.

    Rows that differ have equal digests with a chance below 2^-110, and the sum can be made piece by piece.
    """
    return np.random.default_rng(_DIGEST_SEED).integers(0, 2**64, (n_res, 2), np.uint64)


def digest(letters: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """uint64 [n, 2] share of the digests from letters, uint8 [n, c], with their columns' weights, uint64 [c, 2]."""
    wide = letters.astype(np.uint64)
    return np.stack([wide @ weights[:, 0], wide @ weights[:, 1]], axis=-1)


def check_room(n_bytes: int, place: str) -> None:
    """Raises InputError for the rows of a file that need more memory than is free."""
    if n_bytes >= _GROW_BYTES // 8 and n_bytes > (free := available_memory()):
        raise InputError(
            f"{place}: its rows need {n_bytes / 1e9:.1f} GB more memory and {free / 1e9:.1f} GB are free; give fewer"
        )


class RowBuffer:
    """Grows `msa`, `deletions` and `digests` row by row, without ever holding two copies (realloc moves pages)."""

    def __init__(self, n_res: int, share: int = 1, place: str = "the alignment") -> None:
        """share: how many of these grow together; each grows by less then. place: what the rows are of, for errors."""
        self._place = place
        self.n_res = n_res
        self.n_seq = 0
        self._room = 0
        self._grow_bytes = _GROW_BYTES // share
        self._msa = np.empty((0, n_res), np.uint8)
        self._deletions = np.empty((0, n_res), np.uint16)
        self._digests = np.empty((0, 2), np.uint64)
        self._weights = digest_weights(n_res)

    def append(self, letters: np.ndarray, deletions: np.ndarray | None) -> None:
        """One row: letters uint8 [n_res] (upper case or '-', checked by the caller), deletions int [n_res] or None."""
        if self.n_seq == self._room:
            self._resize(self._room + max(self._room // _GROW, self._grow_bytes // (3 * self.n_res + 16), 1))
        self._msa[self.n_seq] = CODES[letters]
        if deletions is not None:
            if self._deletions.dtype == np.uint16 and deletions.max(initial=0) > _MAX_UINT16:
                self._deletions = self._deletions.astype(np.int32)
            self._deletions[self.n_seq] = deletions
        self._digests[self.n_seq] = digest(letters[None], self._weights)[0]
        self.n_seq += 1

    def finish(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """msa, deletions and digests, cut to the rows that were appended. The buffer is spent."""
        self._resize(self.n_seq)
        return self._msa, self._deletions, self._digests

    def _resize(self, room: int) -> None:
        check_room(3 * self.n_res * (room - self._room), self._place)
        # refcheck off: nothing else holds these arrays, and a debugger's reference must not break reading.
        self._msa.resize((room, self.n_res), refcheck=False)
        self._deletions.resize((room, self.n_res), refcheck=False)  # new cells are zero
        self._digests.resize((room, 2), refcheck=False)
        self._room = room
