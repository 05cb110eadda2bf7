# SPDX-License-Identifier: Apache-2.0
"""The random numbers that AlphaFold-Multimer's network draws on JAX, without JAX.

jax.random hashes counters with Threefry-2x32 (Salmon et al. 2011, doi:10.1145/2063384.2063405). These are the numbers
of JAX 0.5 and later, whose default jax_threefry_partitionable gives others than before.
tests/parity/features/test_multimer_draw.py and tests/parity/network/test_selftest.py compare them with JAX's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA


def threefry(key: np.ndarray, count: np.ndarray) -> np.ndarray:
    """The hash of counters uint32 [..., 2] under keys uint32 [..., 2], 20 rounds: uint32 [..., 2]."""
    keys = (key[..., 0], key[..., 1], key[..., 0] ^ key[..., 1] ^ np.uint32(_PARITY))
    with np.errstate(over="ignore"):  # sums are modulo 2^32
        x, y = count[..., 0] + keys[0], count[..., 1] + keys[1]
        for injection in range(5):
            for bits in _ROTATIONS[injection % 2]:
                x = x + y
                y = (y << np.uint32(bits) | y >> np.uint32(32 - bits)) ^ x
            x = x + keys[(injection + 1) % 3]
            y = y + keys[(injection + 2) % 3] + np.uint32(injection + 1)
    return np.stack([x, y], axis=-1)


def fold_in(keys: np.ndarray, n: int) -> np.ndarray:
    """jax.random.fold_in of the indices 0 to n - 1 into each key [..., 2], which is also split: uint32 [..., n, 2]."""
    index = np.arange(n, dtype=np.uint32)
    return threefry(keys[..., None, :], np.stack([np.zeros_like(index), index], axis=-1))


def uniform(keys: np.ndarray) -> np.ndarray:
    """jax.random.uniform of shape () for each key [..., 2]: float32 [...] in [0, 1)."""
    bits = threefry(keys, np.zeros_like(keys))
    return ((bits[..., 0] ^ bits[..., 1]) >> np.uint32(9)).astype(np.float32) / np.float32(2**23)


def seed_key(seed: int) -> np.ndarray:
    """jax.random.PRNGKey of a seed below 2^32."""
    return np.array([0, seed], np.uint32)


class PassNumbers:
    """Stands in for the generator in `Sampler.draw`: gives what the network would draw itself in one pass.

    The keys are those of ColabFold's loop over the passes, of Haiku, and of AlphaFoldIteration. Each number has a key
    of its own, made of its indices (padding_consistent_rng), so that the cells that are not masked are skipped.
    """

    def __init__(self, seed: int, index: int, replace_fraction: float) -> None:
        """index: number of the pass, from 0."""
        key = seed_key(seed)
        for _ in range(index):
            key = fold_in(key, 2)[0]
        of_module = fold_in(fold_in(key, 2)[1], 2)[1]
        _, self._order, of_mask = fold_in(fold_in(of_module, 2)[1], 3)
        _, self._positions, self._codes = fold_in(of_mask, 3)
        self._fraction = replace_fraction
        self._draws: list[Callable[..., np.ndarray]] = [self._rows, self._cells, self._codes_of_chosen]
        self._chosen = np.zeros((0, 0), bool)

    def random(self, shape: tuple[int, ...], dtype: type) -> np.ndarray:
        """In turn: for each row of the MSA, for each cell of the clustered MSA, for each code in each chosen cell."""
        numbers = self._draws.pop(0)(*shape)
        assert (numbers.shape, numbers.dtype) == (shape, dtype), "Sampler.draw asks for its numbers in another order"
        return numbers

    def _rows(self, n_seq: int) -> np.ndarray:
        return uniform(fold_in(self._order, n_seq))

    def _cells(self, n_rows: int, n_res: int) -> np.ndarray:
        numbers = uniform(fold_in(fold_in(self._positions, n_rows), n_res))
        self._chosen = numbers < self._fraction
        return numbers

    def _codes_of_chosen(self, _: int, n_codes: int) -> np.ndarray:
        n_rows, n_res = self._chosen.shape
        return uniform(fold_in(fold_in(fold_in(self._codes, n_rows), n_res)[self._chosen], n_codes))
