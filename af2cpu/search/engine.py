"""Searches shards of databases with profiles on all cores; the merged hits equal those of one serial pass.

Each shard is searched with Z set to the whole database, domZ never set, and the parts are merged before anything is cut
or written. Memory is a shard and a pool of sequences per thread, and the hits.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pyhmmer.easel import Alphabet
from pyhmmer.plan7 import OptimizedProfile, Pipeline, TopHits

from af2cpu import events
from af2cpu.errors import DatabaseError
from af2cpu.search.index import Index, Shard
from af2cpu.search.reading import ShardReader
from af2cpu.search.screen import Screen
from af2cpu.search.thresholds import Thresholds

ALPHABET = Alphabet.amino()
_BLOCK_PROFILES = 3  # minimum for parsing a shard once for all profiles: measured, quiet machine, 2 threads
MANY_HITS = 500_000  # in memory together; above this a warning is logged
_HIT_BYTES = 7_000  # while they are merged: measured with 300 residues, benchmarks/search.py
_MERGE = 64  # parts that are merged at a time
_POLL = 0.2  # seconds between looks for Ctrl-C


@dataclass(frozen=True)
class Task:
    """Profiles to search in one database."""

    database: str
    fasta: Path
    index: Index
    profiles: Sequence[OptimizedProfile]
    thresholds: Thresholds

    def pipeline(self) -> Pipeline:
        """HMMER's pipeline with the whole database's size, so that a shard's E-values are the database's."""
        t = self.thresholds
        return Pipeline(
            ALPHABET,
            seed=42,  # HMMER's own default: same draws, same domains
            Z=self.index.n_seq,
            E=t.E,
            incE=t.incE,
            domE=t.domE,
            incdomE=t.incdomE,
            F1=t.F1,
            F2=t.F2,
            F3=t.F3,
        )


@dataclass(frozen=True)
class TaskHits:
    """The hits of a task."""

    hits: list[TopHits]  # by profile, sorted and thresholded as by one serial pass
    seconds: float  # the time of all threads on this task, divided by their number


class PartialHits:
    """Collects the parts of one profile's hits; few and empty parts cost nothing, each hit is copied rarely."""

    def __init__(self, profile: OptimizedProfile) -> None:
        self._profile = profile
        self._levels: list[list[TopHits]] = [[]]

    def add(self, part: TopHits) -> None:
        """Adds a part. Parts are merged in a tree of _MERGE branches, so that each hit is copied once per level."""
        if len(part) == 0:
            return
        level = 0
        self._levels[0].append(part)
        while len(self._levels[level]) == _MERGE:
            merged = TopHits(self._profile).merge(*self._levels[level])
            self._levels[level] = []
            level += 1
            if level == len(self._levels):
                self._levels.append([])
            self._levels[level].append(merged)

    def parts(self) -> Iterator[TopHits]:
        """The merged parts."""
        for level in self._levels:
            yield from level


def search(tasks: Sequence[Task], threads: int, screen: Screen | None = None) -> list[TaskHits]:
    """The hits of each task's profiles.

    Raises DatabaseError if a database is not what its index says. Ctrl-C stops after the shards in flight.
    """
    run = _Run(tasks, screen)
    workers = [threading.Thread(target=run.work, name=f"search-{i}", daemon=True) for i in range(max(threads, 1))]
    for worker in workers:
        worker.start()
    try:
        while alive := [worker for worker in workers if worker.is_alive()]:
            alive[0].join(_POLL)  # in short waits: Ctrl-C is seen between them
            run.tell()
    finally:
        run.stop.set()
        for worker in workers:
            worker.join()
    if run.errors:
        raise run.errors[0]
    run.tell()  # the last thread may have ended between two waits
    return [
        TaskHits(
            [_merge(profile, [part[t][p] for part in run.collected]) for p, profile in enumerate(task.profiles)],
            run.seconds[t] / len(workers),
        )
        for t, task in enumerate(tasks)
    ]


def _merge(profile: OptimizedProfile, collected: Sequence[PartialHits]) -> TopHits:
    parts = [part for hits in collected for part in hits.parts()]
    return TopHits(profile).merge(*parts) if parts else TopHits(profile)


