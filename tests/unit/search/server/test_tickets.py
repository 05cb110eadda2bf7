# SPDX-License-Identifier: Apache-2.0
"""Tickets beside the results: whose answers serve which requests, and that two runs do not use one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from msa_server import MsaServer

from af2cpu.search.server.client import MsaServer as Client
from af2cpu.search.server.tickets import Request, TicketStore, answers


def request(*sequences: str, endpoint: str = "msa", mode: str = "env") -> Request:
    return Request(endpoint, mode, sequences)


def test_a_ticket_serves_requests_of_its_kind(tmp_path: Path) -> None:
    store = TicketStore(tmp_path / "tickets")
    few = store.keep("x", "http://a", request("AAA", "CCC"))
    many = store.keep("y", "http://a", request("AAA", "CCC", "GGG"))
    pair = store.keep("z", "http://a", request("AAA", "CCC", endpoint="pair"))
    assert store.open_for("http://a", request("CCC", "GGG", "TTT")) == [many, few]
    assert store.open_for("http://a", request("AAA", "CCC", endpoint="pair")) == [pair]
    for other in (request("CCC", "AAA", endpoint="pair"), request("TTT"), request("AAA", mode="all")):
        assert store.open_for("http://a", other) == []
    assert store.open_for("http://b", request("AAA")) == []
    assert many.number("GGG") == 103
    (tmp_path / "tickets" / f"{few.name}.json").write_text("{")
    (tmp_path / "tickets" / "other.json").write_text('{"id": 3}')
    assert store.open_for("http://a", request("AAA")) == [many]


def test_a_ticket_in_use_is_left_to_its_run(msas: MsaServer, tmp_path: Path) -> None:
    """Another run sends the same once more: the server gives it the same ticket."""
    first, second = TicketStore(tmp_path), TicketStore(tmp_path)
    sent: list[tuple[str, ...]] = []
    with Client(msas.url) as client:
        running = answers(client, first, request("AAA", "CCC"), lambda these: sent.append(tuple(these)))
        ticket, archive = next(running)
        assert archive.is_file()
        with first.using(ticket) as mine:
            assert not mine
        other = answers(client, second, request("CCC", "AAA"), lambda these: sent.append(tuple(these)))
        next(other)
        assert sent == [("AAA", "CCC"), ("CCC", "AAA")]
        running.close()
        third = answers(client, second, request("AAA"), lambda these: sent.append(tuple(these)))
        assert next(third) == (ticket, archive)
        second.drop(ticket)
        assert list(third) == []
        assert len(sent) == 2
    assert not list(tmp_path.glob(f"{ticket.name}*"))


def test_what_a_ticket_lacks_is_sent(msas: MsaServer, tmp_path: Path) -> None:
    store = TicketStore(tmp_path)
    sent: list[tuple[str, ...]] = []
    with Client(msas.url) as client:
        for wanted in (("AAA", "CCC"), ("GGG", "CCC", "TTT")):
            got = [ticket.sequences for ticket, _ in answers(client, store, request(*wanted), sent.append)]
        assert got == [("AAA", "CCC"), ("GGG", "TTT")]
    assert sent == [("AAA", "CCC"), ("GGG", "TTT")]


@pytest.mark.parametrize("how", ["unknown", "refused", "gone"])
def test_a_ticket_that_the_server_no_longer_has_is_sent_again(how: str, msas: MsaServer, tmp_path: Path) -> None:
    store, sent = TicketStore(tmp_path), list[Sequence[str]]()
    with Client(msas.url) as client:
        ((first, _),) = answers(client, store, request("AAA", "CCC"), sent.append)
        store.archive(first).unlink()
        if how == "unknown":
            msas.tickets.clear()
        elif how == "refused":
            msas.refusals = [404] * 3
        else:
            msas.gone.add(first.id)
        found = [ticket.sequences for ticket, _ in answers(client, store, request("CCC"), sent.append)]
        assert found == [("CCC",)]
    assert sent == [("AAA", "CCC"), ("CCC",)]
    assert not list(tmp_path.glob(f"{first.name}*"))
