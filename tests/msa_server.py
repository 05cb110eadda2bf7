# SPDX-License-Identifier: Apache-2.0
"""An MSA server with ColabFold's protocol on this machine: tickets, their states, answers, structures of templates.

    python tests/msa_server.py PORT

answers with relatives from the demo databases, aligned pair by pair. Tests script what goes wrong. The formats are
those of MMseqs2-App's server, as ColabFold's client (`run_mmseqs2`) reads them.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from urllib.parse import parse_qs

from af2cpu.features.pairwise import aligned_pairs
from af2cpu.shipped import shipped

UNIREF, ENVIRONMENT, PAIR, HITS = "uniref.a3m", "bfd.mgnify30.metaeuk30.smag30.a3m", "pair.a3m", "pdb70.m8"
_WORD, _SHARED = 3, 4  # letters of a word, and words that relatives share at least


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    path: str
    agent: str
    query: str = ""  # FASTA
    mode: str = ""


@dataclass
class Ticket:
    """A job of the server."""

    asked: Asked
    states: list[str] = field(default_factory=list)  # that are told before COMPLETE

    @property
    def sequences(self) -> dict[str, str]:
        """By number."""
        lines = self.asked.query.split("\n")
        return dict(zip((line[1:] for line in lines[::2] if line), lines[1::2], strict=True))


class MsaServer(ThreadingHTTPServer):
    """Answers as it should. What else it does can be changed at any time."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.asked: list[Asked] = []
        self.tickets: dict[str, Ticket] = {}
        self.rows: Callable[[str, str], Sequence[str]] = demo_rows  # sequence, file -> rows of a3m, without the query
        self.hits: Callable[[str], Sequence[str]] = demo_hits  # sequence -> lines of pdb70.m8 after the number
        self.submits: list[str] = []  # the next submissions are answered with these states in place of a ticket
        self.states: list[str] = ["PENDING", "RUNNING"]  # of each new ticket, before COMPLETE
        self.refusals: list[int] = []  # the next answers are these HTTP errors
        self.cuts: list[int] = []  # the next downloads end after so many bytes
        self.drops = 0  # the next so many connections are closed without an answer
        self.pack: Callable[[dict[str, bytes]], bytes] = packed
        self.hold = threading.Event()  # while it is set tickets stay RUNNING
        self.forgets = 0  # the next so many tickets are not known once they are given
        self.bad: set[str] = set()  # sequences whose tickets end with ERROR
        self.gone: set[str] = set()  # tickets that are complete and whose answers are no longer kept
        self.body: bytes | None = None  # in place of every answer to a question
        self.delay = 0.0  # seconds before an answer
        self.moved = ""  # address to which every question is sent on

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def paths(self, start: str = "/") -> list[str]:
        """The paths that were asked for."""
        return [one.path for one in self.asked if one.path.startswith(start)]

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # clients that are killed


