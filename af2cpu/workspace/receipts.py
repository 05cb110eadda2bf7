# SPDX-License-Identifier: Apache-2.0
"""A receipt is a small file beside an artefact with its key, the hash of its content and the stage's record.

It is in the hidden folder .af2cpu beside the artefact. Each artefact has its own: two processes never write the same.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import orjson

from af2cpu.formats.streams import HIDDEN, atomic_write, link_or_copy
from af2cpu.runs.records import from_json, to_json

_PART = 1 << 20

D = TypeVar("D")


@dataclass(frozen=True)
class Receipt(Generic[D]):
    """A finished artefact, and how it was made."""

    path: Path | None  # None for a stage that leaves no file of its own
    key: str
    content: str  # hash of the file; without a file, the record's own hash or the key
    done: D
    reused: bool = False  # made by an earlier run

    @property
    def file(self) -> Path:
        """The artefact. Raises ValueError for a stage without a file."""
        if self.path is None:
            raise ValueError("this stage leaves no file")
        return self.path


def content_hash(path: Path) -> str:
    """blake2b, 16 bytes, of a file's bytes. Raises OSError."""
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while part := file.read(_PART):
            digest.update(part)
    return digest.hexdigest()


def receipt_path(artefact: Path) -> Path:
    """Where the receipt of an artefact is."""
    return artefact.parent / HIDDEN / f"{artefact.name}.json"


def write_receipt(receipt: Receipt[Any], *, sync: bool = True) -> None:
    """Writes it beside its artefact, whole or not at all; sync: as of `atomic_write`. Raises OSError."""
    path = receipt_path(receipt.file)
    path.parent.mkdir(exist_ok=True)
    content = {"key": receipt.key, "content": receipt.content, "done": to_json(receipt.done)}
    with atomic_write(path, sync=sync) as file:
        file.write(orjson.dumps(content, option=orjson.OPT_INDENT_2))


def read_receipt(artefact: Path, done: type[D]) -> Receipt[D] | None:
    """The receipt of an artefact; None if it has none, or one that is damaged: then the artefact is made anew."""
    try:
        fields = orjson.loads(receipt_path(artefact).read_bytes())
        return Receipt(artefact, fields["key"], fields["content"], from_json(done, fields["done"]), reused=True)
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None


def is_unchanged(receipt: Receipt[Any]) -> bool:
    """Whether the artefact is still what the receipt says."""
    path = receipt.path
    return path is not None and path.is_file() and content_hash(path) == receipt.content


def share(receipt: Receipt[D], place: Path) -> Receipt[D]:
    """The same artefact at another place: a hard link, or a copy where the file system allows none. Raises OSError.

    Thousands of pairs share alignments: a receipt that is damaged by a crash of the system is written again, from
    another place.
    """
    shared = replace(receipt, path=link_or_copy(receipt.file, place))
    write_receipt(shared, sync=False)
    return shared
