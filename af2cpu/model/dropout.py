# SPDX-License-Identifier: Apache-2.0
"""Dropout (supplement 1.11.6), at inference only when asked for: the predictions of one model then differ more.

Masks follow from numbers alone, so that they are the same for every engine, number of threads and slice.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from af2cpu.shapes import Float


class DropoutSeed(NamedTuple):
    """The numbers that the masks of one run of the trunk follow from."""

    seed: int  # of the prediction
    recycle: int  # passes before this one
    member: int  # of the ensemble


class Dropout(nn.Module):
    """The factors of a layer's update: 0 at the given rate, 1 / (1 - rate) else; off until it is given a seed.

    One mask [n, c] serves all of axis 0: the supplement's DropoutRowwise, and its DropoutColumnwise in the layer that
    takes z as its transpose.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self._place = ""
        self._seed: DropoutSeed | None = None
        self._calls = 0

    @property
    def is_on(self) -> bool:
        return self._seed is not None

    def start(self, place: str, seed: DropoutSeed | None) -> None:
        """place: the layer's name in the network. None: no dropout. Each call of the layer has a mask of its own."""
        self._place, self._seed, self._calls = place, seed, 0

    def forward(self, x: Float[Tensor, "b n c"]) -> Float[Tensor, "n c"] | None:
        """For the update of x: float32, whatever the type of x; None when it is off."""
        if self._seed is None:
            return None
        kept = draw_mask(self._seed, f"{self._place}/{self._calls}", self.rate, tuple(x.shape[1:]))
        self._calls += 1
        return torch.from_numpy(kept.astype(np.float32)) / (1 - self.rate)


def draw_mask(seed: DropoutSeed, place: str, rate: float, shape: tuple[int, ...]) -> np.ndarray:
    """bool, False at the given rate: the bits of a Philox generator whose key is the hash of all numbers and names."""
    key = hashlib.blake2b(f"{seed.seed}/{seed.recycle}/{seed.member}/{place}".encode(), digest_size=16).digest()
    size = int(np.prod(shape))
    raw = np.random.Philox(key=int.from_bytes(key, "little")).random_raw((size + 1) // 2)
    words = np.asarray(raw, "<u8").view("<u4")[:size]  # two of 32 bits each
    return np.asarray(words >= np.uint32(round(rate * 2**32))).reshape(shape)
