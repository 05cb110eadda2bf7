# SPDX-License-Identifier: Apache-2.0
"""Which of the targets of a run a process does: one of N parts, or those that failed."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from af2cpu.errors import InputError
from af2cpu.records import Query
from af2cpu.runs.failures import read_failure

Target = tuple[Query, Path]  # and its folder


@dataclass(frozen=True)
class Shard:
    """One of `count` parts of the targets; the first one is number 1."""

    number: int
    count: int


@dataclass(frozen=True)
class Selection:
    """All targets, unless less is asked for."""

    shard: Shard | None = None
    retry_failed: bool = False  # only targets that failed in their last run

    def chosen(self, targets: Sequence[Target], cost: Callable[[Query], float]) -> list[int]:
        """The numbers of the targets to do, in order. cost: of a target."""
        numbers = shard_of([query for query, _ in targets], self.shard, cost) if self.shard else range(len(targets))
        return [number for number in numbers if not self.retry_failed or read_failure(targets[number][1])]


ALL = Selection()


def read_selection(shard: str | None, *, retry_failed: bool) -> Selection:
    """From the options of a command. Raises InputError for a part that is not I/N."""
    if shard is None:
        return Selection(None, retry_failed)
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", shard)
    number, count = (int(part) for part in match.groups()) if match else (0, 0)
    if not 1 <= number <= count:
        raise InputError(f"--shard {shard}: must be I/N, part I of N, from 1/N to N/N, for example 3/16")
    return Selection(Shard(number, count), retry_failed)


def shard_of(queries: Sequence[Query], shard: Shard, cost: Callable[[Query], float]) -> list[int]:
    """The numbers of the queries of one part, in order.

    Equal sequences are kept together, since they share their search and their fold. The most expensive sequences are
    dealt out first, each to the part with the least so far: parts cost about the same, and long ones are spread. The
    parts depend on the sequences, their order and the settings alone: processes agree without talking to each other.
    """
    by_sequence: dict[str, list[int]] = {}
    for number, query in enumerate(queries):
        by_sequence.setdefault(query.sequence, []).append(number)
    costs = {sequence: cost(queries[numbers[0]]) for sequence, numbers in by_sequence.items()}
    parts = [(0.0, number) for number in range(1, shard.count + 1)]
    mine: list[int] = []
    for sequence, numbers in sorted(by_sequence.items(), key=lambda one: -costs[one[0]]):
        load, part = heapq.heappop(parts)
        heapq.heappush(parts, (load + costs[sequence], part))
        if part == shard.number:
            mine += numbers
    return sorted(mine)
