# SPDX-License-Identifier: Apache-2.0
"""What a stage is: declared once, as a value. `pipeline/stages/` has all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import orjson

from af2cpu.workspace.receipts import Receipt

T = TypeVar("T")  # task: frozen plain data
D = TypeVar("D")  # what making it did: a record of af2cpu.runs.records

Inputs = Mapping[str, tuple[Receipt[Any], ...]]


@dataclass(frozen=True)
class Work(Generic[T]):
    """One artefact to make: the task, the proteins that need it, the artefacts that it is made from."""

    task: T
    places: Mapping[str, Path | None]  # by protein; None for a stage without a file
    inputs: Inputs = field(default_factory=dict)
    cache: Path | None = None  # a copy for other runs
    same: Receipt[Any] | None = None  # another protein's artefact with the same numbers; no part of the key
    kills: int = 0  # attempts at it that lack of memory has ended: it is to be made with less then

    def one(self, name: str) -> Receipt[Any]:
        """The input of which there is one."""
        (receipt,) = self.inputs[name]
        return receipt

    def all(self, name: str) -> tuple[Receipt[Any], ...]:
        """The inputs of one name, in order; none if there are none."""
        return self.inputs.get(name, ())

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the proteins that need it."""
        return tuple(self.places)

    @property
    def file(self) -> Path:
        """Where the artefact is made: the place of the first protein. Raises ValueError for a stage without a file."""
        path = next(iter(self.places.values()))
        if path is None:
            raise ValueError("this stage leaves no file")
        return path

    @property
    def has_file(self) -> bool:
        """Whether there is a place for the artefact."""
        return next(iter(self.places.values()), None) is not None

    @property
    def files(self) -> Iterator[Path]:
        """All places of the artefact, the cache last; none for a stage without a file."""
        yield from (path for path in (*self.places.values(), self.cache) if path is not None)

    @property
    def folder(self) -> Path:
        """The folder that the artefact goes into."""
        return self.file.parent


def _always_intact(work: Work[Any], done: Any) -> bool:
    return True


def _what_was_done(receipt: Receipt[D]) -> D:
    return receipt.done


def _nothing_kept(work: Work[Any]) -> None:
    return None


@dataclass(frozen=True)
class Stage(Generic[T, D]):
    """A kind of artefact and how it is made.

    `make` gets all works of a node that are not current, with the cores that it may use, and yields each work with its
    record as soon as its file is complete.
    """

    name: str
    version: int  # a change makes all artefacts made before stale
    done: type[D]
    depends_on: Callable[[Work[T]], Mapping[str, Any]]  # everything that the artefact depends on, as JSON's values
    make: Callable[[Sequence[Work[T]], int], Iterator[tuple[Work[T], D]]]
    read: Callable[[Receipt[D]], Any] = _what_was_done  # the artefact as a record
    intact: Callable[[Work[T], D], bool] = _always_intact  # whether files made beside the artefact are unchanged
    kept: Callable[[Work[T]], D | None] = _nothing_kept  # without a file: its record if nothing has to be made

    def key(self, work: Work[T]) -> str:
        """The hash of everything that the artefact depends on."""
        content = {"stage": self.name, "version": self.version, **self.depends_on(work)}
        return hashlib.blake2b(orjson.dumps(content, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def each(make_one: Callable[[Work[T], int], D]) -> Callable[[Sequence[Work[T]], int], Iterator[tuple[Work[T], D]]]:
    """`Stage.make` of a stage that makes its artefacts one by one."""

    def make(works: Sequence[Work[T]], cores: int) -> Iterator[tuple[Work[T], D]]:
        for work in works:
            yield work, make_one(work, cores)

    return make
