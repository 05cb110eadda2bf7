# SPDX-License-Identifier: Apache-2.0
"""Obtaining artefacts: the only code that asks whether one is current, has it made, and records it.

An artefact is current if the key in its receipt equals the key of the present inputs and settings, and its file is
unchanged. An error belongs to the artefact that caused it: the other artefacts of a node are made nevertheless.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache as once
from pathlib import Path
from typing import Any, Generic, TypeVar

from af2cpu import events
from af2cpu.errors import DatabaseError, InputError, SharedError
from af2cpu.formats.streams import sweep_abandoned
from af2cpu.workspace.crash_notes import in_work, killed_before
from af2cpu.workspace.receipts import Receipt, content_hash, is_unchanged, read_receipt, share, write_receipt
from af2cpu.workspace.stage import Stage, Work

T = TypeVar("T")
D = TypeVar("D")


@dataclass(frozen=True)
class Obtained(Generic[D]):
    """The result of a work for each protein that needs it: a receipt or an error."""

    receipts: Mapping[str, Receipt[D]]
    errors: Mapping[str, Exception]


def look(stage: Stage[T, D], work: Work[T]) -> Receipt[D] | None:
    """The artefact if it is current, at any of its places; None if it has to be made. Writes nothing."""
    files = list(work.files)
    if not files:
        done = stage.kept(work)
        return None if done is None else _without_file(stage, work, done, reused=True)
    key = stage.key(work)
    return next((receipt for place in files if (receipt := _current(stage, work, place, key))), None)


def _current(stage: Stage[T, D], work: Work[T], place: Path, key: str) -> Receipt[D] | None:
    receipt = read_receipt(place, stage.done)
    current = (
        receipt is not None
        and receipt.key == key
        and is_unchanged(receipt)
        and stage.intact(replace(work, places={"": place}), receipt.done)
    )
    return receipt if current else None


def obtain(stage: Stage[T, D], works: Sequence[Work[T]], cores: int) -> list[Obtained[D]]:
    """The artefacts of `works`, in order: current ones are reused, the others are made and recorded.

    Raises DatabaseError for a database that can't be searched: no artefact of the node can be made then.
    """
    results: dict[int, Receipt[D] | Exception] = {}
    stale: dict[int, Work[T]] = {}
    unusable: dict[int, dict[str, Exception]] = {}
    for number, work in enumerate(works):
        try:
            receipt = look(stage, work)
        except DatabaseError:
            raise
        except Exception as error:
            results[number] = error
            continue
        if receipt is not None:
            results[number] = receipt
            continue
        usable, unusable[number] = _with_folders(work)
        try:
            stale[number] = _after_kills(stage, usable)
        except InputError as error:
            results[number] = error
    stale = {number: work for number, work in stale.items() if work.places}
    if stale:
        with in_work((work.file, stage.key(work), work.kills) for work in stale.values() if work.has_file):
            _make(stage, stale, cores, results)
    return [_at_all_places(results.get(number), work, unusable.get(number, {})) for number, work in enumerate(works)]


def _after_kills(stage: Stage[T, D], work: Work[T]) -> Work[T]:
    """The work with the number of attempts at it that lack of memory has ended. Raises InputError for too many."""
    kills = killed_before(work.file, stage.key(work)) if work.has_file else 0
    if kills:
        about = work.targets[0] if len(work.targets) == 1 else ""
        text = f"{work.file.name}: an earlier attempt was killed for lack of memory; now it is made with less memory"
        events.emit("warning", text, target=about)
    return replace(work, kills=kills)


def _with_folders(work: Work[T]) -> tuple[Work[T], dict[str, Exception]]:
    """The work without the places whose folders can't be made, and the errors of these."""
    errors: dict[str, Exception] = {}
    for target, path in work.places.items():
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            errors[target] = error
    usable = {target: path for target, path in work.places.items() if target not in errors}
    return replace(work, places=usable), errors


def _make(
    stage: Stage[T, D], works: Mapping[int, Work[T]], cores: int, results: dict[int, Receipt[D] | Exception]
) -> None:
    """Makes artefacts together; after an error those that are missing, in halves, until the error is one artefact's."""
    if not works:
        return
    numbers = {id(work): number for number, work in works.items()}
    try:
        for work, done in stage.make(list(works.values()), cores):
            results[numbers[id(work)]] = _record(stage, work, done)
    except DatabaseError:
        raise
    except SharedError as error:
        results.update((number, error) for number in works if number not in results)
    except Exception as error:
        missing = [number for number in works if number not in results]
        if not missing:
            raise
        if len(works) == 1:
            results[missing[0]] = error
            return
        middle = (len(missing) + 1) // 2
        for half in (missing[:middle], missing[middle:]):
            _make(stage, {number: works[number] for number in half}, cores, results)


def _record(stage: Stage[T, D], work: Work[T], done: D) -> Receipt[D]:
    if not list(work.files):
        return _without_file(stage, work, done, reused=False)
    receipt = Receipt(work.file, stage.key(work), content_hash(work.file), done)
    write_receipt(receipt)
    return receipt


def _without_file(stage: Stage[T, D], work: Work[T], done: D, *, reused: bool) -> Receipt[D]:
    key = stage.key(work)
    return Receipt(None, key, getattr(done, "hash", key), done, reused)


def _at_all_places(
    result: Receipt[D] | Exception | None, work: Work[Any], unusable: Mapping[str, Exception]
) -> Obtained[D]:
    """Shares an artefact with the proteins that need it and with the cache."""
    receipts: dict[str, Receipt[D]] = {}
    errors = dict(unusable)
    for target, place in work.places.items():
        if target in errors:
            continue
        try:
            if isinstance(result, Exception):
                errors[target] = result
            elif result is not None:
                receipts[target] = _at(result, place)
        except OSError as error:
            errors[target] = error
    if isinstance(result, Receipt) and work.cache:
        _keep(result, work.cache)
    return Obtained(receipts, errors)


_sweep_once = once(sweep_abandoned)


def _keep(receipt: Receipt[Any], cache: Path) -> None:
    try:
        _sweep_once(cache.parent)
        _at(receipt, cache)
    except OSError as error:  # not needed by this run
        events.emit("warning", f"{cache}: nothing can be kept there: {error}")


def _at(receipt: Receipt[D], place: Path | None) -> Receipt[D]:
    """The receipt of the artefact at a place; shares the file with that place if it is not there yet."""
    if place is None or receipt.path is None or place == receipt.path:
        return receipt
    there = read_receipt(place, type(receipt.done))
    same = there is not None and (there.key, there.content) == (receipt.key, receipt.content)
    if same and place.is_file() and (place.samefile(receipt.path) or content_hash(place) == receipt.content):
        return replace(receipt, path=place)
    return share(receipt, place)