class Handler(BaseHTTPRequestHandler):
    server: MsaServer

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"] or 0)).decode())
        asked = Asked(self.path, self.headers["User-Agent"] or "", form.get("q", [""])[0], form.get("mode", [""])[0])
        if self._fails(asked):
            return
        server = self.server
        if server.submits:
            status = server.submits.pop(0)
            self._json({"status": status, "reason": "be patient"}, 429 if status == "RATELIMIT" else 200)
            return
        digest = hashlib.sha224((asked.query + asked.mode).encode()).digest()
        number = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if server.forgets:
            server.forgets -= 1
            self._json({"id": number, "status": "PENDING"})
            return
        server.tickets.setdefault(number, Ticket(asked, list(server.states)))
        self._json({"id": number, "status": self._state(number, forward=False)})

    def do_GET(self) -> None:
        if self._fails(Asked(self.path, self.headers["User-Agent"] or "")):
            return
        kind, _, number = self.path.removeprefix("/").rpartition("/")
        if kind == "ticket":
            self._json({"id": number, "status": self._state(number)})
        elif kind == "result/download" and number in self.server.tickets.keys() - self.server.gone:
            self._send(self.server.pack(answer(self.server, self.server.tickets[number])))
        elif kind == "template":
            self._send(self.server.pack(structures(number.split(","))))
        else:
            self.send_error(404)

    def _state(self, number: str, *, forward: bool = True) -> str:
        ticket = self.server.tickets.get(number)
        if ticket is None:
            return "UNKNOWN"
        if self.server.hold.is_set():
            return "RUNNING"
        if not ticket.states:
            return "ERROR" if self.server.bad.intersection(ticket.sequences.values()) else "COMPLETE"
        return ticket.states.pop(0) if forward else ticket.states[0]

    def _fails(self, asked: Asked) -> bool:
        server = self.server
        server.asked.append(asked)
        time.sleep(server.delay)
        if server.moved:
            self.send_response(308)
            self.send_header("Location", server.moved)
            self.end_headers()
        elif server.body is not None:
            self._send(server.body)
        elif server.drops:
            server.drops -= 1
            self.close_connection = True
            self.connection.close()
        elif server.refusals:
            self.send_error(server.refusals.pop(0))
        else:
            return False
        return True

    def _json(self, content: object, code: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send(self, body: bytes) -> None:
        """Without its length, as the real server: what is cut ends like what is whole."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body[: self.server.cuts.pop(0)] if self.server.cuts else body)

    def log_message(self, *args: object) -> None:
        pass


def packed(members: dict[str, bytes], more: Sequence[tuple[tarfile.TarInfo, bytes]] = ()) -> bytes:
    """A .tar.gz of some files. more: members as they are, put before them."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as archive:
        for info, content in more:
            archive.addfile(info, io.BytesIO(content))
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def answer(server: MsaServer, ticket: Ticket) -> dict[str, bytes]:
    """The files of an answer."""
    names = [PAIR] if ticket.asked.path == "/ticket/pair" else [UNIREF, ENVIRONMENT]
    files = {
        name: "\0".join(
            f">{number}\n{sequence}\n" + "".join(f"{row}\n" for row in server.rows(sequence, name))
            for number, sequence in ticket.sequences.items()
        )
        + "\0"
        for name in names
    }
    if PAIR not in files:
        lines = [f"{number}\t{hit}\n" for number, letters in ticket.sequences.items() for hit in server.hits(letters)]
        files = {UNIREF: files[UNIREF], HITS: "".join(lines), ENVIRONMENT: files[ENVIRONMENT]}
    return {name: text.encode() for name, text in files.items()} | {"msa.sh": b"#!/bin/sh\n"}


@cache
def records(*parts: str) -> dict[str, str]:
    """Headers and sequences of a FASTA file of the demo databases."""
    found: dict[str, str] = {}
    for record in shipped("demo_databases", *parts).read_text().split(">")[1:]:
        header, *letters = record.split("\n")
        found[header] = "".join(letters)
    return found


def _words(letters: str) -> set[str]:
    return {letters[k : k + _WORD] for k in range(len(letters) - _WORD + 1)}


def relatives(sequence: str, *parts: str) -> Iterator[tuple[str, str, list[tuple[int, int]]]]:
    """Header, sequence and aligned residues of the records that share words with a sequence."""
    mine = _words(sequence)
    for header, letters in records(*parts).items():
        if len(mine & _words(letters)) >= _SHARED and (pairs := aligned_pairs(sequence, letters)):
            yield header, letters, pairs


def a3m_row(sequence: str, letters: str, pairs: Sequence[tuple[int, int]]) -> str:
    """A row in the columns of a sequence, from the first to the last aligned residue."""
    row, before = [], -1
    of = dict(pairs)
    for i in range(len(sequence)):
        if i not in of:
            row.append("-")
            continue
        row.append((letters[before + 1 : of[i]].lower() if before >= 0 else "") + letters[of[i]])
        before = of[i]
    return "".join(row)


@cache
def demo_rows(sequence: str, name: str) -> list[str]:
    """Lines of an alignment: relatives in the demo databases; of pairs the first rows of the same number of species."""
    if name == PAIR:
        return [line for k in range(3) for line in (f">UPI{k:010}\t100\t0.9\t1E-20", _changed(sequence, k))]
    place = ("uniref90", "uniref90.fasta") if name == UNIREF else ("mgnify", "mgy_clusters_2022_05.fa")
    lines = []
    for header, letters, pairs in relatives(sequence, *place):
        lines += [f">{header.split()[0]}\t100\t0.9\t1E-20\t0\t9\t10\t0\t9\t10", a3m_row(sequence, letters, pairs)]
    return lines


def _changed(sequence: str, number: int) -> str:
    """The sequence with some residues changed, different ones for each number."""
    return "".join("A" if (k + number) % 5 == 0 else letter for k, letter in enumerate(sequence))


def cigar(pairs: Sequence[tuple[int, int]]) -> str:
    """The alignment as MMseqs2 writes it: I is a residue of the query alone, D one of the hit alone."""
    steps = ["M"]
    for (i, j), (next_i, next_j) in pairwise(pairs):
        steps += ["I"] * (next_i - i - 1) + ["D"] * (next_j - j - 1) + ["M"]
    text, start = "", 0
    for k in range(1, len(steps) + 1):
        if k == len(steps) or steps[k] != steps[start]:
            text, start = f"{text}{k - start}{steps[start]}", k
    return text


@cache
def demo_hits(sequence: str) -> list[str]:
    """Lines of pdb70.m8 without their first word, the most similar chains first."""
    found = []
    for header, letters, pairs in relatives(sequence, "pdb_seqres", "pdb_seqres.txt"):
        same = sum(sequence[i] == letters[j] for i, j in pairs)
        (i, j), (last_i, last_j) = pairs[0], pairs[-1]
        spans = (i + 1, last_i + 1, j + 1, last_j + 1)
        words = (header.split()[0], f"{same / len(pairs):.3f}", len(pairs), 0, 0, *spans, "1E-10", 100, cigar(pairs))
        found.append((-same, "\t".join(map(str, words))))
    return [line for _, line in sorted(found)]


def structures(chains: Sequence[str]) -> dict[str, bytes]:
    """The files of an answer about template hits: the chains' alignments, and the mmCIF files of their entries."""
    data, index = b"", ""
    of_chain = {header.split()[0]: letters for header, letters in records("pdb_seqres", "pdb_seqres.txt").items()}
    for chain in sorted(set(chains) & set(of_chain)):
        entry = f">ss_dssp\nCCHH\n>{chain} mol:protein made up\n{of_chain[chain]}\n>x\n{of_chain[chain]}\n".encode()
        index += f"{chain}\t{len(data)}\t{len(entry) + 1}\n"
        data += entry + b"\0"
    files = {"pdb70_a3m.ffdata": data, "pdb70_a3m.ffindex": index.encode()}
    folder = shipped("demo_databases", "pdb_mmcif", "mmcif_files")
    names = sorted({f"{chain[:4].lower()}.cif" for chain in chains})
    return files | {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}


@contextmanager
def serving_msas() -> Iterator[MsaServer]:
    """A server at work."""
    with MsaServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def main() -> None:
    if len(sys.argv) != 2 or not sys.argv[1].isdecimal():
        sys.exit("usage: python tests/msa_server.py PORT")
    with MsaServer(int(sys.argv[1])) as server:
        print(f"MSA server at {server.url}; Ctrl-C ends it", flush=True)
        threading.Thread(target=_tell, args=(server,), daemon=True).start()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


def _tell(server: MsaServer) -> None:
    """A line for each request."""
    told = 0
    while True:
        for asked in server.asked[told:]:
            sequences = asked.query.count(">")
            print(asked.path, f"{sequences} sequences, mode {asked.mode}, " * bool(sequences) + asked.agent, flush=True)
            told += 1
        time.sleep(0.2)


if __name__ == "__main__":
    main()
