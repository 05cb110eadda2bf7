# SPDX-License-Identifier: Apache-2.0
"""The HTTP side of the protocol: a ticket for some sequences, its status, files to fetch."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import httpx
import orjson

from af2cpu import events
from af2cpu.download import BUSY, BusyError, patiently
from af2cpu.errors import DownloadError, InputError, ServerError
from af2cpu.formats.streams import naming
from af2cpu.version import __version__
from af2cpu.words import counted, duration

COMPLETE, UNKNOWN, ERROR = "COMPLETE", "UNKNOWN", "ERROR"
_IN_WORK = frozenset({"PENDING", "RUNNING", UNKNOWN})
_LATER, _MAINTENANCE = frozenset({"RATELIMIT", UNKNOWN}), "MAINTENANCE"
_STATUSES = _IN_WORK | _LATER | {COMPLETE, ERROR, _MAINTENANCE}
_TICKET = re.compile(r"[A-Za-z0-9_-]{1,200}")  # part of addresses and of names of files
_MAX_REPLY = 1 << 20  # bytes of a status
_MAX_FILE = 2 << 30  # bytes of a file, packed
_RETRIES = 5
_TIMEOUT = 60.0  # seconds without a byte
_TOO_MANY, _GONE = 429, frozenset({400, 404, 410})
_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 1.0, 10.0, 1.5  # seconds between two looks at a ticket; ColabFold: 5 to 10
_LIMIT_PAUSE = 60.0  # seconds between two tries at the most where the server asks for patience
_MAX_WAIT = 4 * 3600.0  # seconds for one ticket; the server itself stops a search after one hour
_MAX_LIMITED = 3600.0  # seconds until a ticket is taken
_MAX_UNKNOWN = 3  # looks in a row at which the server does not know a ticket that it gave

T = TypeVar("T")

# Set when the run ends: a thread that waits for a server gives up then.
ended: ContextVar[threading.Event | None] = ContextVar("ended", default=None)
_silent: set[str] = set()  # servers that could not be reached: asked once the next time, without patience


class UnreachableError(ServerError):
    """No connection, or none that lasts."""


class RefusedError(ServerError):
    """A file that the server does not give."""


class TicketLostError(Exception):
    """The server does not know a ticket, or its search has failed."""


@dataclass(frozen=True)
class Reply:
    """What the server answers to a submission or a question."""

    status: str
    ticket: str = ""
    reason: str = ""  # in the server's words


class MsaServer:
    """A server and the connection to it. A context manager."""

    def __init__(self, url: str) -> None:
        self.url = url
        timeout = httpx.Timeout(_TIMEOUT, connect=min(_TIMEOUT, 30.0))
        # Redirects are not followed: sequences go to the address that the user gave, and nowhere else.
        self._http = httpx.Client(headers={"User-Agent": f"af2cpu/{__version__}"}, timeout=timeout)

    def __enter__(self) -> MsaServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def submit(self, endpoint: str, mode: str, fasta: str) -> str:
        """The ticket for some sequences; waits while the server takes none. Raises ServerError, InputError.

        endpoint: msa or pair. Sending the same once more is harmless: equal requests get the same ticket.
        """
        form = {"q": fasta, "mode": mode}
        for wait in _pauses(_LIMIT_PAUSE, _MAX_LIMITED):
            reply = self._ask("POST", f"/ticket/{endpoint}", form)
            if reply.status not in _LATER:
                break
            self._tell_waiting(reply, wait)
            self._sleep(wait)
        else:
            why = f" ({reply.reason})" if reply.reason else ""
            raise ServerError(
                f"MSA server {self.url}: has taken no sequences for {duration(_MAX_LIMITED)}: {reply.status}{why}; run "
                "the same command later"
            )
        self._check(reply)
        if reply.status == ERROR:
            raise self._error(reply)
        if not _TICKET.fullmatch(reply.ticket):
            raise ServerError(f"MSA server {self.url}: gives no ticket; is it an MSA server?")
        return reply.ticket

    def wait_for(self, ticket: str) -> None:
        """Waits until a ticket is complete. Raises TicketLostError, ServerError."""
        unknown, told = 0, ""
        for wait in _pauses(_LONGEST_PAUSE, _MAX_WAIT):
            reply = self._ask("GET", f"/ticket/{ticket}")
            self._check(reply)
            if reply.status == COMPLETE:
                return
            unknown = unknown + 1 if reply.status == UNKNOWN else 0
            if reply.status == ERROR or unknown >= _MAX_UNKNOWN:
                raise TicketLostError(reply.reason or reply.status)
            if reply.status != told:
                told = reply.status
                events.emit("line", f"MSA server: ticket {ticket} is {told.lower()}")
            self._sleep(wait)
        raise ServerError(
            f"MSA server {self.url}: ticket {ticket} is not complete after {duration(_MAX_WAIT)}; run the same command "
            "again, it goes on waiting for it"
        )

    def fetch(self, path: str, file: Path) -> None:
        """Fetches a file, whole. Raises ServerError, OSError."""

        def attempt() -> None:
            with self._http.stream("GET", self.url + path, headers={"Accept-Encoding": "identity"}) as response:
                if response.status_code in BUSY:
                    raise BusyError(_answers(response))
                if response.status_code != httpx.codes.OK:
                    raise RefusedError(f"MSA server {self.url}: {_answers(response)} to {path}")
                self._write(response, file)

        self._patiently(attempt)

    def _write(self, response: httpx.Response, file: Path) -> None:
        size = 0
        with naming(file), file.open("wb") as target:
            for block in response.iter_raw():
                size += len(block)
                if size > _MAX_FILE:
                    raise ServerError(f"MSA server {self.url}: the answer is larger than {_MAX_FILE / 1e9:.1f} GB")
                target.write(block)

    def _ask(self, method: str, path: str, form: dict[str, str] | None = None) -> Reply:
        def attempt() -> Reply:
            with self._http.stream(method, self.url + path, data=form) as response:
                return self._reply(response, _start_of(response))

        return self._patiently(attempt)

    def _reply(self, response: httpx.Response, body: bytes) -> Reply:
        """The status in an answer. Raises BusyError, ServerError."""
        content = _json(body)
        status = content.get("status") if isinstance(content, dict) else None
        if isinstance(content, dict) and status in _STATUSES:
            return Reply(str(status), *(_text(content.get(name)) for name in ("id", "reason")))
        if response.status_code == _TOO_MANY:
            return Reply("RATELIMIT")
        if response.status_code in BUSY:
            raise BusyError(_answers(response))
        if response.request.method == "GET" and response.status_code in _GONE:
            return Reply(UNKNOWN)
        if response.is_redirect:
            raise ServerError(
                f"MSA server {self.url}: has moved to {_shown(response.headers.get('Location', ''))}; nothing is sent "
                "there unless that address is given"
            )
        what = _answers(response) if response.is_error else f"answers {_shown(body.decode('utf-8', 'replace'))!r}"
        raise ServerError(f"MSA server {self.url}: {what}; is it an MSA server, and its address complete?")

    def _sleep(self, seconds: float) -> None:
        """Raises ServerError if the run ends meanwhile."""
        event = ended.get()
        if event is None:
            time.sleep(seconds)
        elif event.wait(seconds):
            raise ServerError(f"MSA server {self.url}: the run has ended while it waited")

    def _check(self, reply: Reply) -> None:
        if reply.status == _MAINTENANCE:
            raise ServerError(f"MSA server {self.url}: is under maintenance; run the same command later")

    def _error(self, reply: Reply) -> InputError:
        why = f" ({reply.reason})" if reply.reason else ""
        return InputError(
            f"MSA server {self.url}: reports an error{why}; run the same command later, or give an alignment with --msa"
        )

    def _tell_waiting(self, reply: Reply, wait: float) -> None:
        why = f": {reply.reason}" if reply.reason else ""
        events.emit("line", f"MSA server: {reply.status}, waiting {wait:.0f} s{why}")

    def _patiently(self, attempt: Callable[[], T]) -> T:
        """Calls attempt(), again when the connection breaks. Raises ServerError that names server and remedy."""

        def told() -> T:
            try:
                return attempt()
            except (httpx.TransportError, BusyError) as error:
                if not failures and self.url not in _silent:
                    events.emit("line", f"MSA server {self.url}: {_why(error)}; trying again")
                failures.append(error)
                raise

        failures: list[Exception] = []
        try:
            found = patiently(self.url, told, retries=0 if self.url in _silent else _RETRIES)
        except DownloadError as error:
            _silent.add(self.url)
            raise UnreachableError(
                f"MSA server {self.url}: can't be reached in {counted(len(failures), 'try', 'tries')} "
                f"({_why(failures[-1])}); check the address and the network, then run the same command again"
            ) from error
        _silent.discard(self.url)
        return found


def _pauses(longest: float, total: float) -> Iterator[float]:
    """Seconds to wait, growing, with some chance in them so that clients do not come together; ends after `total`."""
    end, pause = time.monotonic() + total, _FIRST_PAUSE
    while True:
        yield pause * random.uniform(0.8, 1.2)
        if time.monotonic() > end:
            return
        pause = min(pause * _GROWTH, longest)


def _start_of(response: httpx.Response) -> bytes:
    """A body, or the beginning of one that is too large."""
    body = b""
    for block in response.iter_bytes(_MAX_REPLY):
        body += block
        if len(body) >= _MAX_REPLY:
            break
    return body


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except ValueError:
        return None


def _text(value: object) -> str:
    return _shown(value) if isinstance(value, str) else ""


def _shown(text: str) -> str:
    """The beginning of a text in one line."""
    return " ".join(text.split())[:200]


def _answers(response: httpx.Response) -> str:
    return f"answers {response.status_code} {response.reason_phrase}"


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__
