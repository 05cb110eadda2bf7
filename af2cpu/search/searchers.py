# SPDX-License-Identifier: Apache-2.0
"""One thread's search of one database: behind the native filter or, where that is missing, by HMMER alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
from pyhmmer.plan7 import OptimizedProfile, Pipeline

from af2cpu.errors import DatabaseError
from af2cpu.search.hits import PartialHits
from af2cpu.search.index import Shard
from af2cpu.search.msv import MsvFilter
from af2cpu.search.reading import FastaMemory, ShardReader
from af2cpu.search.targets import PartReader, check_counts, unreadable

_BLOCK_PROFILES = 3  # minimum for parsing a shard once for all profiles: measured, quiet machine, 2 threads
_WAITING_BYTES = 1 << 20  # of the survivors' FASTA, before HMMER's pipeline takes them


class Searcher(Protocol):
    """Searches parts of a database by number. One per thread; a context manager."""

    hits: list[PartialHits]  # by profile
    passed: np.ndarray  # int64, by profile: targets that HMMER's pipeline has seen

    def __enter__(self) -> Searcher: ...

    def __exit__(self, *error: object) -> None: ...

    def search(self, number: int) -> int:
        """Searches a part; the number of hits that were added."""
        ...

    def finish(self) -> int:
        """Searches what has been put off; the number of hits that were added."""
        ...


class ScreenedSearcher:
    """HMMER's pipeline sees the targets that pass the filter. Survivors of several parts are searched together."""

    def __init__(
        self,
        opened: AbstractContextManager[PartReader],
        screen: MsvFilter,
        pipeline: Pipeline,
        profiles: list[OptimizedProfile],
    ) -> None:
        self._opened = opened
        self._screen = screen
        self._pipeline = pipeline
        self._profiles = profiles
        self._memory = FastaMemory()
        self._waiting: list[list[bytes]] = [[] for _ in profiles]
        self._waiting_bytes = [0] * len(profiles)
        self.hits = [PartialHits(profile) for profile in profiles]
        self.passed = np.zeros(len(profiles), np.int64)

    def __enter__(self) -> ScreenedSearcher:
        self._reader = self._opened.__enter__()
        self._memory.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._memory.__exit__(*error)
        self._opened.__exit__(None, None, None)

    def search(self, number: int) -> int:
        """As `Searcher.search`."""
        part = self._reader.read(number)
        survivors = self._screen.survivors(part.residues, part.offsets, part.lengths)
        self.passed += np.count_nonzero(survivors, axis=1)
        n_hits = 0
        for q, passes in enumerate(survivors):
            lanes = np.flatnonzero(passes)
            if lanes.size:
                text = part.fasta(lanes)
                self._waiting[q].append(text)
                self._waiting_bytes[q] += len(text)
                if self._waiting_bytes[q] >= _WAITING_BYTES:
                    n_hits += self._search_waiting(q)
        return n_hits

    def finish(self) -> int:
        """As `Searcher.finish`."""
        return sum(self._search_waiting(q) for q, texts in enumerate(self._waiting) if texts)

    def _search_waiting(self, q: int) -> int:
        self._memory.write(self._waiting[q])
        self._waiting[q], self._waiting_bytes[q] = [], 0
        with self._memory.sequences() as targets:
            found = self._pipeline.search_hmm(self._profiles[q], targets)
        self._pipeline.clear()
        self.hits[q].add(found)
        return len(found)


class ShardSearcher:
    """HMMER's pipeline sees all targets of a FASTA file, shard by shard."""

    def __init__(
        self, fasta: Path, shards: tuple[Shard, ...], pipeline: Pipeline, profiles: list[OptimizedProfile]
    ) -> None:
        self._fasta, self._shards = fasta, shards
        self._pipeline = pipeline
        self._profiles = profiles
        self._reader = ShardReader(fasta)
        self.hits = [PartialHits(profile) for profile in profiles]
        self.passed = np.zeros(len(profiles), np.int64)

    def __enter__(self) -> ShardSearcher:
        self._reader.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._reader.__exit__(*error)

    def search(self, number: int) -> int:
        """As `Searcher.search`."""
        shard = self._shards[number]
        if shard.n_seq == 0:  # only records that are too long: pyhmmer refuses empty files
            return 0
        self._reader.load(shard)
        self.passed += shard.n_seq
        with _readable(self._fasta, shard):
            return self._search_stream(shard) if len(self._profiles) < _BLOCK_PROFILES else self._search_blocks(shard)

    def finish(self) -> int:
        """As `Searcher.finish`."""
        return 0

    def _search_stream(self, shard: Shard) -> int:
        n_hits = 0
        for profile, hits in zip(self._profiles, self.hits, strict=True):
            with self._reader.sequences() as targets:
                found = self._pipeline.search_hmm(profile, targets)
            self._pipeline.clear()
            check_counts(self._fasta, shard, found.searched_sequences, found.searched_residues)
            hits.add(found)
            n_hits += len(found)
        return n_hits

    def _search_blocks(self, shard: Shard) -> int:
        n_seq = n_res = n_hits = 0
        for block in self._reader.blocks():
            n_seq += len(block)
            n_res += sum(map(len, block))
            for profile, hits in zip(self._profiles, self.hits, strict=True):
                found = self._pipeline.search_hmm(profile, block)
                self._pipeline.clear()
                hits.add(found)
                n_hits += len(found)
        check_counts(self._fasta, shard, n_seq, n_res)
        return n_hits


@contextmanager
def _readable(fasta: Path, shard: Shard) -> Iterator[None]:
    try:
        yield
    except (ValueError, EOFError) as error:
        if isinstance(error, DatabaseError):
            raise
        raise unreadable(fasta, shard, error) from error
