# SPDX-License-Identifier: Apache-2.0
"""Servers that redirect in a circle, cut the line, send no ranges: with a real server and real processes."""

from __future__ import annotations

from pathlib import Path

import httpx
import psutil
import pytest
from http_server import Server
from program_cases import Program, features, inputs

from af2cpu.download import client, fetch
from af2cpu.errors import DownloadError

CONTENT = bytes(range(256)) * 2000


@pytest.mark.fault("redirects", "error of one line, at once")
@pytest.mark.parametrize("location", ["/x", "http://[bad/", "//"])
def test_redirects_that_lead_nowhere(server: Server, tmp_path: Path, location: str) -> None:
    server.redirects["/x"] = location
    with client() as http, pytest.raises(DownloadError) as caught:
        fetch(http, server.url("/x"), tmp_path / "x")
    assert server.url("/x") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(server.asked) <= 21 * 6


@pytest.mark.fault("redirects")
def test_a_redirect_that_leads_to_the_file(server: Server, tmp_path: Path) -> None:
    server.redirects["/x"], server.files["/y"] = "/y", CONTENT
    with client() as http:
        fetch(http, server.url("/x"), tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == CONTENT


def broken(server: Server, http: httpx.Client, path: Path) -> str:
    with pytest.raises(DownloadError) as caught:
        fetch(http, server.url("/y"), path)
    return str(caught.value)


@pytest.mark.fault("no ranges", "the error promises no continuation; the next run begins anew and says so")
def test_what_is_promised_is_kept(server: Server, tmp_path: Path) -> None:
    server.files["/y"] = CONTENT
    with client() as http:
        server.cuts = [200_000] + [0] * 5
        assert broken(server, http, tmp_path / "a").endswith("run the same command again, it goes on from here")
        before = len(server.asked)
        fetch(http, server.url("/y"), tmp_path / "a")
        assert server.asked[before:] == [("/y", "bytes=200000-511999")]
        server.ranges, server.cuts = False, [200_000] + [0] * 5
        assert broken(server, http, tmp_path / "b").endswith("run the same command again")
        fetch(http, server.url("/y"), tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == CONTENT


@pytest.mark.fault(28, "all listen on the loopback interface unless asked, and there is no dashboard")
def test_a_batch_listens_on_the_loopback_interface(tmp_path: Path) -> None:
    source = inputs(tmp_path / "in", "a", "b")
    run = Program(
        tmp_path / "log", *features(source, tmp_path / "out", "--workers", 2), faults=[["features", "b", "hold", 1]]
    )
    run.until((tmp_path / "log/fault-0-0").exists)
    processes = [psutil.Process(run.process.pid), *run.children()]
    listening = [
        one.laddr
        for process in processes
        for one in process.net_connections("inet")
        if one.status == psutil.CONN_LISTEN
    ]
    pages = [_page(place.port) for place in listening]
    (tmp_path / "log/go").touch()
    run.end()
    assert listening
    assert {place.ip for place in listening} == {"127.0.0.1"}
    assert 8787 not in {place.port for place in listening}
    assert [page for page in pages if "html" in page.lower()] == []


def _page(port: int) -> str:
    """What a browser would be shown; nothing where no web server answers, or where it has no such page."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/status", timeout=2, follow_redirects=True)
    except httpx.HTTPError:
        return ""
    return answer.text if answer.status_code == 200 else ""
