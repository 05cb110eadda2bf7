# SPDX-License-Identifier: Apache-2.0
"""A note beside an artefact while it is made: if the process is killed, the next one knows what it died of.

A killed process can't say that memory was short. The system counts such kills; the note holds the count before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import orjson

from af2cpu.cores import available_memory, memory_kills, memory_was_short
from af2cpu.errors import InputError
from af2cpu.formats.streams import HIDDEN
from af2cpu.runs.records import from_json, to_json

MOST_KILLS = 2  # attempts at an artefact that lack of memory may end
_SIMILAR = 1.1  # of memory: less than this more than it had makes no difference


@dataclass(frozen=True)
class Attempt:
    """An artefact in work."""

    key: str  # of the artefact
    kills: int  # attempts before this one that lack of memory ended
    memory: int  # bytes that were free
    counts: Mapping[str, int]  # memory_kills() at its beginning


def killed_before(artefact: Path, key: str) -> int:
    """How many attempts at this very artefact were ended by lack of memory, with no less memory than there is now.

    Raises InputError if that were so many that another one is of no use.
    """
    attempt = _read(artefact)
    if attempt is None or attempt.key != key:
        return 0
    free = available_memory()
    if free > _SIMILAR * attempt.memory:
        return 0
    kills = attempt.kills + memory_was_short(attempt.counts, memory_kills())
    if kills < MOST_KILLS:
        return kills
    raise InputError(
        f"{artefact}: {kills} attempts were killed for lack of memory, the last one with {attempt.memory / 1e9:.1f} GB "
        f"free; {free / 1e9:.1f} GB are free now; lower --max-msa, cut the sequence, or use a machine with more memory"
    )


@contextmanager
def in_work(artefacts: Iterable[tuple[Path, str, int]]) -> Iterator[None]:
    """Within this block the artefacts, each with its key and its kills, are noted to be in work."""
    memory, counts = available_memory(), memory_kills()
    noted = [path for path, key, kills in artefacts if _write(path, Attempt(key, kills, memory, counts))]
    try:
        yield
    finally:
        for path in noted:
            with suppress(OSError):
                _note(path).unlink(missing_ok=True)


def _note(artefact: Path) -> Path:
    return artefact.parent / HIDDEN / f"{artefact.name}.attempt"


def _write(artefact: Path, attempt: Attempt) -> bool:
    """Without fsync: it is for kills of the process, not for crashes of the system."""
    try:
        _note(artefact).parent.mkdir(exist_ok=True)
        _note(artefact).write_bytes(orjson.dumps(to_json(attempt)))
    except OSError:  # what is wrong with the folder shows when the artefact is written
        return False
    return True


def _read(artefact: Path) -> Attempt | None:
    try:
        return from_json(Attempt, orjson.loads(_note(artefact).read_bytes()))
    except (OSError, ValueError):
        return None
