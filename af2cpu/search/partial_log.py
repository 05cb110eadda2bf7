# SPDX-License-Identifier: Apache-2.0
"""The log of an interruptible job: a JSON line for each part that is done, after a line that identifies the job.

Each line begins with a checksum of what follows: a damaged log is begun anew.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import orjson

from af2cpu.formats.streams import naming


class PartialLog:
    """A context manager. `done`: the entries of an earlier run of the same job."""

    def __init__(self, path: Path, job: dict[str, Any]) -> None:
        self._path = path
        self._job = job
        self.done = self._read()

    def _read(self) -> list[Any]:
        if not self._path.exists():
            return []
        lines = self._path.read_bytes().split(b"\n")[:-1]  # text after the last line end was cut off by a kill
        try:
            entries = [_entry(line) for line in lines]
        except ValueError:  # damaged: all is done again
            return []
        return entries[1:] if entries and entries[0] == self._job else []

    def __enter__(self) -> PartialLog:
        # Written anew, so that a line that a kill cut in half can't be glued to the next.
        with naming(self._path):
            self._path.write_bytes(b"".join(map(_line, (self._job, *self.done))))
            self._file = self._path.open("ab", buffering=0)
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def add(self, entry: Any) -> None:
        """Notes a part that is done."""
        with naming(self._path):
            self._file.write(_line(entry))

    def remove(self) -> None:
        """Once the job is done."""
        self._path.unlink()


def _line(entry: Any) -> bytes:
    text = orjson.dumps(entry)
    return _checksum(text) + b" " + text + b"\n"


def _entry(line: bytes) -> Any:
    """Raises ValueError for a line that is not as it was written."""
    check, _, text = line.partition(b" ")
    if check != _checksum(text):
        raise ValueError("the line is damaged")
    return orjson.loads(text)


def _checksum(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=8).hexdigest().encode()
