# SPDX-License-Identifier: Apache-2.0
"""An MSA server that is busy, broken, hostile or gone, and runs that are killed while they wait for it."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from kill_cases import finish, start
from msa_server import ENVIRONMENT, HITS, UNIREF, MsaServer, packed
from typer.testing import CliRunner

from af2cpu.cli import app
from af2cpu.search.server import answer, client, tickets
from af2cpu.search.server.answer import unpacked

A, B = "MKTAYIAKQRQ", "GSHMKVLAAG"


@pytest.fixture
def known(msas: MsaServer) -> MsaServer:
    """A server with a row for each sequence."""
    msas.rows = lambda sequence, name: [">r", "A" + sequence[1:]]
    msas.hits = lambda sequence: []
    return msas


def search(server: MsaServer | str, fasta: Path, out: Path, *more: object) -> Any:
    url = server if isinstance(server, str) else server.url
    result = CliRunner().invoke(app, ["search", str(fasta), "-o", str(out), "--msa-server", url, *map(str, more)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    path = tmp_path / "in.fasta"
    path.write_text(f">a\n{A}\n>b\n{B}\n")
    return path


def made(out: Path) -> set[str]:
    return {path.parent.name for path in out.glob("*/features.npz")}


def failures(result: Any) -> list[str]:
    """Why targets failed, from the lines at the end."""
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    return [line.removeprefix("  failed: ") for line in result.stdout.splitlines() if line.startswith("  failed: ")]


def test_it_waits_while_the_server_takes_nothing(known: MsaServer, fasta: Path, tmp_path: Path) -> None:
    known.submits = ["RATELIMIT", "RATELIMIT", "UNKNOWN"]
    known.states = ["PENDING", "UNKNOWN", "PENDING", "RUNNING", "RUNNING"]
    result = search(known, fasta, tmp_path / "out")
    assert made(tmp_path / "out") == {"a", "b"}
    assert known.paths("/ticket/msa") == ["/ticket/msa"] * 4
    assert result.stderr.count("MSA server: RATELIMIT, waiting 0 s: be patient") == 2
    assert result.stderr.count(" leave this machine") == 1


def test_patience_ends(known: MsaServer, fasta: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ticket is kept: the same command goes on with it."""
    monkeypatch.setattr(client, "_MAX_LIMITED", 0.0)
    known.submits = ["RATELIMIT"] * 3
    why = f"MSA server {known.url}: has taken no sequences for 0 s: RATELIMIT (be patient); run the same command later"
    assert set(failures(search(known, fasta, tmp_path / "out"))) == {why}
    known.submits.clear()
    monkeypatch.setattr(client, "_MAX_WAIT", 0.0)
    known.hold.set()
    why = failures(search(known, fasta, tmp_path / "out"))[0]
    assert "is not complete after 0 s; run the same command again, it goes on waiting for it" in why
    known.hold.clear()
    known.states.clear()
    next(iter(known.tickets.values())).states.clear()
    count = len(known.paths("/ticket/msa"))
    result = search(known, fasta, tmp_path / "out")
    assert made(tmp_path / "out") == {"a", "b"}
    assert len(known.paths("/ticket/msa")) == count
    assert "MSA server: going on with ticket" in result.stderr


def test_maintenance(known: MsaServer, fasta: Path, tmp_path: Path) -> None:
    known.submits = ["MAINTENANCE"]
    why = f"MSA server {known.url}: is under maintenance; run the same command later"
    assert failures(search(known, fasta, tmp_path / "out")) == [why, why]
    assert len(known.asked) == 1
    assert search(known, fasta, tmp_path / "out").exit_code == 0


def test_a_sequence_that_the_server_can_not_do_costs_itself_only(known: MsaServer, fasta: Path, tmp_path: Path) -> None:
    known.bad.add(A)
    (why,) = failures(search(known, fasta, tmp_path / "out"))
    assert "ended with an error (ERROR); run the same command later, or give an alignment with --msa" in why
    assert made(tmp_path / "out") == {"b"}
    known.bad.clear()
    assert search(known, fasta, tmp_path / "out").exit_code == 0
    assert made(tmp_path / "out") == {"a", "b"}


