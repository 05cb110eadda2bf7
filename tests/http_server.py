# SPDX-License-Identifier: Apache-2.0
"""A local HTTP server that does what servers and lines do: ranges or none, cuts, changes, refusals, wrong lengths."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_BLOCK = 1 << 14


class Server(ThreadingHTTPServer):
    """Serves `files`, by path. What else it does can be changed at any time."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}  # path -> Location
        self.tag: str | None = '"v1"'
        self.modified: str | None = None  # Last-Modified
        self.ranges = True
        self.conditions = True  # whether If-Range is heeded
        self.ends = True  # whether a range ends where it was asked to
        self.cuts: list[int] = []  # the next answers with a body end after so many bytes of it
        self.statuses: list[int] = []  # the next answers are these refusals
        self.delay = 0.0  # seconds before an answer
        self.announced = 0  # added to Content-Length
        self.shift = 0  # added to where a range begins
        self.hold_at: int | None = None  # once this much is served, nothing more comes until the gate opens
        self.gate = threading.Event()
        self.asked: list[tuple[str, str | None]] = []  # path, Range
        self.served = 0  # bytes of bodies

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    @property
    def starts(self) -> list[int]:
        """Where the ranges that were asked for begin."""
        return [int(asked.removeprefix("bytes=").split("-")[0]) for _, asked in self.asked if asked]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        server.asked.append((self.path, self.headers["Range"]))
        time.sleep(server.delay)
        if self.path in server.redirects:
            self.send_response(302)
            self.send_header("Location", server.redirects[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        content = server.files.get(self.path)
        if server.statuses or content is None:
            self.send_error(server.statuses.pop(0) if server.statuses else 404)
            return
        span = self._span(len(content))
        if span is not None and span.start >= len(content):
            self.send_error(416)
            return
        body = content if span is None else content[span.start : span.stop]
        if server.cuts:  # before the head: a client that has read it may already set the next answers' cuts
            body = body[: server.cuts.pop(0)]
        self._head(span, content)
        self._send(body)

    def _span(self, size: int) -> range | None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers["Range"] or "")
        strong = None if (self.server.tag or "").startswith("W/") else self.server.tag
        same = self.headers["If-Range"] in {None, strong, self.server.modified} or not self.server.conditions
        if asked is None or not self.server.ranges or not same:
            return None
        start = int(asked[1]) + self.server.shift
        return range(start, min(int(asked[2]) + 1, size) if asked[2] and self.server.ends else size)

    def _head(self, span: range | None, content: bytes) -> None:
        self.send_response(200 if span is None else 206)
        if span is not None:
            self.send_header("Content-Range", f"bytes {span.start}-{span.stop - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(span or content) + self.server.announced))
        for name, value in (("ETag", self.server.tag), ("Last-Modified", self.server.modified)):
            if value is not None:
                self.send_header(name, value)
        self.end_headers()

    def _send(self, body: bytes) -> None:
        server = self.server
        for start in range(0, len(body), _BLOCK):
            block = body[start : start + _BLOCK]
            if server.hold_at is not None and server.served + len(block) > server.hold_at:
                server.gate.wait(60)
            try:
                self.wfile.write(block)
            except ConnectionError:  # the client has heard enough, or was killed
                return
            server.served += len(block)

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Server]:
    """A server at work."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.gate.set()
            server.shutdown()
            thread.join()
