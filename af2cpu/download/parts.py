# SPDX-License-Identifier: Apache-2.0
"""Fetches files and pieces of files to the disk, and goes on where an earlier run stopped.

Bytes received so far are kept in <name>.part; <name>.part.json identifies the file on the server. They are used again
if the server's file is still the same, and dropped with a warning if not.
"""

from __future__ import annotations

import gzip
import os
import shutil
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import httpx
import orjson

from af2cpu import events
from af2cpu.download.requests import (
    Piece,
    check_piece,
    length_of,
    patiently,
    range_headers,
    range_of,
    request,
    validator_of,
)
from af2cpu.download.space import check_space, size_text
from af2cpu.errors import DownloadError
from af2cpu.formats.streams import atomic_write, naming

_BLOCK = 1 << 20
PART = ".part"  # how the name of a file ends that has not come whole


def fetch(http: httpx.Client, url: str, path: Path, unpacked_size: int | None = None) -> None:
    """Fetches `url` to `path`; a .gz URL is unpacked unless path ends with .gz too. Does nothing if path exists.

    unpacked_size: what is expected in bytes, for the look at the disk. Raises DownloadError: server's refusal,
    not enough space, data that are damaged or have another length than announced.
    """
    if path.exists():
        return
    unpack = url.endswith(".gz") and path.suffix != ".gz"
    part = fetch_part(http, url, path, (unpacked_size or 0) if unpack else 0)
    if unpack:
        _unpack(url, part, path)
    else:
        finish(part, path)
    drop(part)


def fetch_part(http: httpx.Client, url: str, path: Path, spare: int) -> Path:
    """Fetches all of `url` into the part of `path`, as it comes; spare: bytes that the disk must have besides."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part, ranges = part_path(path), _Ranges()
    patiently(url, lambda: _pull(http, url, part, spare, ranges), lambda: _bytes_in(part), lambda: ranges.sent)
    return part


@dataclass
class _Ranges:
    """Whether the server has shown that it sends the rest of a file."""

    sent: bool = False

    def look(self, response: httpx.Response, asked: bool) -> None:
        """At an answer; asked: for a range."""
        said = response.headers.get("Accept-Ranges") == "bytes" and bool(validator_of(response))
        self.sent = response.status_code == 206 or (said and not asked)


def fetch_piece(http: httpx.Client, piece: Piece, part: Path) -> None:
    """Fetches a piece of known size into `part`; resumes what is stored of this piece, and drops other content with a
    warning.

    Raises DownloadError: server's refusal, or the file has changed there since its validator was given.
    """
    saved = _saved(part)
    if saved != piece:
        if saved is not None:
            _drop_aloud(part, piece.url)
        part.write_bytes(b"")
        _save(part, piece)
    patiently(piece.url, lambda: _pull_piece(http, piece, part), lambda: _bytes_in(part), lambda: True)


def part_path(path: Path) -> Path:
    """The unfinished file of `path`."""
    return path.with_name(path.name + PART)


def bytes_there(path: Path, piece: Piece) -> int:
    """How much of a piece an earlier run has left for `path`."""
    part = part_path(path)
    return _bytes_in(part) if _saved(part) == piece else 0


def finish(part: Path, path: Path) -> None:
    """Gives a complete file its name once its bytes are on the disk."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)


def drop(part: Path) -> None:
    """Removes a part and what was known of it."""
    part.unlink(missing_ok=True)
    _state_path(part).unlink(missing_ok=True)


def _pull(http: httpx.Client, url: str, part: Path, spare: int, ranges: _Ranges) -> None:
    """One attempt at a whole file; resumes the part that an earlier attempt left."""
    saved = _saved(part)
    if saved is not None and (saved.url != url or not saved.validator):  # nothing tells whether it is the same file
        _drop_aloud(part, url)
        saved = None
    have = _bytes_in(part) if saved else 0
    if saved and saved.size == have:
        return  # complete, and only its unpacking was interrupted
    with request(http, url, range_headers(saved, have) if saved and have else {}) as response:
        ranges.look(response, asked=bool(saved and have))
        resumed = saved is not None and _continues(response, saved, have)
        if have and not resumed:
            _drop_aloud(part, url)
            have = 0
        if response.status_code != 200 and not resumed:
            raise httpx.RemoteProtocolError(f"the server answers {response.status_code} instead of the missing range")
        rest = length_of(response)
        total = None if rest is None else have + rest
        check_space(part.parent, (rest or 0) + spare, url)
        _save(part, Piece(url, 0, total, validator_of(response)))
        _append(response, part, "ab" if resumed else "wb", total or 0)


def _continues(response: httpx.Response, saved: Piece, have: int) -> bool:
    same = validator_of(response) in {saved.validator, ""}  # not every server heeds If-Range
    return response.status_code == 206 and same and range_of(response)[0] == have


def _pull_piece(http: httpx.Client, piece: Piece, part: Path) -> None:
    have, size = _bytes_in(part), piece.size or 0
    if have < size:
        with request(http, piece.url, range_headers(piece, have)) as response:
            check_piece(response, piece, have)
            _append(response, part, "ab", size)
        have = _bytes_in(part)
    if have < size:
        raise httpx.RemoteProtocolError(f"the server sent {size - have} bytes less than requested")
    if have > size:
        drop(part)
        raise DownloadError(
            f"{piece.url}: the server sent more than requested, and the part is removed; run the same command again"
        )


def _append(response: httpx.Response, part: Path, mode: str, total: int) -> None:
    with part.open(mode, buffering=0) as file:  # written at once: buffered bytes are lost when the connection breaks
        done = file.tell()
        for data in response.iter_raw():
            _write_all(file, data, part)
            done += len(data)
            events.emit("progress", part.name.removesuffix(PART), done=done, total=total)


def _write_all(file: IO[bytes], data: bytes, part: Path) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[file.write(rest) :]
        except OSError as error:  # does not name the file that a full disk broke off
            raise OSError(error.errno, f"{error.strerror}; the part fetched so far is kept", str(part)) from error


def _bytes_in(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _state_path(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _saved(part: Path) -> Piece | None:
    """What the part is a part of; None where that is not known."""
    path = _state_path(part)
    if not path.exists() or not part.exists():
        return None
    try:
        return Piece(**orjson.loads(path.read_bytes()))
    except (orjson.JSONDecodeError, TypeError):
        return None


def _save(part: Path, piece: Piece) -> None:
    with atomic_write(_state_path(part)) as file:
        file.write(orjson.dumps(asdict(piece)))


def _drop_aloud(part: Path, url: str) -> None:
    if _bytes_in(part):
        events.emit(
            "line",
            f"{part}: {size_text(_bytes_in(part))} of an earlier download are dropped: nothing says that they are of "
            f"the file that is now at {url}",
        )
    drop(part)


def _unpack(url: str, part: Path, path: Path) -> None:
    """Each gzip member carries its length and checksum: what unpacks is what was packed."""
    temporary = path.with_name(path.name + ".unpacking")  # one name: what a killed run left is written over
    try:
        with naming(temporary), gzip.open(part, "rb") as packed, temporary.open("wb") as file:
            shutil.copyfileobj(packed, file, _BLOCK)
        finish(temporary, path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        drop(part)
        raise DownloadError(
            f"{url}: the download was damaged ({error}) and is removed; run the same command again"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
