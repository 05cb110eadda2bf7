# SPDX-License-Identifier: Apache-2.0
"""Tickets: what was asked of a server. They are kept until their answers are, so that another run goes on with them."""

from __future__ import annotations

import gzip
import secrets
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from af2cpu import events
from af2cpu.errors import InputError, ServerError
from af2cpu.formats.streams import atomic_write
from af2cpu.runs.exclusive import exclusive
from af2cpu.search.server.client import UNKNOWN, MsaServer, RefusedError, TicketLostError

FIRST = 101  # number of the first sequence in a request, as ColabFold numbers them
_BLOCK = 1 << 20
_MAX_UNPACKED = 4 << 30  # bytes of an answer: 16 sequences of 2,000 residues and 30,000 rows have 1 GB
_DOWNLOADS = 3  # of an answer that comes damaged
_RESENT = 2  # times that sequences are sent whose ticket the server has lost


@dataclass(frozen=True)
class Request:
    """Sequences for one ticket."""

    endpoint: str  # msa: an alignment of each; pair: rows of all of them side by side
    mode: str
    sequences: tuple[str, ...]

    @property
    def fasta(self) -> str:
        """The sequences under ColabFold's numbers: no name leaves the machine."""
        return "".join(f">{number}\n{letters}\n" for number, letters in enumerate(self.sequences, start=FIRST))


@dataclass(frozen=True)
class Ticket:
    """A request that a server has taken."""

    name: str  # of its files
    id: str  # that the server gave
    url: str
    endpoint: str
    mode: str
    sequences: tuple[str, ...]

    def number(self, sequence: str) -> int:
        """The number of a sequence in the answer."""
        return FIRST + self.sequences.index(sequence)


class TicketStore:
    """The tickets of a folder of results whose answers are not taken over yet; one run at a time uses a ticket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open_for(self, url: str, request: Request) -> list[Ticket]:
        """Tickets of earlier runs that answer a request or a part of it, the largest first."""
        found = [ticket for path in sorted(self.folder.glob("*.json")) if (ticket := _read(path))]
        kind = (url, request.endpoint, request.mode)
        found = [one for one in found if (one.url, one.endpoint, one.mode) == kind and _answers(one, request)]
        return sorted(found, key=lambda one: -len(set(one.sequences) & set(request.sequences)))

    def keep(self, number: str, url: str, request: Request) -> Ticket:
        """A ticket that a server gave now. Raises OSError."""
        ticket = Ticket(secrets.token_hex(8), number, url, request.endpoint, request.mode, request.sequences)
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(self._place(ticket)) as file:
            file.write(orjson.dumps(asdict(ticket)))
        return ticket

    @contextmanager
    def using(self, ticket: Ticket) -> Iterator[bool]:
        """Within this block no other run uses a ticket; yields False if one does, or has dropped it. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = self.folder / f"{ticket.name}.lock"
        with exclusive(lock, wait=False) as taken:
            try:
                yield taken and self._place(ticket).is_file()
            finally:
                if taken and not self._place(ticket).is_file():
                    lock.unlink(missing_ok=True)
                    with suppress(OSError):  # other tickets are in it
                        self.folder.rmdir()

    def _place(self, ticket: Ticket) -> Path:
        return self.folder / f"{ticket.name}.json"

    def archive(self, ticket: Ticket) -> Path:
        """Where the answer is kept until it is taken over."""
        return self.folder / f"{ticket.name}.tar.gz"

    def drop(self, ticket: Ticket) -> None:
        """Forgets a ticket and its answer."""
        for path in (self._place(ticket), self.archive(ticket)):
            path.unlink(missing_ok=True)


def _answers(ticket: Ticket, request: Request) -> bool:
    """Pairs depend on all sequences and their order, an alignment on one."""
    if request.endpoint == "pair":
        return ticket.sequences == request.sequences
    return not set(ticket.sequences).isdisjoint(request.sequences)


