# SPDX-License-Identifier: Apache-2.0
"""What an MSA server finds: alignments of sequences, rows of a complex's sequences side by side, template hits.

Sequences of a node share a ticket. It is kept beside the results until its answer is taken over, so that a run that was
stopped asks for the same ticket again. These stages run in the run's own process only (`Node.here`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from af2cpu import events
from af2cpu.errors import InputError, ServerError
from af2cpu.formats.entries import mmcif_path
from af2cpu.formats.streams import atomic_write
from af2cpu.pipeline.stages.msa import tell
from af2cpu.records import Query
from af2cpu.runs.records import DatabaseSearched, ServerAnswer
from af2cpu.search.databases import SERVER
from af2cpu.search.profile_databases import PDB70
from af2cpu.words import counted
from af2cpu.workspace import Stage, Work, each

if TYPE_CHECKING:
    from af2cpu.search.server.answer import Unpacked
    from af2cpu.search.server.tickets import Ticket, TicketStore

_MODE = "env"  # UniRef and the environmental sequences, filtered: ColabFold's default
_PAIR_MODES = {"species": "pairgreedy", "complete": "paircomplete"}


@dataclass(frozen=True)
class ServerTask:
    """A sequence to ask a server for."""

    query: Query  # of the first target with this sequence
    url: str
    tickets: Path  # folder where tickets are kept


@dataclass(frozen=True)
class ServerPairsTask:
    """A complex whose rows are to be paired by a server."""

    query: Query
    queries: tuple[Query, ...]  # its distinct sequences
    copies: tuple[int, ...]  # chains of each
    sent: tuple[bool, ...]  # whether it is asked for: a sequence with an alignment of its own is not
    pairing: str  # of the settings: species or complete
    url: str
    tickets: Path

    @property
    def asked(self) -> tuple[Query, ...]:
        """The sequences that are asked for, two or more."""
        return tuple(query for query, sent in zip(self.queries, self.sent, strict=True) if sent)


@dataclass(frozen=True)
class ServerHitsTask:
    """A sequence whose template hits a server has found."""

    query: Query
    url: str
    mmcif: Path  # folder for their structures


def _alignment_depends_on(work: Work[ServerTask]) -> Mapping[str, Any]:
    return {"sequence": work.task.query.sequence, "server": work.task.url, "mode": _MODE}


def _make_alignments(
    works: Sequence[Work[ServerTask]], cores: int
) -> Iterator[tuple[Work[ServerTask], DatabaseSearched]]:
    from af2cpu.search.server.client import MsaServer
    from af2cpu.search.server.tickets import Request, TicketStore, answers

    start, task = time.perf_counter(), works[0].task
    left = {work.task.query.sequence: work for work in works}
    store = TicketStore(task.tickets)

    def sending(sequences: Sequence[str]) -> None:
        _tell_sent(task.url, [left[sequence] for sequence in sequences])

    request = Request("msa", _MODE, tuple(left))
    with MsaServer(task.url) as server, closing(answers(server, store, request, sending)) as answered:
        for ticket, archive in answered:
            found = [left.pop(sequence) for sequence in ticket.sequences if sequence in left]
            seconds = (time.perf_counter() - start) / len(found)
            with _opened(ticket, archive, store, [work.task.query for work in found]) as parts:
                for work in found:
                    with _about(ticket, store, damaged_is_lost=len(works) == 1):
                        done = _alignment(work, ticket, parts, seconds)
                    tell(work, done)
                    yield work, done
            store.drop(ticket)
            start = time.perf_counter()


def _tell_sent(url: str, works: Sequence[Work[Any]], why: str = "") -> None:
    """Which sequences leave the machine, before they do."""
    queries = [query for work in works for query in getattr(work.task, "asked", (work.task.query,))]
    n_res = sum(query.n_res for query in queries)
    named = ", ".join(query.name for query in queries)
    counts = f"{counted(len(queries), 'sequence')} of {counted(n_res, 'residue')}"
    events.emit("line", f"MSA server {url}: {counts} leave{'s' * (len(queries) == 1)} this machine{why}: {named}")
    targets = dict.fromkeys(target for work in works for target in work.targets)
    for target in targets if len(targets) > 1 else ():
        events.emit("note", f"MSA server {url}: sequences of this target leave this machine{why}", target=target)


@contextmanager
def _opened(ticket: Ticket, archive: Path, store: TicketStore, queries: Sequence[Query]) -> Iterator[Unpacked]:
    """The parts of an answer. Raises ServerError for one that is none, which is forgotten."""
    from af2cpu.search.server.answer import unpacked
    from af2cpu.search.server.templates import MOST

    parts = unpacked(archive, [ticket.number(query.sequence) for query in queries], MOST)
    try:
        found = parts.__enter__()
    except InputError as error:
        store.drop(ticket)
        raise ServerError(
            f"MSA server {ticket.url}: the answer to ticket {ticket.id} {error}; run the same command again"
        ) from error
    try:
        yield found
    finally:
        parts.__exit__(None, None, None)


@contextmanager
def _about(
    ticket: Ticket, store: TicketStore, instead: str = "give an alignment with --msa", *, damaged_is_lost: bool
) -> Iterator[None]:
    """Within this block an InputError is about an answer: it names server, ticket and remedy.

    damaged_is_lost: the ticket is forgotten then, so that another run asks again.
    """
    try:
        yield
    except InputError as error:
        if damaged_is_lost:
            store.drop(ticket)
        raise InputError(
            f"MSA server {ticket.url}: the answer to ticket {ticket.id} {error}; run the same command again, or "
            f"{instead}"
        ) from error


def _alignment(work: Work[ServerTask], ticket: Ticket, parts: Unpacked, seconds: float) -> DatabaseSearched:
    """Writes the alignment of one sequence, and reads it once: what can't be read is not kept. Raises InputError."""
    from af2cpu.search.server.alignments import write_alignment
    from af2cpu.search.server.answer import ENVIRONMENT, HITS, UNIREF

    query, number = work.task.query, ticket.number(work.task.query.sequence)
    found = {name: path for name in (UNIREF, ENVIRONMENT) if (path := parts.rows(name, number))}
    if UNIREF not in found:
        raise InputError(f"has no {UNIREF} with {query.name}")
    counts = write_alignment(query, list(found.values()), work.file)
    n_rows = _checked_rows(work.file, query)
    lacking = [name for name in (ENVIRONMENT, HITS) if name not in parts.names]
    return DatabaseSearched(
        **_of_server(work.task.url, ticket, dict(zip(found, counts, strict=True))),
        hits=n_rows - 1,
        rows=n_rows,
        seconds=seconds,
        notes=tuple(f"MSA server {work.task.url}: its answer has no {name}" for name in lacking),
        hit_lines=tuple(parts.hits.get(number, ())),
    )


