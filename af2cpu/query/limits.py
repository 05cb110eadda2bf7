"""Refuses what can't fit in memory before the search, not after hours of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from af2cpu.errors import InputError
from af2cpu.records import Query

_BASE = 0.7e9  # bytes: interpreter, libraries and packed parameters
_PAIR = 256.0  # bytes per residue pair: one pair tensor of 128 channels in bf16
_MSA = 1.58e6  # bytes per residue: 512 MSA rows, 5,120 extra rows and their outer product


def predicted_memory(n_res: int) -> int:
    """Bytes that predicting n_res residues takes at its peak, bf16, full MSA, four templates.

    The design's bound (trunk 2.5 pair tensors and the MSA's terms, templates 3.5), not a measurement.
    """
    pair = _PAIR * n_res**2
    return int(_BASE + max(2.5 * pair + _MSA * n_res, 3.5 * pair))


def check_memory(queries: Iterable[Query], available: int, predicted: Callable[[int], int] = predicted_memory) -> None:
    """Raises InputError for the first query whose predicted peak is above `available` bytes."""
    for query in queries:
        needed = predicted(query.n_res)
        if needed > available:
            raise InputError(
                f"{query.source} ({query.name}): {query.n_res} residues need about {needed / 1e9:.1f} GB and "
                f"{available / 1e9:.1f} GB are free; use a machine with more memory, cut the sequence into domains, "
                "or run `af2cpu search` alone"
            )
