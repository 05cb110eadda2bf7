# SPDX-License-Identifier: Apache-2.0
"""AlphaFold DB's classes of pLDDT and their colours."""

from __future__ import annotations

import numpy as np

BOUNDS = (50.0, 70.0, 90.0)  # a value on a bound belongs to the better class
COLOURS = ("#ff7d45", "#ffdb13", "#65cbf3", "#0053d6")  # very low, low, confident, very high
NAMES = ("very low", "low", "confident", "very high")
_LETTERS = np.array(list("DLMH"))  # disordered, low, medium, high


def categories(plddt: np.ndarray) -> list[str]:
    """A letter for each value: D below 50, L below 70, M below 90, else H.

    Raises ValueError for values that are not from 0 to 100, NaN among them (the mean of bins in float32 may pass 100 by
    less than 1e-3).
    """
    values = np.asarray(plddt)
    odd = values[~((values >= 0) & (values <= 100.001))]
    if odd.size:
        raise ValueError(f"pLDDT must be from 0 to 100, not {odd[0]}")
    return _LETTERS[np.searchsorted(BOUNDS, values, side="right")].tolist()
