# SPDX-License-Identifier: Apache-2.0
"""Searches databases in parts with profiles on all cores; the merged hits equal those of one serial pass.

HMMER's pipeline sees the targets that pass our own exact copy of its first filter. It runs with Z set to the whole
database and domZ never set, and the parts are merged before anything is cut or written: so any superset of the targets
that pass gives the same alignment to the byte. Memory is a part of the database per thread, and the hits.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from pyhmmer.plan7 import OptimizedProfile, Pipeline, TopHits

from af2cpu import events
from af2cpu.errors import DatabaseError
from af2cpu.ops import isa
from af2cpu.search.databases import Way
from af2cpu.search.hits import merge
from af2cpu.search.index import Index
from af2cpu.search.msv import MsvFilter, is_fast
from af2cpu.search.reading import ALPHABET
from af2cpu.search.searchers import ScreenedSearcher, Searcher, ShardSearcher
from af2cpu.search.targets import targets_of
from af2cpu.search.thresholds import Thresholds

MANY_HITS = 500_000  # in memory together; above this a warning is logged
_HIT_BYTES = 7_000  # while they are merged: measured with 300 residues, benchmarks/search.py
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

    def own_profiles(self) -> list[OptimizedProfile]:
        """Copies of the profiles for one thread: a search writes into its profile."""
        return [profile.copy() for profile in self.profiles]


@dataclass(frozen=True)
class TaskHits:
    """The hits of a task."""

    hits: list[TopHits]  # by profile, sorted and thresholded as by one serial pass
    seconds: float  # the time of all threads on this task, divided by their number
    way: Way
    passed: list[int]  # by profile: targets that HMMER's pipeline has seen


def search(tasks: Sequence[Task], threads: int) -> list[TaskHits]:
    """The hits of each task's profiles.

    Raises DatabaseError if a database is not what its index says. Ctrl-C stops after the parts in flight.
    """
    threads = max(threads, 1)
    run = _Run([_Plan.of(task, threads) for task in tasks])
    workers = [threading.Thread(target=run.work, name=f"search-{i}", daemon=True) for i in range(threads)]
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
    return [run.hits_of(t) for t in range(len(tasks))]


@dataclass(frozen=True)
class _Plan:
    """How a task is searched."""

    task: Task
    way: Way
    n_res: Sequence[int]  # of each part of the database
    searcher: Callable[[], Searcher]  # for one thread

    @classmethod
    def of(cls, task: Task, threads: int) -> _Plan:
        """Behind the filter where it is faster than HMMER's own, or where there is no FASTA file to read.

        Raises DatabaseError for a packed file that can't be read.
        """
        if not isa.built():
            if not task.fasta.exists():
                raise DatabaseError(
                    f"{task.fasta}: only its packed file is there, which this installation can't read, since it has no "
                    "kernels; fetch the FASTA file, or install again where there is a C++ compiler"
                )
        elif is_fast() or not task.fasta.exists():
            targets = targets_of(task.fasta, task.index, threads)
            screen = MsvFilter(task.profiles, task.thresholds.F1)

            def screened() -> Searcher:
                return ScreenedSearcher(targets.open(), screen, task.pipeline(), task.own_profiles())

            return cls(task, targets.way, targets.n_res, screened)
        shards = task.index.shards

        def unscreened() -> Searcher:
            return ShardSearcher(task.fasta, shards, task.pipeline(), task.own_profiles())

        return cls(task, "without screen", [shard.n_res for shard in shards], unscreened)


class _Run:
    """State shared by the threads: waiting parts, hits, errors."""

    def __init__(self, plans: Sequence[_Plan]) -> None:
        self.plans = plans
        self.stop = threading.Event()
        self.errors: list[BaseException] = []
        self._searchers: list[list[Searcher]] = []  # [thread][task]
        self._lock = threading.Lock()
        self._seconds = [0.0] * len(plans)
        self._done = [0] * len(plans)
        self._hits = 0
        self._many_told = False
        self._waiting: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
        for t, plan in enumerate(plans):
            for number in range(len(plan.n_res)):
                self._waiting.put((t, number))

    def work(self) -> None:
        """Main loop of a thread: search parts until none is left."""
        try:
            with ExitStack() as stack:
                searchers = [stack.enter_context(plan.searcher()) for plan in self.plans]
                with self._lock:
                    self._searchers.append(searchers)
                while not self.stop.is_set() and (waiting := self._next()):
                    t, number = waiting
                    self._timed(t, self.plans[t].n_res[number], partial(searchers[t].search, number))
                for t, searcher in enumerate(searchers):
                    if not self.stop.is_set():
                        self._timed(t, 0, searcher.finish)
        except BaseException as error:  # raised again in the caller's thread
            self.errors.append(error)
            self.stop.set()

    def hits_of(self, t: int) -> TaskHits:
        """The hits of a task, once all threads have ended."""
        searchers = [of_thread[t] for of_thread in self._searchers]
        profiles = self.plans[t].task.profiles
        return TaskHits(
            hits=[merge(profile, [one.hits[p] for one in searchers]) for p, profile in enumerate(profiles)],
            seconds=self._seconds[t] / len(searchers),
            way=self.plans[t].way,
            passed=np.sum([one.passed for one in searchers], axis=0).tolist(),
        )

    def _next(self) -> tuple[int, int] | None:
        try:
            return self._waiting.get_nowait()
        except queue.Empty:
            return None

    def _timed(self, t: int, n_res: int, search: Callable[[], int]) -> None:
        began = time.perf_counter()
        n_hits = search()
        with self._lock:
            self._seconds[t] += time.perf_counter() - began
            self._done[t] += n_res
            self._hits += n_hits

    def tell(self) -> None:
        """Progress of each database, and a warning once many hits are in memory; from the caller's thread."""
        for plan, done in zip(self.plans, self._done, strict=True):
            events.emit("progress", plan.task.database, done=done, total=plan.task.index.n_res)
        if self._hits >= MANY_HITS and not self._many_told:
            self._many_told = True
            size = self._hits * _HIT_BYTES / 1e9
            events.emit(
                "warning",
                f"{self._hits:,} hits are in memory, about {size:.1f} GB and growing; search fewer sequences at a time",
            )
