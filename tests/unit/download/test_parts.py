# SPDX-License-Identifier: Apache-2.0
"""Files and pieces of files from a local server: resumed, changed, cut off, refused, damaged, no space."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from http_server import Server
from plan_cases import told

from af2cpu import events
from af2cpu.download import Piece, Remote, client, exclusive, fetch, fetch_piece, look, part_path
from af2cpu.errors import DownloadError
from af2cpu.events import Event

CONTENT = b"".join(b">a%d\nMKVLA\n" % k for k in range(40_000))
PACKED = gzip.compress(CONTENT, 1)
PIECE = slice(1000, 401_000)


class StopError(Exception):
    """As Ctrl-C: ends a download where it stands."""


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with client() as connected:
        yield connected


@pytest.fixture(autouse=True)
def _files(server: Server) -> None:
    server.files = {"/db.fa.gz": PACKED, "/db.txt": CONTENT}


@contextmanager
def interrupted_after(size: int) -> Iterator[None]:
    """As Ctrl-C once so many bytes have come."""

    def stop(event: Event) -> None:
        if event.kind == "progress" and event.numbers["done"] >= size:
            raise StopError

    with pytest.raises(StopError), events.listening(stop):
        yield


def begun(server: Server, http: httpx.Client, path: Path) -> int:
    """Leaves a part of db.txt; its size."""
    with interrupted_after(100_000):
        fetch(http, server.url("/db.txt"), path)
    assert not path.exists()
    size = part_path(path).stat().st_size
    assert 100_000 <= size < len(CONTENT)
    return size


def test_fetch_and_unpack(server: Server, http: httpx.Client, tmp_path: Path) -> None:
    with told("progress") as seen:
        fetch(http, server.url("/db.fa.gz"), tmp_path / "sub/db.fa", len(CONTENT))
    assert (tmp_path / "sub/db.fa").read_bytes() == CONTENT
    assert (seen[-1].text, seen[-1].numbers) == ("db.fa", {"done": len(PACKED), "total": len(PACKED)})
    fetch(http, server.url("/db.fa.gz"), tmp_path / "sub/db.fa")
    assert len(server.asked) == 1  # what is there is not fetched again
    assert [path.name for path in (tmp_path / "sub").iterdir()] == ["db.fa"]


@pytest.mark.parametrize("name", ["/db.fa.gz", "/db.txt"])
def test_broken_lines_are_resumed(server: Server, http: httpx.Client, tmp_path: Path, name: str) -> None:
    server.cuts = [5000] * 7  # more often than is borne without progress
    fetch(http, server.url(name), tmp_path / "db.fa")
    assert (tmp_path / "db.fa").read_bytes() == CONTENT
    assert server.starts == [5000 * k for k in range(1, 8)]


def test_a_line_that_only_breaks_is_given_up(server: Server, http: httpx.Client, tmp_path: Path) -> None:
    server.cuts = [0] * 6
    with pytest.raises(DownloadError, match=r"run the same command again$"):
        fetch(http, server.url("/db.txt"), tmp_path / "db.txt")
    assert len(server.asked) == 6
    server.cuts = [5000] + [0] * 6
    with pytest.raises(DownloadError, match="run the same command again, it goes on from here"):
        fetch(http, server.url("/db.txt"), tmp_path / "db.txt")
    with pytest.raises(DownloadError, match="run the same command again"):
        fetch(http, "http://127.0.0.1:9/x", tmp_path / "x")


def test_a_busy_server_is_asked_again(server: Server, http: httpx.Client, tmp_path: Path) -> None:
    server.statuses, server.delay = [503, 429, 500], 0.05
    fetch(http, server.url("/db.txt"), tmp_path / "db.txt")
    assert (tmp_path / "db.txt").read_bytes() == CONTENT
    server.statuses = [403]
    with pytest.raises(DownloadError, match="answers 403"):
        fetch(http, server.url("/db.txt"), tmp_path / "other.txt")
    with pytest.raises(DownloadError, match="answers 404"):
        fetch(http, server.url("/no"), tmp_path / "no")


@pytest.mark.parametrize("by_date", [False, True])
def test_a_later_run_goes_on(server: Server, http: httpx.Client, tmp_path: Path, by_date: bool) -> None:
    if by_date:
        server.tag, server.modified = 'W/"weak"', "Tue, 06 Dec 2022 12:00:00 GMT"
    have = begun(server, http, tmp_path / "db.txt")
    with told("line") as lines:
        fetch(http, server.url("/db.txt"), tmp_path / "db.txt")
    assert (tmp_path / "db.txt").read_bytes() == CONTENT
    assert server.starts == [have]
    assert not lines  # nothing was dropped


@pytest.mark.parametrize("conditions", [True, False])
def test_a_file_that_has_changed_is_fetched_anew_aloud(
    server: Server, http: httpx.Client, tmp_path: Path, conditions: bool
) -> None:
    """Also from a server that sends the rest of another file whatever the condition was."""
    begun(server, http, tmp_path / "db.txt")
    server.conditions = conditions
    server.tag, server.files["/db.txt"] = '"v2"', CONTENT.replace(b"K", b"R")
    with told("line") as lines:
        fetch(http, server.url("/db.txt"), tmp_path / "db.txt")
    assert (tmp_path / "db.txt").read_bytes() == server.files["/db.txt"]
    assert len(lines) == 1
    assert "of an earlier download are dropped" in lines[0].text


def test_what_can_not_be_told_apart_is_fetched_anew(server: Server, http: httpx.Client, tmp_path: Path) -> None:
    server.tag = None
    begun(server, http, tmp_path / "db.txt")
    server.files["/db.txt"] = CONTENT.replace(b"K", b"R")
    with told("line") as lines:
        fetch(http, server.url("/db.txt"), tmp_path / "db.txt")
    assert (tmp_path / "db.txt").read_bytes() == server.files["/db.txt"]
    assert not server.starts
    assert len(lines) == 1


@pytest.mark.parametrize("told_by", ["tag", "modified"])
def test_a_version_in_letters_that_can_not_be_sent_back(
    server: Server, http: httpx.Client, tmp_path: Path, told_by: str
) -> None:
    """It tells nothing apart then: the download begins anew after a broken line."""
    server.tag = None
    setattr(server, told_by, '"\xf61"')
    server.cuts = [50_000]
    fetch(http, server.url("/db.txt"), tmp_path / "db.txt")
    assert (tmp_path / "db.txt").read_bytes() == CONTENT


def test_a_server_without_ranges_begins_anew(server: Server, http: httpx.Client, tmp_path: Path) -> None:
    server.ranges, server.cuts = False, [50_000]
    fetch(http, server.url("/db.txt"), tmp_path / "db.txt")
    assert (tmp_path / "db.txt").read_bytes() == CONTENT


def test_a_range_that_was_not_asked_for_is_not_taken(server: Server, http: httpx.Client, tmp_path: Path) -> None:
    have = begun(server, http, tmp_path / "db.txt")
    server.shift = 5
    fetch(http, server.url("/db.txt"), tmp_path / "db.txt")
    assert (tmp_path / "db.txt").read_bytes() == CONTENT
    assert server.starts == [have]


def test_the_line_ends_before_the_announced_length(server: Server, http: httpx.Client, tmp_path: Path) -> None:
    server.announced = 10
    with pytest.raises(DownloadError, match="run the same command again"):
        fetch(http, server.url("/db.txt"), tmp_path / "db.txt")
    assert not (tmp_path / "db.txt").exists()


def test_damage_and_space(server: Server, http: httpx.Client, tmp_path: Path) -> None:
    server.files["/db.fa.gz"] = PACKED[:-100] + b"x" * 100
    with pytest.raises(DownloadError, match="damaged"):
        fetch(http, server.url("/db.fa.gz"), tmp_path / "db.fa")
    assert not list(tmp_path.iterdir())
    with pytest.raises(DownloadError, match=r"needs 1000000\.0 GB .*make room"):
        fetch(http, server.url("/db.fa.gz"), tmp_path / "huge.fa", 10**15)


def piece_of(server: Server, http: httpx.Client) -> Piece:
    remote = look(http, server.url("/db.txt"))
    assert remote == Remote(server.url("/db.txt"), len(CONTENT), server.tag or "", True)
    server.asked.clear()
    return Piece(remote.url, PIECE.start, PIECE.stop - PIECE.start, remote.validator)


def test_a_piece_is_resumed_within_and_between_runs(server: Server, http: httpx.Client, tmp_path: Path) -> None:
    piece, part = piece_of(server, http), tmp_path / "x.part"
    server.cuts = [50_000, 60_000]
    with interrupted_after(200_000):
        fetch_piece(http, piece, part)
    have = part.stat().st_size
    fetch_piece(http, piece, part)
    assert part.read_bytes() == CONTENT[PIECE]
    assert server.starts == [1000, 51_000, 111_000, 1000 + have]
    fetch_piece(http, piece, part)
    assert len(server.starts) == 4  # complete: nothing is asked for


@pytest.mark.parametrize("conditions", [True, False])
def test_a_piece_of_another_version_is_dropped_aloud(
    server: Server, http: httpx.Client, tmp_path: Path, conditions: bool
) -> None:
    server.conditions = conditions
    old, part = piece_of(server, http), tmp_path / "x.part"
    with interrupted_after(200_000):
        fetch_piece(http, old, part)
    server.tag, server.files["/db.txt"] = '"v2"', CONTENT.replace(b"K", b"R")
    with pytest.raises(DownloadError, match="has changed on the server"):
        fetch_piece(http, old, part)
    with told("line") as lines:
        fetch_piece(http, piece_of(server, http), part)
    assert part.read_bytes() == server.files["/db.txt"][PIECE]
    assert "are dropped" in lines[0].text


def test_lengths_of_a_piece_that_are_wrong(server: Server, http: httpx.Client, tmp_path: Path) -> None:
    piece, part = piece_of(server, http), tmp_path / "x.part"
    server.announced = 10  # all of the piece comes, and then the line ends before what was announced
    fetch_piece(http, piece, part)
    assert part.read_bytes() == CONTENT[PIECE]
    part.unlink()
    server.announced = -1000  # less than was asked for, each time
    with pytest.raises(DownloadError, match="the server sent 1000 bytes less than requested"):
        fetch_piece(http, piece, part)
    server.announced, server.shift = 0, 7
    part.unlink()
    with pytest.raises(DownloadError, match="another range"):
        fetch_piece(http, piece, part)
    server.shift, server.ends = 0, False
    with pytest.raises(DownloadError, match="the server sent more than requested, and the part is removed"):
        fetch_piece(http, piece, part)
    assert not list(tmp_path.iterdir())


def test_addresses_that_are_none(http: httpx.Client) -> None:
    for url in ("ftp://example.org/x.tar", "/home/me/x.tar", "file:///x.tar"):
        with pytest.raises(DownloadError, match="must begin with https"):
            look(http, url)


def test_two_downloads_into_one_folder(tmp_path: Path) -> None:
    with (
        exclusive(tmp_path / "new"),
        pytest.raises(DownloadError, match="another download"),
        exclusive(tmp_path / "new"),
    ):
        pass
    with exclusive(tmp_path / "new", wait=True):
        pass