def _of_server(url: str, ticket: Ticket | None, rows: Mapping[str, int], name: str = SERVER) -> dict[str, Any]:
    """The fields of a search by a server, which does not tell of its databases."""
    answer = ServerAnswer(url, ticket.id if ticket else None, rows)
    unknown = {"hash": "", "sequences": 0, "residues": 0, "too_long_skipped": 0}
    return {"name": name, "path": url, "server": answer} | unknown


def _checked_rows(file: Path, query: Query) -> int:
    """The rows of an alignment that was written now; it is removed if it can't be read. Raises InputError."""
    from af2cpu.query import read_given

    try:
        return read_given(file, query).n_seq
    except InputError as error:
        file.unlink(missing_ok=True)
        raise InputError(f"is damaged ({error})") from error


def _pairs_depend_on(work: Work[ServerPairsTask]) -> Mapping[str, Any]:
    task = work.task
    return {
        "sequences": [query.sequence for query in task.queries],
        "copies": list(task.copies),
        "sent": list(task.sent),
        "server": task.url,
        "mode": _PAIR_MODES[task.pairing],
    }


def _make_pairs(work: Work[ServerPairsTask], cores: int) -> DatabaseSearched:
    from af2cpu.search.server.answer import PAIR
    from af2cpu.search.server.client import MsaServer
    from af2cpu.search.server.tickets import Request, TicketStore, answers

    start, task = time.perf_counter(), work.task
    store = TicketStore(task.tickets)
    request = Request("pair", _PAIR_MODES[task.pairing], tuple(query.sequence for query in task.asked))

    def sending(_: Sequence[str]) -> None:
        _tell_sent(task.url, [work], " to be paired")

    rows = n_paired = 0
    with MsaServer(task.url) as server, closing(answers(server, store, request, sending)) as found:
        for ticket, archive in found:  # one: pairs depend on all sequences
            rows, n_paired = _pairs(work, ticket, archive, store)
            store.drop(ticket)
    done = DatabaseSearched(
        **_of_server(task.url, ticket, {PAIR: rows}, f"{SERVER}_paired"),
        hits=n_paired - 1,
        rows=n_paired,
        seconds=time.perf_counter() - start,
    )
    tell(work, done)
    return done