def _read(path: Path) -> Ticket | None:
    """A ticket; None for one that is damaged, or gone meanwhile."""
    try:
        fields = orjson.loads(path.read_bytes())
        return Ticket(**fields | {"sequences": tuple(fields["sequences"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def answers(
    server: MsaServer, store: TicketStore, request: Request, sending: Callable[[Sequence[str]], None]
) -> Generator[tuple[Ticket, Path]]:
    """Tickets that together answer a request, each with its answer, a whole .tar.gz; the caller drops them.

    Tickets of earlier runs are asked for first; what they do not answer is sent. sending: told the sequences before
    they leave the machine. A ticket is locked until the next is asked for, or the generator is closed. Raises
    ServerError, InputError for an error that the server reports, OSError.
    """
    left = list(request.sequences)
    for ticket in store.open_for(server.url, request):
        with store.using(ticket) as mine:
            if not mine or set(left).isdisjoint(ticket.sequences):
                continue
            try:
                if not store.archive(ticket).is_file():
                    events.emit("line", f"MSA server: going on with ticket {ticket.id} of an earlier run")
                    server.wait_for(ticket.id)
                archive = _answer(server, store, ticket)
            except TicketLostError:
                store.drop(ticket)
                continue
            yield ticket, archive
            left = [sequence for sequence in left if sequence not in ticket.sequences]
    if left:
        yield from _new(server, store, Request(request.endpoint, request.mode, tuple(left)), sending)


def _new(
    server: MsaServer, store: TicketStore, request: Request, sending: Callable[[Sequence[str]], None]
) -> Iterator[tuple[Ticket, Path]]:
    for _ in range(_RESENT):
        sending(request.sequences)
        ticket = store.keep(server.submit(request.endpoint, request.mode, request.fasta), server.url, request)
        with store.using(ticket):
            try:
                server.wait_for(ticket.id)
                archive = _answer(server, store, ticket)
            except TicketLostError as error:
                store.drop(ticket)
                if str(error) == UNKNOWN:
                    continue
                raise InputError(
                    f"MSA server {server.url}: ticket {ticket.id} ended with an error ({error}); run the same command "
                    "later, or give an alignment with --msa"
                ) from error
            yield ticket, archive
            return
    raise ServerError(f"MSA server {server.url}: does not know its own ticket {ticket.id}; run the same command later")


def _answer(server: MsaServer, store: TicketStore, ticket: Ticket) -> Path:
    """The answer to a ticket that is complete, fetched unless it was before. Raises TicketLostError, ServerError."""
    archive = store.archive(ticket)
    if archive.is_file():
        return archive
    try:
        fetch_archive(server, f"/result/download/{ticket.id}", archive)
    except RefusedError as error:
        raise TicketLostError(f"its answer is gone: {error}") from error
    return archive


def fetch_archive(server: MsaServer, path: str, archive: Path) -> None:
    """Fetches a .tar.gz that is whole: again where less came than was packed. Raises ServerError, OSError."""
    part = archive.with_name(f".{archive.name}.tmp")
    archive.parent.mkdir(parents=True, exist_ok=True)
    try:
        for left in reversed(range(_DOWNLOADS)):
            server.fetch(path, part)
            try:
                _check_whole(part)
                break
            except (EOFError, zlib.error, gzip.BadGzipFile, ServerError) as error:
                if isinstance(error, ServerError) or not left:
                    raise ServerError(
                        f"MSA server {server.url}: the answer to {path} is damaged ({error}); run the same command "
                        "again"
                    ) from error
        part.replace(archive)
    finally:
        part.unlink(missing_ok=True)


def _check_whole(path: Path) -> None:
    """Reads packed data to its end, where its checksum is, a block at a time."""
    size = 0
    with gzip.open(path) as stream:
        while block := stream.read(_BLOCK):
            size += len(block)
            if size > _MAX_UNPACKED:
                raise ServerError(f"over {_MAX_UNPACKED / 1e9:.1f} GB unpacked")
    if not size:
        raise EOFError("it is empty")
