# SPDX-License-Identifier: Apache-2.0
"""Answers of servers, for the fuzz tests: a local one sends the same bytes whatever is asked."""

from __future__ import annotations

import gzip
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from msa_server import packed, structures
from parameter_archive import NAME, tar_of, tiny_npz
from stranger import Parts, Stranger
from stranger_files import DATABASE

from af2cpu.download import client, fetch
from af2cpu.records import Query
from af2cpu.search.server.alignments import write_alignment, write_pairs
from af2cpu.search.server.answer import ENVIRONMENT, HITS, PAIR, UNIREF, unpacked
from af2cpu.search.server.client import MsaServer, TicketLostError, ended
from af2cpu.search.server.hits import hits_of_lines, stockholm_of_hits
from af2cpu.search.server.templates import fetch_templates
from af2cpu.weights.download import download_parameters


@contextmanager
def _answering(content: bytes) -> Iterator[str]:
    """A server that sends these bytes on each connection, whatever is asked, and closes it; its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    try:
                        connection.settimeout(10)
                        connection.recv(65536)
                        connection.sendall(content)
                        connection.shutdown(socket.SHUT_WR)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
    thread.join()


def _head(body: bytes, more: str = "") -> bytes:
    return f'HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nETag: "v1"\r\n{more}\r\n'.encode()


def _without_pauses(read: Callable[[str, Path], object]) -> Callable[[Path], object]:
    """Reads what a server sends, without pauses between its tries; what it keeps is removed."""

    def reader(path: Path) -> object:
        folder = Path(tempfile.mkdtemp(dir=path.parent))
        try:
            with mock.patch("af2cpu.download.requests._PAUSE", 0.0), _answering(path.read_bytes()) as url:
                return read(url, folder)
        finally:
            shutil.rmtree(folder)

    return reader


def download(folder: Path) -> Stranger:
    body = gzip.compress(DATABASE, 1, mtime=0)

    def read(url: str, folder: Path) -> None:
        with client() as http:
            fetch(http, f"{url}/db.fasta.gz", folder / "db.fasta")

    return Stranger("answer", {"head": _head(body), "body": body}, _without_pauses(read))


def parameters_download(folder: Path) -> Stranger:
    body = tar_of({"LICENSE": b"Attribution 4.0\n", NAME: tiny_npz()})

    def read(url: str, folder: Path) -> None:
        download_parameters(["tiny"], folder / "params", f"{url}/params.tar")

    return Stranger("answer", {"head": _head(body), "body": body}, _without_pauses(read))


class _NoPause(threading.Event):
    """Waiting takes no time."""

    def wait(self, timeout: float | None = None) -> bool:
        return False


def _few_looks(longest: float, total: float) -> Iterator[float]:
    return iter([0.0] * 3)


def _asked(ask: Callable[[MsaServer, Path], object]) -> Callable[[Path], object]:
    """Asks an MSA server that sends the same whatever is asked, with few looks at a ticket that is never complete."""

    def read(url: str, folder: Path) -> object:
        token = ended.set(_NoPause())
        patience = mock.patch("af2cpu.search.server.client._pauses", _few_looks)
        try:
            with patience, MsaServer(url) as server:
                return ask(server, folder)
        finally:
            ended.reset(token)

    return _without_pauses(read)


def msa_ticket(folder: Path) -> Stranger:
    """The answer to sequences that were sent, and to the question whether they are searched."""
    body = b'{"id": "abcdefgh-_01", "status": "COMPLETE", "reason": "none"}'

    def ask(server: MsaServer, folder: Path) -> None:
        server.submit("msa", "env", ">101\nMKVLAWWW\n")
        try:
            server.wait_for("abcdefgh-_01")
        except TicketLostError:  # asked again by its caller
            return

    return Stranger("answer", {"head": _head(body), "body": body}, _asked(ask))


def msa_answer(folder: Path) -> Stranger:
    """The archive with the alignments and hits of two sequences, written as files of the results."""
    first, second = Query("a", "MKVLAWWW", "a", "test"), Query("b", "GSHMKVL", "b", "test")
    rows = "\0".join(f">{n}\n{q.sequence}\n>r{n}\nA{q.sequence[1:]}\n" for n, q in ((101, first), (102, second))) + "\0"
    hit = "101\t1abc_A\t0.9\t8\t0\t0\t1\t8\t3\t10\t1e-9\t90\t8M\n"
    parts = {UNIREF: rows.encode(), ENVIRONMENT: rows.encode(), HITS: hit.encode(), PAIR: rows.encode()}

    def read(path: Path) -> object:
        with unpacked(path, [101, 102], 20) as found:
            for number, query in ((101, first), (102, second)):
                places = [place for name in (UNIREF, ENVIRONMENT) if (place := found.rows(name, number))]
                write_alignment(query, places, path.with_name("out.a3m"))
                hits, _ = hits_of_lines(found.hits.get(number, ()))
                stockholm_of_hits(hits, {"1abc_A": ("GGMKVLAWWWGG", "made up")}, query.n_res)
            pairs = [found.rows(PAIR, number) for number in (101, 102)]
            return write_pairs([first, second], pairs, [1, 1], path.with_name("out.a3m"))

    return Stranger("answer.tar.gz", parts, read, lambda parts: packed(dict(parts)))


def msa_templates(folder: Path) -> Stranger:
    """The archive with structures of template hits, as it is fetched."""
    chains = ["0d00_A", "0d10_A"]
    parts = {"head": b"HTTP/1.1 200 OK\r\n\r\n", **structures(chains)}

    def join(parts: Parts) -> bytes:
        members = dict(parts)
        return members.pop("head") + packed(members)

    def ask(server: MsaServer, folder: Path) -> object:
        return fetch_templates(server, chains, folder)

    return Stranger("answer", parts, _asked(ask), join)
