"""Downloads from a local HTTP server: ranges, resuming, changed files, damage, space, structures."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from af2cpu.commands import db
from af2cpu.errors import DatabaseError
from af2cpu.search import download
from af2cpu.search.download import client, fetch
from af2cpu.search.sources import Source
from af2cpu.search.structures import entries_of, fetch_entries

CONTENT = b">a\nMKVLA\n" * 50_000
PACKED = gzip.compress(CONTENT, 1)


class Server(ThreadingHTTPServer):
    """Serves `files`; `breaks` is how often a connection ends in the middle; `asked` are the ranges asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {"/db.fa.gz": PACKED, "/db.txt": CONTENT, "/ab/1abc.cif.gz": gzip.compress(b"data_1ABC\n")}
        self.tag = '"v1"'
        self.breaks = 0
        self.asked: list[str | None] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers["Range"]
        self.server.asked.append(asked)
        content = self.server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        start = 0
        if asked and self.headers["If-Range"] in {None, self.server.tag}:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("ETag", self.server.tag)
        self.end_headers()
        end = len(content)
        if self.server.breaks:
            self.server.breaks -= 1
            end = start + (end - start) // 2
        self.wfile.write(content[start:end])

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(download, "_PAUSE", 0.0)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with client() as connected:
        yield connected


def test_fetch_and_unpack(server: Server, http: httpx.Client, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    fetch(http, server.url("/db.fa.gz"), tmp_path / "sub/db.fa", len(CONTENT), lambda *step: seen.append(step))
    assert (tmp_path / "sub/db.fa").read_bytes() == CONTENT
    assert seen[-1] == (len(PACKED), len(PACKED))
    fetch(http, server.url("/db.fa.gz"), tmp_path / "sub/db.fa")
    assert len(server.asked) == 1  # what is there is not fetched again
    assert [path.name for path in (tmp_path / "sub").iterdir()] == ["db.fa"]


@pytest.mark.parametrize("name", ["/db.fa.gz", "/db.txt"])
def test_broken_connections_are_resumed(server: Server, http: httpx.Client, tmp_path: Path, name: str) -> None:
    server.breaks = 3
    fetch(http, server.url(name), tmp_path / "db.fa")
    assert (tmp_path / "db.fa").read_bytes() == CONTENT
    starts = [int(asked.removeprefix("bytes=").removesuffix("-")) for asked in server.asked if asked]
    assert starts == sorted(starts)
    assert len(starts) == 3
    assert starts[0] > 0


def test_a_later_run_goes_on(
    server: Server, http: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_RETRIES", 0)
    server.breaks = 1
    with pytest.raises(DatabaseError, match="run the same command again"):
        fetch(http, server.url("/db.txt"), tmp_path / "db.txt")
    assert not (tmp_path / "db.txt").exists()
    fetch(http, server.url("/db.txt"), tmp_path / "db.txt")
    assert (tmp_path / "db.txt").read_bytes() == CONTENT
    assert server.asked[1] is not None


def test_a_file_that_has_changed_is_fetched_anew(
    server: Server, http: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_RETRIES", 0)
    server.breaks = 1
    with pytest.raises(DatabaseError):
        fetch(http, server.url("/db.txt"), tmp_path / "db.txt")
    server.tag, server.files["/db.txt"] = '"v2"', CONTENT.replace(b"K", b"R")
    fetch(http, server.url("/db.txt"), tmp_path / "db.txt")
    assert (tmp_path / "db.txt").read_bytes() == server.files["/db.txt"]


def test_damage_space_and_refusal(server: Server, http: httpx.Client, tmp_path: Path) -> None:
    server.files["/db.fa.gz"] = PACKED[:-100] + b"x" * 100
    with pytest.raises(DatabaseError, match="damaged"):
        fetch(http, server.url("/db.fa.gz"), tmp_path / "db.fa")
    assert not list(tmp_path.iterdir()) or [p.name for p in tmp_path.iterdir()] == ["db.fa.part.json"]
    with pytest.raises(DatabaseError, match="answers 404"):
        fetch(http, server.url("/no"), tmp_path / "no")
    with pytest.raises(DatabaseError, match=r"needs 1000000\.0 GB .*make room"):
        fetch(http, server.url("/db.fa.gz"), tmp_path / "huge.fa", 10**15)
    with pytest.raises(DatabaseError, match="run the same command again"):
        fetch(http, "http://127.0.0.1:9/x", tmp_path / "x")


def test_structures(server: Server, tmp_path: Path) -> None:
    url = server.url("/{middle}/{entry}.cif.gz")
    (tmp_path / "2xyz.cif").touch()
    failures = fetch_entries(["1abc", "2xyz", "9zzz"], tmp_path, url)
    assert gzip.decompress((tmp_path / "1abc.cif.gz").read_bytes()) == b"data_1ABC\n"
    assert len(failures) == 1
    assert "structure 9zzz not fetched" in failures[0]
    assert len(server.asked) == 2


def test_entries_with_protein_chains(tmp_path: Path) -> None:
    path = tmp_path / "pdb_seqres.txt"
    path.write_text(
        ">101m_A mol:protein length:3  X\nMKV\n>1abc_A mol:na length:2  Y\nGC\n>101m_B mol:protein length:1\nM\n"
    )
    assert entries_of(path) == ["101m"]


def test_the_command_fills_af2s_layout(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.files["/seqres.txt"] = b">1abc_A mol:protein length:2  X\nMK\n"
    sources = {
        "uniref90": Source(server.url("/db.fa.gz"), "uniref90/uniref90.fasta", 0, 0),
        "pdb_seqres": Source(server.url("/seqres.txt"), "pdb_seqres/pdb_seqres.txt", 0, 0),
    }
    monkeypatch.setattr("af2cpu.search.sources.SOURCES", sources)
    url = server.url("/{middle}/{entry}.cif.gz")
    monkeypatch.setattr(
        "af2cpu.search.structures.fetch_entries", lambda entries, folder, progress: fetch_entries(entries, folder, url)
    )
    result = CliRunner().invoke(db.app, ["download", "--data-dir", str(tmp_path), "--mmcif", "on-demand"])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "uniref90/uniref90.fasta").read_bytes() == CONTENT
    assert not list((tmp_path / "pdb_mmcif/mmcif_files").iterdir())
    result = CliRunner().invoke(db.app, ["download", "--data-dir", str(tmp_path), "pdb_mmcif"])
    assert result.exit_code == 0, result.output
    assert [path.name for path in (tmp_path / "pdb_mmcif/mmcif_files").iterdir()] == ["1abc.cif.gz"]
    sources["gone"] = Source(server.url("/gone"), "gone", 0, 0)
    result = CliRunner().invoke(db.app, ["download", "--data-dir", str(tmp_path), "gone"])
    assert result.exit_code == 2
    assert "answers 404" in result.output