def test_an_error_at_once(known: MsaServer, fasta: Path, tmp_path: Path) -> None:
    known.submits = ["ERROR"] * 3  # together, and each by itself
    why = f"MSA server {known.url}: reports an error (be patient); run the same command later, or give an alignment"
    assert [one.startswith(why) for one in failures(search(known, fasta, tmp_path / "out"))] == [True, True]


def test_a_ticket_that_the_server_has_lost_is_sent_again(known: MsaServer, fasta: Path, tmp_path: Path) -> None:
    known.forgets = 1
    result = search(known, fasta, tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert len(known.paths("/ticket/msa")) == 2
    known.forgets = 9
    fasta.write_text(f">c\n{A}C\n")
    (why,) = failures(search(known, fasta, tmp_path / "out"))
    assert "does not know its own ticket" in why
    assert len(known.paths("/ticket/msa")) == 4


def test_no_server(fasta: Path, msas: MsaServer, tmp_path: Path) -> None:
    """Targets with alignments of their own are done all the same; the first failure is told at once."""
    (tmp_path / "own.a3m").write_text(f">own\n{A}V\n>x\n{A}A\n")
    arguments = ["search", str(fasta), str(tmp_path / "own.a3m"), "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*arguments, "--msa-server", "http://127.0.0.1:9"])
    url = "MSA server http://127.0.0.1:9"
    why = f"{url}: can't be reached in 6 tries ([Errno 111] Connection refused); check the address and the network, "
    assert failures(result) == [f"{why}then run the same command again"] * 2
    assert result.stderr.count(f"{url}: [Errno 111] Connection refused; trying again") == 1
    assert made(tmp_path / "out") == {"own"}


def test_a_server_that_is_gone_is_asked_once_for_each_further_ticket(
    known: MsaServer, fasta: Path, tmp_path: Path
) -> None:
    known.drops = 8
    search(known, fasta, tmp_path / "out")
    assert len(known.asked) == 6
    search(known, fasta, tmp_path / "out")
    assert len(known.asked) == 7
    known.drops = 0
    assert search(known, fasta, tmp_path / "out").exit_code == 0
    known.drops = 2
    fasta.write_text(f">c\n{A}C\n")
    assert search(known, fasta, tmp_path / "out").exit_code == 0  # with patience again


def test_a_server_that_hangs(known: MsaServer, fasta: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_TIMEOUT", 0.05)
    monkeypatch.setattr(client, "_RETRIES", 1)
    known.delay = 1.0
    assert "can't be reached in 2 tries (timed out)" in failures(search(known, fasta, tmp_path / "out"))[0]


def test_errors_of_http_are_tried_again(known: MsaServer, fasta: Path, tmp_path: Path) -> None:
    known.refusals = [503, 500, 429, 502]
    assert search(known, fasta, tmp_path / "out").exit_code == 0
    known.refusals = [403]
    fasta.write_text(f">c\n{A}C\n")
    (why,) = failures(search(known, fasta, tmp_path / "out"))
    assert why == f"MSA server {known.url}: answers 403 Forbidden; is it an MSA server, and its address complete?"


@pytest.mark.parametrize("body", [b"<html>welcome</html>", b"[]", b'{"status": "FINE"}', b'"x"', b"\xff" * (2 << 20)])
def test_what_is_no_msa_server(body: bytes, known: MsaServer, fasta: Path, tmp_path: Path) -> None:
    known.body = body
    why = failures(search(known, fasta, tmp_path / "out"))
    assert len(why) == 2
    assert all("is it an MSA server, and its address complete?" in one and len(one) < 400 for one in why)


def test_a_ticket_that_leads_elsewhere_is_none(known: MsaServer, fasta: Path, tmp_path: Path) -> None:
    known.body = orjson.dumps({"status": "PENDING", "id": "../../etc/passwd"})
    why = f"MSA server {known.url}: gives no ticket; is it an MSA server?"
    assert failures(search(known, fasta, tmp_path / "out")) == [why, why]


def test_sequences_do_not_follow_a_redirection(known: MsaServer, fasta: Path, tmp_path: Path) -> None:
    known.moved = "http://elsewhere.example.org/"
    why = failures(search(known, fasta, tmp_path / "out"))
    assert why[0].endswith(
        "has moved to http://elsewhere.example.org/; nothing is sent there unless that address is given"
    )
    assert len(known.asked) == 1


@pytest.mark.parametrize("size", [0, 10, 200])
def test_a_cut_download_is_fetched_again(size: int, known: MsaServer, fasta: Path, tmp_path: Path) -> None:
    known.cuts = [size, size]
    assert search(known, fasta, tmp_path / "out").exit_code == 0
    assert len(known.paths("/result/download")) == 3
    known.cuts = [size] * 3
    fasta.write_text(f">c\n{A}C\n")
    (why,) = failures(search(known, fasta, tmp_path / "out"))
    assert "is damaged (" in why
    assert search(known, fasta, tmp_path / "out").exit_code == 0
    assert len(known.paths("/ticket/msa")) == 2  # the ticket of the cut answer served again


def member(name: str, kind: bytes = tarfile.REGTYPE, content: bytes = b"", link: str = "") -> tuple[Any, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, len(content), link
    return info, content


def test_surprising_members_are_passed_over(
    known: MsaServer, fasta: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written under a name from an archive."""
    secret = tmp_path / "secret"
    secret.write_text("untouched")
    more = [
        member(str(secret), content=b"evil"),
        member("../../secret", content=b"evil"),
        member("sub/../../../secret", content=b"evil"),
        member(UNIREF, tarfile.SYMTYPE, link=str(secret)),
        member(UNIREF, tarfile.LNKTYPE, link=str(secret)),
        member(ENVIRONMENT, tarfile.FIFOTYPE),
        member(HITS, tarfile.CHRTYPE),
        member("sub/" + UNIREF, content=b">evil\n"),
        member("sub", tarfile.DIRTYPE),
        member("other.a3m", content=b"\0" * 3000),
        member("n" * 300, content=b"x"),
    ]
    known.pack = lambda files: packed(files, more)
    assert search(known, fasta, tmp_path / "out").exit_code == 0
    assert secret.read_text() == "untouched"
    text = (tmp_path / "out/a/msas/msa_server_hits.a3m").read_text()
    assert text == f">a\n{A}\n>r\nA{A[1:]}\n>r\nA{A[1:]}\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.fasta", "out", "secret"]


def pax_bomb(files: dict[str, bytes]) -> bytes:
    """A head of a member with 64 MB of attributes."""
    return packed(files, [member("head", tarfile.XHDTYPE, bytes(64 << 20))])


def line_bomb(files: dict[str, bytes]) -> bytes:
    return packed({UNIREF: b">101\n" + b"A" * (64 << 20)})


DAMAGED: dict[str, tuple[Callable[[dict[str, bytes]], bytes], str]] = {
    "no tar": (lambda files: gzip.compress(b"hello" * 200), "is no tar archive"),
    "no gzip": (lambda files: b"hello", "is damaged (Not a gzipped file"),
    "twice": (lambda files: packed(files, [member(UNIREF, content=b">101\n")]), f"has {UNIREF} twice"),
    "nothing": (lambda files: packed({}), f"has no {UNIREF} with"),
    "number": (lambda files: packed({UNIREF: b">x\nAAA\n"}), "with a first row that is no number of a sequence"),
    "text": (lambda files: packed({UNIREF: b"AAA\n>101\n"}), "with text before its first row"),
    "other": (lambda files: packed({UNIREF: f">101\nGGG\n\0>102\n{B[:-1]}W\n".encode()}), "the alignment of another"),
    "letters": (
        lambda files: packed({UNIREF: f">101\n{A}\n>x\n{'1' * 11}\n\0>102\n{B}\n>x\nA1\n".encode()}),
        "the answer to ticket",
    ),
    "pax bomb": (pax_bomb, "a head of a member is too large"),
    "line bomb": (line_bomb, "has a line of over 4 MB"),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_answer(kind: str, known: MsaServer, fasta: Path, tmp_path: Path) -> None:
    """One line for each target; another run asks again."""
    pack, why = DAMAGED[kind]
    whole = known.pack
    known.pack = pack
    found = failures(search(known, fasta, tmp_path / "out"))
    assert len(found) == 2
    assert all(why in one and known.url in one for one in found), found
    assert not list((tmp_path / "out").glob("*/msas/msa_server_hits.a3m"))
    known.pack = whole
    result = search(known, fasta, tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert made(tmp_path / "out") == {"a", "b"}


def test_bombs_take_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """256 MB from 250 kB: in a line, in a head, in a file that is passed over."""
    zeros = io.BytesIO()
    with gzip.open(zeros, "wb", compresslevel=1) as file:
        for content in (member("x" * 90, content=b"")[0],):
            content.size = 256 << 20
            file.write(content.tobuf())
            for _ in range(256):
                file.write(bytes(1 << 20))
    path = tmp_path / "bomb.tar.gz"
    path.write_bytes(zeros.getvalue())
    assert path.stat().st_size < 2 << 20
    tracemalloc.start()
    try:
        with unpacked(path, [101], 20) as found:
            assert found.names == []
        monkeypatch.setattr(tickets, "_MAX_UNPACKED", 64 << 20)
        with pytest.raises(Exception, match=r"over 0\.1 GB unpacked"):
            tickets._check_whole(path)
        for number, bomb in enumerate((pax_bomb({}), line_bomb({}))):
            (tmp_path / str(number)).write_bytes(bomb)
        del bomb
        tracemalloc.reset_peak()
        for number in range(2):
            with pytest.raises(Exception, match=r"too large|line of over"), unpacked(tmp_path / str(number), [101], 20):
                pass
        assert tracemalloc.get_traced_memory()[1] < 5 * answer.MAX_LINE
    finally:
        tracemalloc.stop()


def test_templates_that_can_not_be_had_cost_one_target(known: MsaServer, fasta: Path, tmp_path: Path) -> None:
    """The alignment stays, and the next run asks for the templates only, or does without them."""
    known.hits = lambda sequence: ["0d80_A\t0.9\t8\t0\t0\t1\t8\t1\t8\t1E-9\t9\t8M"] * (sequence == A)
    whole = known.pack
    known.pack = lambda files: whole(files)[: 100 if "pdb70_a3m.ffdata" in files else None]
    (why,) = failures(search(known, fasta, tmp_path / "out"))
    assert why.startswith(f"MSA server {known.url}: the answer to /template/0d80_A is damaged (")
    assert why.endswith("; --template-search none leaves templates out")
    assert made(tmp_path / "out") == {"b"}
    count = len(known.asked)
    known.pack = lambda files: packed(files, [member("0d80.cif", content=b"data_"), member("../0d80.cif")])
    (why,) = failures(search(known, fasta, tmp_path / "out"))
    assert "the answer about templates has 0d80.cif twice; --template-search none" in why
    assert set(known.paths()[count:]) == {"/template/0d80_A"}
    assert search(known, fasta, tmp_path / "out", "--template-search", "none").exit_code == 0
    count = len(known.asked)
    known.pack = lambda files: packed(files, [member("../../0d81.cif", content=b"data_"), member("0d81.cif")])
    assert search(known, fasta, tmp_path / "out").exit_code == 0
    assert set(known.paths()[count:]) == {"/template/0d80_A"}
    assert [path.name for path in (tmp_path / "out/.af2cpu/mmcif").iterdir()] == ["0d80.cif.gz"]
    assert not list(tmp_path.rglob("0d81.cif*"))


def test_a_killed_run_goes_on_with_its_ticket(known: MsaServer, fasta: Path, tmp_path: Path) -> None:
    known.hold.set()
    command = ["search", str(fasta), "-o", str(tmp_path / "out"), "--msa-server", known.url]
    process = start(command)
    while not known.paths("/ticket/")[3:]:
        assert process.poll() is None
        os.sched_yield()
    process.kill()
    process.communicate()
    known.hold.clear()
    finish(command)
    assert made(tmp_path / "out") == {"a", "b"}
    assert known.paths("/ticket/msa") == ["/ticket/msa"]


def test_a_run_that_is_killed_between_two_alignments_fetches_nothing_again(
    known: MsaServer, fasta: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from af2cpu.pipeline.stages import msa_server

    real = msa_server._alignment

    def interrupted(work: Any, *more: Any) -> Any:
        if work.task.query.name == "b":
            raise KeyboardInterrupt
        return real(work, *more)

    monkeypatch.setattr(msa_server, "_alignment", interrupted)
    assert search(known, fasta, tmp_path / "out").exit_code == 130
    count = len(known.asked)
    monkeypatch.setattr(msa_server, "_alignment", real)
    assert search(known, fasta, tmp_path / "out").exit_code == 0
    assert len(known.asked) == count
    assert made(tmp_path / "out") == {"a", "b"}
    assert not (tmp_path / "out/.af2cpu/tickets").exists()
