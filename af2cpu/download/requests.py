# SPDX-License-Identifier: Apache-2.0
"""HTTP requests: what a file is, pieces of it, its body as a stream; retries when a connection breaks."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import httpx

from af2cpu import events
from af2cpu.errors import DownloadError

_RETRIES = 5  # in a row without a new byte
_PAUSE = 1.0  # seconds before the first retry; doubled each time
BUSY = {408, 425, 429, 500, 502, 503, 504}  # status codes that are worth a retry

T = TypeVar("T")


class BusyError(Exception):
    """The server is busy: a retry may succeed. The message has its answer."""


@dataclass(frozen=True)
class Remote:
    """What a server tells of a file before it is fetched."""

    url: str
    size: int | None  # bytes; None: it does not say
    validator: str  # strong ETag, else date of the last change: tells two versions apart; "" where there is neither
    ranges: bool  # whether pieces of it can be had


@dataclass(frozen=True)
class Piece:
    """Bytes [start, start + size) of a file on a server."""

    url: str
    start: int
    size: int | None  # None: to the end, wherever that is
    validator: str


def client() -> httpx.Client:
    """An HTTP client with patience for slow servers."""
    return httpx.Client(follow_redirects=True, timeout=httpx.Timeout(60.0, connect=30.0))


def look(http: httpx.Client, url: str) -> Remote:
    """Asks for the first byte: tells more than HEAD, which many servers answer with guesses.

    Raises DownloadError for what is no http(s) address, and for a server that does not have the file.
    """
    if not url.startswith(("http://", "https://")):
        raise DownloadError(f"{url}: must begin with https:// or http://")

    def ask() -> Remote:
        with request(http, url, {"Range": "bytes=0-0"}) as response:
            if response.status_code == 206 and (total := range_of(response)[1]) is not None:
                return Remote(url, total, validator_of(response), True)
            return Remote(url, length_of(response), validator_of(response), False)

    return patiently(url, ask)


def read_piece(http: httpx.Client, piece: Piece) -> bytes:
    """A small piece of known size, into memory. Raises DownloadError, also if the file has changed on the server."""
    size = piece.size or 0

    def ask() -> bytes:
        with request(http, piece.url, range_headers(piece)) as response:
            check_piece(response, piece)
            content = response.read()
        if len(content) != size:
            raise httpx.RemoteProtocolError(f"the server sent {len(content)} bytes where {size} were requested")
        return content

    return patiently(piece.url, ask) if size else b""


class RemoteReader(io.RawIOBase):
    """A file on a server as a readable, seekable stream: each read is a request. Wrap it in io.BufferedReader."""

    def __init__(self, http: httpx.Client, remote: Remote) -> None:
        self._http, self._remote, self._place = http, remote, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._remote.size or 0}[whence]
        self._place = base + offset
        return self._place

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def] # any writable buffer
        size = max(min(len(buffer), (self._remote.size or 0) - self._place), 0)
        buffer[:size] = read_piece(self._http, Piece(self._remote.url, self._place, size, self._remote.validator))
        self._place += size
        return size


class BodyReader(io.RawIOBase):
    """The body of an answer as a stream that can only be read forward; `name` is what its progress is told under."""

    def __init__(self, response: httpx.Response, name: str) -> None:
        self._blocks, self._rest = response.iter_raw(), memoryview(b"")
        self._done, self._total, self._name = 0, length_of(response) or 0, name

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def] # any writable buffer
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = memoryview(block)
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        self._done += size
        events.emit("progress", self._name, done=self._done, total=self._total)
        return size


def stream_whole(http: httpx.Client, url: str, use: Callable[[httpx.Response], T], done: Callable[[], int]) -> T:
    """Calls use(answer) for a file that the server sends only from its beginning; again when the connection breaks.

    `done` grows with what `use` has kept: only retries without progress are counted.
    """

    def attempt() -> T:
        with request(http, url, {}) as response:
            return use(response)

    return patiently(url, attempt, done)


def patiently(
    url: str,
    attempt: Callable[[], T],
    done: Callable[[], int] = lambda: 0,
    goes_on: Callable[[], bool] = lambda: False,
    *,
    retries: int = _RETRIES,
) -> T:
    """Calls attempt(), again when the connection breaks; after progress the count of retries begins anew.

    goes_on: whether a later run can resume; the error then says so.
    Raises DownloadError after so many retries in a row.
    """
    best, failures = done(), 0
    while True:
        try:
            return attempt()
        except (httpx.TransportError, BusyError) as error:  # also an answer that ends before the announced length
            failures = 1 if done() > best else failures + 1
            best = max(best, done())
            if failures > retries:
                why = str(error) or type(error).__name__
                rest = ", it goes on from here" if goes_on() else ""
                raise DownloadError(f"{url}: {why}; run the same command again{rest}") from error
            time.sleep(_PAUSE * 2 ** (failures - 1))


@contextmanager
def request(http: httpx.Client, url: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
    """The answer (200, 206 or 416), its body still to be read. Raises DownloadError for a refusal.

    Also for what no second attempt mends: redirects in a circle, an address that is none.
    """
    try:
        with http.stream("GET", url, headers={"Accept-Encoding": "identity"} | headers) as response:
            if response.status_code in BUSY:
                raise BusyError(f"the server answers {response.status_code} {response.reason_phrase}")
            if response.status_code not in {200, 206, 416}:
                raise DownloadError(f"{url}: the server answers {response.status_code} {response.reason_phrase}")
            yield response
    except (httpx.TooManyRedirects, httpx.DecodingError, httpx.InvalidURL) as error:
        raise DownloadError(f"{url}: {error}; check the address, or try again later") from error


def range_headers(piece: Piece, have: int = 0) -> dict[str, str]:
    """Asks for what is missing of a piece, on condition that the file is the one that the piece was taken from."""
    last = "" if piece.size is None else str(piece.start + piece.size - 1)
    headers = {"Range": f"bytes={piece.start + have}-{last}"}
    return headers | ({"If-Range": piece.validator} if piece.validator else {})


def check_piece(response: httpx.Response, piece: Piece, have: int = 0) -> None:
    """Raises DownloadError if the answer is not what is missing of this piece of this version of the file."""
    other = piece.validator and validator_of(response) not in {piece.validator, ""}
    if response.status_code != 206 or other:
        raise DownloadError(f"{piece.url}: has changed on the server while it was fetched; run the same command again")
    if range_of(response)[0] != piece.start + have:
        raise httpx.RemoteProtocolError("the server sent another range than requested")


def validator_of(response: httpx.Response) -> str:
    """What If-Range takes: a weak ETag does not tell two versions apart byte for byte; other letters can't be sent."""
    tag = response.headers.get("ETag", "")
    told = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")
    return told if told.isascii() else ""


def length_of(response: httpx.Response) -> int | None:
    """Bytes of the body, if the server says."""
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


def range_of(response: httpx.Response) -> tuple[int | None, int | None]:
    """Where the answered range begins, and the size of the whole file."""
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    if found is None:
        return None, None
    return int(found[1]), None if found[2] == "*" else int(found[2])
