"""Refuses what can't fit in memory before the search, not after hours of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from af2cpu.errors import InputError
from af2cpu.records import Query


def check_memory(queries: Iterable[Query], available: int, predicted: Callable[[int], int]) -> None:
    """Raises InputError for the first query whose peak, `predicted` from its residues, is above `available` bytes."""
    for query in queries:
        needed = predicted(query.n_res)
        if needed > available:
            raise InputError(
                f"{query.source} ({query.name}): {query.n_res} residues need about {needed / 1e9:.1f} GB and "
                f"{available / 1e9:.1f} GB are free; lower --max-msa (such as 256:512), use --precision bf16, "
                "cut the sequence into domains, or use a machine with more memory"
            )
