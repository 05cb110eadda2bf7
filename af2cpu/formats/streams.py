"""Opens text files of any kind as lines of bytes: plain or gzip, path or stream."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from af2cpu.errors import InputError

Source = str | os.PathLike[str] | BinaryIO

_GZIP_MAGIC = b"\x1f\x8b"
_BUFFER = 1 << 20


def name_of(source: Source) -> str:
    """The source's name for messages."""
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    return str(getattr(source, "name", "input"))


@contextmanager
def open_bytes(source: Source) -> Iterator[BinaryIO]:
    """The source's bytes, unzipped when they begin with gzip's magic number whatever the name says.

    A stream is read from where it stands and left open. Raises InputError if a path can't be read, or where gzip data
    turns out to be cut off or damaged.
    """
    name = name_of(source)
    with ExitStack() as stack:
        raw = stack.enter_context(_open(Path(source))) if isinstance(source, str | os.PathLike) else source
        try:
            if raw.seekable():
                place = raw.tell()
                magic = raw.read(2)
                raw.seek(place)
                yield _unzip(raw) if magic == _GZIP_MAGIC else raw
            else:
                buffered = io.BufferedReader(raw, _BUFFER)  # type: ignore[type-var]
                stack.callback(buffered.detach)  # else it closes the stream that is not ours
                yield _unzip(buffered) if buffered.peek(2)[:2] == _GZIP_MAGIC else buffered
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(
                f"{name}: the gzip data is cut off or damaged ({error}); fetch or pack it again"
            ) from error


def _unzip(stream: BinaryIO) -> BinaryIO:
    return gzip.GzipFile(fileobj=stream)  # type: ignore[return-value]


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}); check the path and its permissions") from error


HIDDEN = ".af2cpu"  # folder of files that only this program reads: receipts, failures
TEMPORARY = ".tmp"  # how the names of files end that are being written; they begin with a dot


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """A file that appears under `path` only when the block ends without an error: temporary name, fsync, rename."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
