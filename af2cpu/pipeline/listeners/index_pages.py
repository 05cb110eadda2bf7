# SPDX-License-Identifier: Apache-2.0
"""The index pages of a run, written anew while targets complete."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from af2cpu import events
from af2cpu.errors import InputError
from af2cpu.events import Event
from af2cpu.formats.streams import HIDDEN
from af2cpu.pipeline.listeners.throttle import pause_after
from af2cpu.runs.exclusive import exclusive
from af2cpu.runs.records import Pair

if TYPE_CHECKING:
    from af2cpu.outputs.report import Summaries

LOCK = "pages"  # file whose lock keeps two runs from writing the pages at the same time


class PairsNoted:
    """Listens to the events of an all-against-all run; lists its pairs in the results folder, for the table of pairs.

    Not before something is made: a database that can't be searched ends the run before it makes any folder.
    """

    def __init__(self, out: Path, pairs: Sequence[Pair]) -> None:
        self._out, self._pairs = out, pairs

    def __call__(self, event: Event) -> None:
        if event.kind == "started" and self._pairs:
            pairs, self._pairs = self._pairs, ()
            self._note(pairs)

    def _note(self, pairs: Sequence[Pair]) -> None:
        from af2cpu.outputs.report import note_pairs

        try:
            (self._out / HIDDEN).mkdir(parents=True, exist_ok=True)
            with exclusive(self._out / HIDDEN / LOCK, wait=True):
                note_pairs(self._out, pairs)
        except OSError as error:
            events.emit("warning", f"{self._out}: no table of pairs: {error}", target="")


class IndexPages:
    """Listens to the events of targets; after one is done or has failed, the pages are written, but not too often.

    The pages show targets of earlier runs too, whose damage is theirs and not this run's.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._known: dict[Path, Summaries] = {}
        self._lock = threading.Lock()
        self._changed = False
        self._next = 0.0  # when the pages may be written again, by time.monotonic()

    def __call__(self, event: Event) -> None:
        if self._changed and time.monotonic() >= self._next and self._lock.acquire(blocking=False):
            try:
                self._write()
            finally:
                self._lock.release()
        # A failure is recorded after its event: the pages show it from the next event on.
        self._changed = self._changed or event.kind in {"done", "failed"}

    def write(self) -> None:
        """Writes the pages now: at the end of the run."""
        with self._lock:
            self._write(wait=True)

    def _write(self, *, wait: bool = False) -> None:
        """wait: for another run that writes the same pages; it may have looked before our last target was done."""
        from af2cpu.outputs.report import Summaries, write_index

        self._changed = False
        start = time.monotonic()
        for folder in self._folders:
            try:
                (folder / HIDDEN).mkdir(exist_ok=True)
                with exclusive(folder / HIDDEN / LOCK, wait=wait) as taken:
                    if taken:
                        write_index(folder, self._known.setdefault(folder, Summaries(folder)))
                    self._changed = self._changed or not taken
            except (InputError, OSError) as error:
                events.emit("warning", f"{folder}: no index page: {error}", target="")
        self._next = time.monotonic() + pause_after(time.monotonic() - start)