def _pairs(work: Work[ServerPairsTask], ticket: Ticket, archive: Path, store: TicketStore) -> tuple[int, int]:
    """Writes the paired rows of a complex; their number, and that of those with two sequences or more."""
    from af2cpu.query import read_paired
    from af2cpu.search.server.alignments import write_pairs
    from af2cpu.search.server.answer import PAIR

    task, remedy = work.task, "use --pairing none"
    with _opened(ticket, archive, store, task.asked) as parts, _about(ticket, store, remedy, damaged_is_lost=True):
        of = {query.sequence: parts.rows(PAIR, ticket.number(query.sequence)) for query in task.asked}
        if None in of.values():
            raise InputError(f"has no {PAIR} with all sequences of {task.query.name}")
        rows = write_pairs(task.queries, [of.get(query.sequence) for query in task.queries], task.copies, work.file)
        try:
            return rows, read_paired(work.file, task.queries).paired[0].n_seq
        except InputError as error:
            work.file.unlink(missing_ok=True)
            raise InputError(f"is damaged ({error})") from error


def _hits_depend_on(work: Work[ServerHitsTask]) -> Mapping[str, Any]:
    return {"server": work.task.url, "hits": list(work.one("alignment").done.hit_lines)}


def _make_hits(work: Work[ServerHitsTask], cores: int) -> DatabaseSearched:
    from af2cpu.search.server.client import MsaServer
    from af2cpu.search.server.hits import hits_of_lines, stockholm_of_hits
    from af2cpu.search.server.templates import fetch_templates

    start, task = time.perf_counter(), work.task
    hits, notes = hits_of_lines(work.one("alignment").done.hit_lines)
    with MsaServer(task.url) as server:
        found = fetch_templates(server, [hit.chain for hit in hits], task.mmcif)
    text, more, count = stockholm_of_hits(hits, found.chains, task.query.n_res)
    with atomic_write(work.file) as file:
        file.write(text.encode())
    done = DatabaseSearched(
        **_of_server(task.url, None, {}, PDB70),
        hits=count,
        seconds=time.perf_counter() - start,
        notes=(*notes, *more),
        entries=tuple(found.entries),
    )
    tell(work, done)
    return done


def _has_structures(work: Work[ServerHitsTask], done: DatabaseSearched) -> bool:
    return all(mmcif_path(work.task.mmcif, entry).is_file() for entry in done.entries)


MSA_SERVER = Stage(
    name="msa server", version=1, done=DatabaseSearched, depends_on=_alignment_depends_on, make=_make_alignments
)
MSA_SERVER_PAIRS = Stage(
    name="msa server pairs", version=1, done=DatabaseSearched, depends_on=_pairs_depend_on, make=each(_make_pairs)
)
MSA_SERVER_HITS = Stage(
    name="msa server hits",
    version=1,
    done=DatabaseSearched,
    depends_on=_hits_depend_on,
    make=each(_make_hits),
    intact=_has_structures,
)