class _Run:
    """State shared by the threads: waiting shards, hits, errors."""

    def __init__(self, tasks: Sequence[Task], screen: Screen | None) -> None:
        self.tasks = tasks
        self.screen = screen
        self.stop = threading.Event()
        self.errors: list[BaseException] = []
        self.collected: list[list[list[PartialHits]]] = []  # [thread][task][profile]
        self._lock = threading.Lock()
        self.seconds = [0.0] * len(tasks)
        self._done = [0] * len(tasks)
        self._hits = 0
        self._many_told = False
        self._waiting: queue.SimpleQueue[tuple[int, Shard]] = queue.SimpleQueue()
        for t, task in enumerate(tasks):
            for shard in task.index.shards:
                self._waiting.put((t, shard))

    def work(self) -> None:
        """Main loop of a thread: search shards until none is left."""
        try:
            with ExitStack() as stack:
                searchers = [_Searcher(task, self.screen, stack) for task in self.tasks]
                with self._lock:
                    self.collected.append([searcher.hits for searcher in searchers])
                while not self.stop.is_set():
                    t, shard = self._waiting.get_nowait()
                    began = time.perf_counter()
                    n_hits = searchers[t].search(shard)
                    self._report(t, shard, n_hits, time.perf_counter() - began)
        except queue.Empty:
            return
        except BaseException as error:  # raised again in the caller's thread
            self.errors.append(error)
            self.stop.set()

    def _report(self, t: int, shard: Shard, n_hits: int, seconds: float) -> None:
        with self._lock:
            self.seconds[t] += seconds
            self._done[t] += shard.n_res
            self._hits += n_hits

    def tell(self) -> None:
        """Progress of each database, and a warning once many hits are in memory; from the caller's thread."""
        for task, done in zip(self.tasks, self._done, strict=True):
            events.emit("progress", task.database, done=done, total=task.index.n_res)
        if self._hits >= MANY_HITS and not self._many_told:
            self._many_told = True
            size = self._hits * _HIT_BYTES / 1e9
            events.emit(
                "warning",
                f"{self._hits:,} hits are in memory, about {size:.1f} GB and growing; search fewer sequences at a time",
            )


class _Searcher:
    """One thread's search of one task."""

    def __init__(self, task: Task, screen: Screen | None, stack: ExitStack) -> None:
        self._task = task
        self._screen = screen
        self._pipeline = task.pipeline()
        self._reader = stack.enter_context(ShardReader(task.fasta, ALPHABET))
        self._profiles = [profile.copy() for profile in task.profiles]  # a search writes into its profile
        self.hits = [PartialHits(profile) for profile in self._profiles]

    def search(self, shard: Shard) -> int:
        """Adds the shard's hits to `hits`; their number."""
        if shard.n_seq == 0:  # only records that are too long: pyhmmer refuses empty files
            return 0
        path = self._reader.load(shard)
        with self._readable(shard):
            if self._screen is None and len(self._profiles) < _BLOCK_PROFILES:
                return self._search_stream(shard, path)
            return self._search_blocks(shard, path)

    def _search_stream(self, shard: Shard, path: str) -> int:
        n_hits = 0
        for profile, hits in zip(self._profiles, self.hits, strict=True):
            with self._reader.sequences(path) as targets:
                found = self._pipeline.search_hmm(profile, targets)
            self._pipeline.clear()
            self._check(shard, found.searched_sequences, found.searched_residues)
            hits.add(found)
            n_hits += len(found)
        return n_hits

    def _search_blocks(self, shard: Shard, path: str) -> int:
        n_seq = n_res = n_hits = 0
        for block in self._reader.blocks(path):
            n_seq += len(block)
            n_res += sum(map(len, block))
            for profile, hits in zip(self._profiles, self.hits, strict=True):
                targets = self._screen(profile, block) if self._screen else block
                found = self._pipeline.search_hmm(profile, targets)
                self._pipeline.clear()
                hits.add(found)
                n_hits += len(found)
        self._check(shard, n_seq, n_res)
        return n_hits

    def _check(self, shard: Shard, n_seq: int, n_res: int) -> None:
        if (n_seq, n_res) != (shard.n_seq, shard.n_res):
            raise DatabaseError(
                f"{self._task.fasta}: bytes {shard.offset:,} to {shard.offset + shard.length:,} hold {n_seq} sequences "
                f"and {n_res} residues where the index says {shard.n_seq} and {shard.n_res}; the file has changed "
                "since it was indexed, fetch it again or run af2cpu db index"
            )

    @contextmanager
    def _readable(self, shard: Shard) -> Iterator[None]:
        try:
            yield
        except (ValueError, EOFError) as error:
            if isinstance(error, DatabaseError):
                raise
            raise DatabaseError(
                f"{self._task.fasta}: bytes {shard.offset:,} to {shard.offset + shard.length:,} can't be read as FASTA "
                f"({error}); the file has changed since it was indexed, fetch it again"
            ) from error
