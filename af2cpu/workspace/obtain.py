"""Obtaining artefacts: the only code that asks whether one is current, has it made, and records it.

An artefact is current if its receipt has the key that it would be made with now, and its file is what it was then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from af2cpu.workspace.receipts import Receipt, content_hash, is_unchanged, read_receipt, share, write_receipt
from af2cpu.workspace.stage import Stage, Work

T = TypeVar("T")
D = TypeVar("D")


def look(stage: Stage[T, D], work: Work[T]) -> Receipt[D] | None:
    """The artefact if it is current, at whichever of its places; None if it has to be made. Writes nothing."""
    if work.path is None:
        done = stage.kept(work)
        return None if done is None else _without_file(stage, work, done, reused=True)
    key = stage.key(work)
    for place in (work.path, *work.copies):
        receipt = read_receipt(place, stage.done)
        if (
            receipt
            and receipt.key == key
            and is_unchanged(receipt)
            and stage.intact(replace(work, path=place), receipt.done)
        ):
            return receipt
    return None


def obtain(stage: Stage[T, D], works: Sequence[Work[T]], cores: int) -> list[Receipt[D]]:
    """The artefacts of `works`, in order: those that are current as they are, the others made now and recorded.

    Raises what the stage's `make` raises; what it had made until then is recorded.
    """
    found = [look(stage, work) for work in works]
    stale = [work for work, receipt in zip(works, found, strict=True) if receipt is None]
    made: dict[int, Receipt[D]] = {}
    if stale:
        for work in stale:
            if work.path is not None:
                work.folder.mkdir(parents=True, exist_ok=True)
        for work, done in stage.make(stale, cores):
            made[id(work)] = _record(stage, work, done)
    return [
        _at_all_places(receipt if receipt is not None else made[id(work)], work)
        for work, receipt in zip(works, found, strict=True)
    ]


def _record(stage: Stage[T, D], work: Work[T], done: D) -> Receipt[D]:
    if work.path is None:
        return _without_file(stage, work, done, reused=False)
    receipt = Receipt(work.path, stage.key(work), content_hash(work.file), done)
    write_receipt(receipt)
    return receipt


def _without_file(stage: Stage[T, D], work: Work[T], done: D, *, reused: bool) -> Receipt[D]:
    key = stage.key(work)
    return Receipt(None, key, getattr(done, "hash", key), done, reused)


def _at_all_places(receipt: Receipt[D], work: Work[Any]) -> Receipt[D]:
    """Shares the artefact with the places that lack it; the receipt of the first place."""
    places: list[Path] = [] if work.path is None else [work.path, *work.copies]
    receipts = [receipt if place == receipt.path else _shared(receipt, place) for place in places]
    return receipts[0] if receipts else receipt


def _shared(receipt: Receipt[D], place: Path) -> Receipt[D]:
    there = read_receipt(place, type(receipt.done))
    same = there is not None and (there.key, there.content) == (receipt.key, receipt.content)
    if same and place.is_file() and (place.samefile(receipt.file) or content_hash(place) == receipt.content):
        return replace(receipt, path=place)
    return share(receipt, place)
