# SPDX-License-Identifier: Apache-2.0
"""Refuses what can't fit in memory before the search, not after hours of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from af2cpu.errors import InputError
from af2cpu.records import Query


def check_memory(queries: Iterable[Query], available: int, peaks: Mapping[str, float]) -> None:
    """Raises InputError for the first query that needs more than `available` bytes. peaks: bytes by name."""
    for query in queries:
        needed = peaks[query.name]
        if needed > available:
            raise InputError(
                f"{query.source} ({query.name}): {query.n_res} residues need about {needed / 1e9:.1f} GB and "
                f"{available / 1e9:.1f} GB are free; lower --max-msa (such as 256:512), use --precision bf16, "
                "cut the sequence into domains, or use a machine with more memory"
            )
