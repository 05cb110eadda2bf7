"""A target's folder: which of its files are still right.

A file is used again if its key and its contents are those of last time. The key is a hash of all that the file depends
on: inputs by content, settings, the version of the stage that made it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from filelock import FileLock, Timeout

from af2cpu.errors import InputError
from af2cpu.formats.streams import TEMPORARY, atomic_write

KEYS = "keys.json"
_PART = 1 << 20


def content_hash(path: Path) -> str:
    """blake2b, 16 bytes, of a file's bytes."""
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while part := file.read(_PART):
            digest.update(part)
    return digest.hexdigest()


def key_of(stage: str, **inputs: Any) -> str:
    """The key of a stage's output from everything that it depends on (values that JSON can hold)."""
    text = orjson.dumps({"stage": stage, **inputs}, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; empty if there is none or it was damaged: then nothing is known."""
    try:
        content = orjson.loads(path.read_bytes()) if path.is_file() else {}
    except orjson.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}


@dataclass(frozen=True)
class Target:
    """The folder of one query's results."""

    folder: Path

    @property
    def msas(self) -> Path:
        """AlphaFold's folder for alignments."""
        return self.folder / "msas"

    @property
    def features(self) -> Path:
        """The raw features."""
        return self.folder / "features.npz"

    def is_current(self, path: Path, key: str) -> bool:
        """Whether `path` was made with `key` and has not been touched since."""
        entry = self.read_json(KEYS).get(self._name(path))
        return entry is not None and entry["key"] == key and path.is_file() and content_hash(path) == entry["content"]

    def made(self, path: Path, key: str) -> None:
        """Records that `path` was made with `key`."""
        keys = self.read_json(KEYS) | {self._name(path): {"key": key, "content": content_hash(path)}}
        self.write_json(KEYS, keys)

    def write_json(self, name: str, content: Any) -> None:
        """Writes a JSON file into the folder, whole or not at all."""
        with atomic_write(self.folder / name) as file:
            file.write(orjson.dumps(content, option=orjson.OPT_INDENT_2))

    def read_json(self, name: str) -> dict[str, Any]:
        """A JSON object of the folder; empty if there is none or it was damaged: then nothing is known."""
        return read_json(self.folder / name)

    def log(self, line: str) -> None:
        """Appends a line with its time to log.txt, once there is a folder. Raises OSError."""
        if self.folder.is_dir():
            with (self.folder / "log.txt").open("a") as file:
                file.write(f"{datetime.now().astimezone().isoformat(timespec='seconds')} {line}\n")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps a second run off this folder. A lock whose run has died is free. Raises InputError if it is held."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise InputError(f"{self.folder}: another run is at work here; wait for it, or use another -o") from error
        try:
            self._sweep()
            yield
        finally:
            lock.release()

    def _sweep(self) -> None:
        """Removes the temporary files of a run that was killed while it wrote."""
        for path in self.folder.rglob(f".*{TEMPORARY}"):
            path.unlink(missing_ok=True)

    def _name(self, path: Path) -> str:
        """Relative to the folder; ColabFold's layout has its files beside it."""
        return Path(os.path.relpath(path, self.folder)).as_posix()
