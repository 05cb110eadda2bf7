# SPDX-License-Identifier: Apache-2.0
"""Opens text files of any kind as lines of bytes (plain or gzip, path or stream), and writes files atomically."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import shutil
import socket
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO, cast

from af2cpu.errors import InputError

Source = str | os.PathLike[str] | BinaryIO

BOM = b"\xef\xbb\xbf"  # byte-order mark of UTF-8, which Windows' editors put before a text
_GZIP_MAGIC = b"\x1f\x8b"
_BUFFER = 1 << 20
MAX_LINE = 8 << 20  # bytes; the longest protein has 40,000 residues
_IN_MEMORY = 64 << 20  # bytes of a pipe that are kept in memory; more goes to a temporary file


def name_of(source: Source) -> str:
    """The source's name for messages and records. Bytes of a path that are not UTF-8 are written as \\xNN."""
    if isinstance(source, str | os.PathLike):
        return os.fsencode(source).decode("utf-8", "backslashreplace")
    return str(getattr(source, "name", "input"))


@contextmanager
def open_bytes(source: Source) -> Iterator[BinaryIO]:
    """The source's bytes, unzipped when they begin with gzip's magic number whatever the name says.

    A stream is read from its current position and left open. Raises InputError if a path can't be read, or where gzip
    data turns out to be cut off or damaged.
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
                stack.callback(buffered.detach)  # else it closes the caller's stream
                yield _unzip(buffered) if buffered.peek(2)[:2] == _GZIP_MAGIC else buffered
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(
                f"{name}: the gzip data is cut off or damaged ({error}); fetch or pack it again"
            ) from error
        except OSError as error:
            if error.filename is not None:
                raise
            raise InputError(f"{name}: reading fails ({error.strerror or error}); check the disk") from error


@contextmanager
def open_rewindable(source: Source) -> Iterator[BinaryIO]:
    """As `open_bytes`; the stream can be rewound: pipes are copied to memory, or to a temporary file if large.

    The source is opened once, so pipes, process substitutions and standard input work like files. The stream's name is
    the source's.
    """
    with ExitStack() as stack:
        stream = stack.enter_context(open_bytes(source))
        if not _rewinds(stream):
            copy = stack.enter_context(tempfile.SpooledTemporaryFile(_IN_MEMORY))
            shutil.copyfileobj(stream, copy, _BUFFER)
            copy.seek(0)
            stream = cast(BinaryIO, copy)
        named = _NamedReader(stream, name_of(source))
        stack.callback(named.detach)  # else it closes the caller's stream
        yield named


class _NamedReader(io.BufferedReader):
    """A buffered reader with a name of its own, for messages."""

    def __init__(self, raw: BinaryIO, name: str) -> None:
        super().__init__(raw, _BUFFER)  # type: ignore[arg-type]
        self._name = name

    @property
    def name(self) -> str:
        return self._name


def _rewinds(stream: BinaryIO) -> bool:
    """Whether the stream can be read again. GzipFile claims it of pipes too."""
    return stream.fileobj.seekable() if isinstance(stream, gzip.GzipFile) else stream.seekable()


def lines(stream: BinaryIO) -> Iterator[bytes]:
    """Lines with their ends: LF, CRLF, or CR alone (classic Mac OS, some spreadsheets).

    Raises InputError for a line that no sequence needs: readers take many times its size.
    """
    while line := stream.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE:
            name = getattr(stream, "name", "")
            raise InputError(
                f"{name_of(name) if isinstance(name, str) and name else 'the file'}: has a line of over "
                f"{MAX_LINE >> 20} MB; it is damaged, or no file of proteins"
            )
        if b"\r" in line:
            yield from line.splitlines(keepends=True)
        else:
            yield line


def _unzip(stream: BinaryIO) -> BinaryIO:
    return gzip.GzipFile(fileobj=stream)  # type: ignore[return-value]


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except (OSError, ValueError) as error:  # ValueError: NUL in the path
        if isinstance(error, FileNotFoundError):
            raise InputError(f"{name_of(path)}: no such file; check the path") from error
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{name_of(path)}: can't be read ({reason}); check the path and its permissions") from error


HIDDEN = ".af2cpu"  # folder of files that only this program reads: receipts, failures
TEMPORARY = ".tmp"  # ending of the names of unfinished files; they begin with a dot
_OF_PROCESS = re.compile(r"\.([0-9a-f]{8})-(\d+)\.tmp$")
_ABANDONED = 3 * 86_400.0  # seconds after which another host's unfinished file is of a process that has died


@contextmanager
def atomic_write(path: Path, *, sync: bool = True) -> Iterator[BinaryIO]:
    """A file that appears under `path` only when the block ends without an error: temporary name, fsync, rename.

    sync: without fsync, which takes milliseconds, a crash of the system may damage the file; one of the process can't.
    Raises OSError that names the path, such as for a full disk.
    """
    temporary = _temporary(path)
    try:
        with naming(path), temporary.open("wb") as file:
            yield file
            file.flush()
            if sync:
                os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def link_or_copy(source: Path, path: Path) -> Path:
    """The file under a second name: a hard link, or a copy where the file system allows none. Makes the folder.

    Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    temporary.unlink(missing_ok=True)
    try:
        try:
            os.link(source, temporary)
        except OSError:  # another file system, one without hard links, or a file of another user
            shutil.copyfile(source, temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)  # rename(2) leaves it where both names are the same file
    return path


def _temporary(path: Path) -> Path:
    """Where a file of this process is written. The name tells whether its process still lives (`sweep_abandoned`)."""
    return path.with_name(f".{path.name}.{_home_of_processes()}-{os.getpid()}{TEMPORARY}")


@cache
def _home_of_processes() -> str:
    """A hash of host, last boot and namespace: process ids are comparable only where it is equal."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts += [Path("/proc/sys/kernel/random/boot_id").read_text(), os.readlink("/proc/self/ns/pid")]
    return hashlib.blake2b("".join(parts).encode(), digest_size=4).hexdigest()


def sweep_abandoned(folder: Path) -> None:
    """Removes the temporary files in a folder that killed processes have left; those of living ones stay.

    For folders that several runs write into. Of other hosts' files those are removed that are days old.
    """
    with suppress(OSError):
        for path in folder.glob(f".*{TEMPORARY}"):
            found = _OF_PROCESS.search(path.name)
            if found and found[1] == _home_of_processes():
                abandoned = not Path(f"/proc/{found[2]}").exists()
            else:
                abandoned = time.time() - path.stat().st_mtime > _ABANDONED
            if abandoned and path.is_file():
                path.unlink(missing_ok=True)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Adds the path to an OSError that names none: those of `write`, such as for a full disk."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, name_of(path)) from error
