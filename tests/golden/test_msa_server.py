# SPDX-License-Identifier: Apache-2.0
"""Alignments, paired rows and templates from an MSA server, through the commands, against a local one.

The server (tests/msa_server.py) speaks the protocol as ColabFold's client expects it.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from command_cases import af2cpu, rows, write
from msa_server import ENVIRONMENT, PAIR, UNIREF, MsaServer

from af2cpu.formats.features import read_features
from af2cpu.formats.mmcif import read_mmcif
from af2cpu.records import Features
from af2cpu.shipped import shipped
from af2cpu.version import __version__

A, B = "MKTAYIAKQRQ", "GSHMKVLAAG"
EXAMPLES = Path(__file__).parents[2] / "examples"
FIXED = ("--params", "synthetic:0", "--precision", "fp32", "--recycles", 1, "--relax", "none")
ROWS = {
    (A, UNIREF): [">u1\t99\t0.9", "MKTA-IAKQRN", ">u2\t90\t0.9", "MKTAvvYIAKQRV"],
    (A, ENVIRONMENT): [">e1", "MKTA-IAKQRN", ">e2", "-KTAYIAKQR-"],
    (B, UNIREF): [">u3", "GSHMRVLAAG"],
    (A, PAIR): [">UPI1\t99", "MKTAYIVKQRQ", ">UPI3", "MKTwAYIVKQRA"],
    (B, PAIR): [">UPI2\t88", "GSHMKVLAAA", ">DUMMY", "-" * 10],
}


def of(out: Path, name: str) -> Features:
    return read_features(out / name / "features.npz")


def record(folder: Path, name: str = "search.json") -> dict[str, Any]:
    return orjson.loads((folder / name).read_bytes())


@pytest.fixture
def known(msas: MsaServer) -> MsaServer:
    """A server with a few rows for A and B, and no templates."""
    msas.rows = lambda sequence, name: ROWS.get((sequence, name), [">DUMMY", "-" * len(sequence)] * 2 * (name == PAIR))
    msas.hits = lambda sequence: []
    return msas


def search(server: MsaServer, fasta: Path, out: Path, *more: object, code: int = 0) -> Any:
    return af2cpu("search", fasta, "-o", out, "--msa-server", server.url, *more, code=code)


def test_a_monomer(known: MsaServer, tmp_path: Path) -> None:
    """Rows of both databases, equal ones once; what is sent, and what is told before."""
    fasta = write(tmp_path / "a.fasta", f">a secret name\n{A}\n")
    result = search(known, fasta, tmp_path / "out")
    features = of(tmp_path / "out", "a")
    assert rows(features) == [A, "MKTA-IAKQRN", "MKTAYIAKQRV", "-KTAYIAKQR-"]
    assert features.deletion_matrix_int[2].tolist() == [0, 0, 0, 0, 2, *[0] * 6]
    first, *others = known.asked
    assert (first.path, first.query, first.mode) == ("/ticket/msa", f">101\n{A}\n", "env")
    (ticket,) = known.tickets
    assert [one.path for one in others] == [*[f"/ticket/{ticket}"] * 3, f"/result/download/{ticket}"]
    assert {one.agent for one in known.asked} == {f"af2cpu/{__version__}"}
    line = f"MSA server {known.url}: 1 sequence of 11 residues leaves this machine: a"
    assert line in result.stderr
    assert f"msa_server: 4 hits from {known.url}, ticket {ticket}" in result.stdout
    found = record(tmp_path / "out/a")
    assert found["alignments"] == ["msas/msa_server_hits.a3m"]
    (used, hits) = found["databases"]
    assert used["server"] == {"url": known.url, "ticket": ticket, "rows": {UNIREF: 3, ENVIRONMENT: 3}}
    assert (used["name"], used["rows"], hits["name"], hits["hits"]) == ("msa_server", 5, "pdb70", 0)
    text = (tmp_path / "out/a/msas/msa_server_hits.a3m").read_text().split("\n")
    assert text == [">a", A, *ROWS[A, UNIREF], *ROWS[A, ENVIRONMENT], ""]
    assert not (tmp_path / "out/.af2cpu/tickets").exists()


def test_a_rerun_sends_nothing(known: MsaServer, tmp_path: Path) -> None:
    fasta = write(tmp_path / "ab.fasta", f">ab\n{A}:{B}\n>a\n{A}\n")
    search(known, fasta, tmp_path / "out")
    count, before = len(known.asked), record(tmp_path / "out/ab")
    result = search(known, fasta, tmp_path / "out")
    assert len(known.asked) == count
    assert result.stdout.count("reused") == len(before["databases"]) + 2
    assert record(tmp_path / "out/ab") == before
    (tmp_path / "out/ab/msas/B/msa_server_hits.a3m").unlink()
    search(known, fasta, tmp_path / "out")
    assert len(known.paths("/ticket/msa")) == 2
    assert known.asked[count].query == f">101\n{B}\n"


def test_a_heteromer_paired_and_unpaired(known: MsaServer, tmp_path: Path) -> None:
    """Row k of one sequence belongs to row k of the other, whatever the order of the chains and their copies."""
    fasta = write(tmp_path / "bab.fasta", f">bab\n{B}:{A}:{B}\n")
    search(known, fasta, tmp_path / "out")
    features = of(tmp_path / "out", "bab")
    assert rows(features) == [
        B + A + B,
        "GSHMKVLAAA" + "MKTAYIVKQRQ" + "GSHMKVLAAA",
        "GSHMRVLAAG" + "-" * 11 + "GSHMRVLAAG",
        *("-" * 10 + row + "-" * 10 for row in ("MKTA-IAKQRN", "MKTAYIAKQRV", "-KTAYIAKQR-")),
    ]
    posts = [one for one in known.asked if one.query]
    assert [(one.path, one.mode) for one in posts] == [("/ticket/msa", "env"), ("/ticket/pair", "pairgreedy")]
    assert {one.query for one in posts} == {f">101\n{B}\n>102\n{A}\n"}
    text = (tmp_path / "out/bab/msas/msa_server_paired.a3m").read_text()
    assert text.startswith(f"#10,11\t2,1\n>bab\tbab\n{B}{A}\n>UPI2\tUPI1\nGSHMKVLAAAMKTAYIVKQRQ\n")
    found = record(tmp_path / "out/bab")
    assert found["alignments"] == [f"msas/{x}/msa_server_hits.a3m" for x in "AB"] + ["msas/msa_server_paired.a3m"]
    paired = found["databases"][-1]
    assert (paired["name"], paired["chains"], paired["rows"]) == ("msa_server_paired", ["A", "B", "C"], 2)
    assert not any("not used" in note for note in found["notes"])  # the row of B alone is in B's alignment, if at all
    pairing = (tmp_path / "out/bab/msas/paired.tsv").read_text().split("\n")
    assert pairing[1].split("\t") == ["2", "", "UPI2", "0.900", "UPI1", "0.909"]


def test_pairing_strategies(known: MsaServer, tmp_path: Path) -> None:
    fasta = write(tmp_path / "ab.fasta", f">ab\n{A}:{B}\n")
    search(known, fasta, tmp_path / "complete", "--pairing", "complete")
    assert [one.mode for one in known.asked if one.path == "/ticket/pair"] == ["paircomplete"]
    del known.asked[:]
    search(known, fasta, tmp_path / "none", "--pairing", "none")
    assert not known.paths("/ticket/pair")
    assert rows(of(tmp_path / "none", "ab"))[1:] == rows(of(tmp_path / "complete", "ab"))[2:]


def test_copies_are_not_paired(known: MsaServer, tmp_path: Path) -> None:
    search(known, write(tmp_path / "aa.fasta", f">aa\n{A}:{A}\n"), tmp_path / "out")
    assert [one.query for one in known.asked if one.query] == [f">101\n{A}\n"]
    assert rows(of(tmp_path / "out", "aa"))[1] == "MKTA-IAKQRN" * 2


def test_ten_targets_in_one_ticket(known: MsaServer, tmp_path: Path) -> None:
    """Each gets its own rows, also those without any, and equal sequences are sent once."""
    letters = "ACDEFGHIKL"
    fasta = write(
        tmp_path / "ten.fasta", "".join(f">t{k}\n{A}{one}\n" for k, one in enumerate(letters)) + f">x\n{A}A\n"
    )
    known.rows = lambda sequence, name: (
        [f">{sequence[-1]}", "M" * 12] if sequence[-1] in "CL" and name == UNIREF else []
    )
    search(known, fasta, tmp_path / "out")
    (post,) = (one for one in known.asked if one.query)
    assert post.query == "".join(f">{101 + k}\n{A}{one}\n" for k, one in enumerate(letters))
    assert len(known.paths("/result/download")) == 1
    found = [len(rows(of(tmp_path / "out", f"t{k}"))) for k in range(10)]
    assert found == [1, 2, 1, 1, 1, 1, 1, 1, 1, 2]
    assert len(rows(of(tmp_path / "out", "x"))) == 1


def test_templates(msas: MsaServer, tmp_path: Path) -> None:
    """The server's hits with its alignments, on the mmCIF files that it sends."""
    result = search(msas, EXAMPLES / "ubiquitin.fasta", tmp_path / "out")
    (asked,) = msas.paths("/template/")
    chains = asked.removeprefix("/template/").split(",")
    assert 3 <= len(chains) <= 20
    features = of(tmp_path / "out", "ubiquitin")
    names = [name.decode() for name in features.template_domain_names]
    assert names
    assert set(names) <= set(chains)
    query = "".join(line for line in (EXAMPLES / "ubiquitin.fasta").read_text().split("\n") if line[:1] != ">")
    for name, letters, positions in zip(
        names, features.template_sequence, features.template_all_atom_positions, strict=True
    ):
        path = shipped("demo_databases", "pdb_mmcif", "mmcif_files", f"{name[:4]}.cif")
        chain = read_mmcif(path).chain(name[5:])
        aligned = [k for k, letter in enumerate(letters.decode()) if letter != "-"]
        assert np.mean([query[k] == letters.decode()[k] for k in aligned]) > 0.3
        residues = [np.flatnonzero((chain.positions == positions[k]).all(axis=(1, 2))) for k in aligned]
        assert all(
            chain.sequence[at[0]] == letters.decode()[k] for at, k in zip(residues, aligned, strict=True) if len(at)
        )
    assert f"pdb70: {len(chains)} hits from {msas.url}" in result.stdout
    count = len(msas.asked)
    search(msas, EXAMPLES / "ubiquitin.fasta", tmp_path / "out")
    assert len(msas.asked) == count
    for path in (tmp_path / "out/.af2cpu/mmcif").iterdir():  # the same command fetches them again
        path.unlink()
    (tmp_path / "out/ubiquitin/features.npz").unlink()
    search(msas, EXAMPLES / "ubiquitin.fasta", tmp_path / "out")
    assert [one.path for one in msas.asked[count:]] == [asked]
    assert of(tmp_path / "out", "ubiquitin").template_sequence.tolist() == features.template_sequence.tolist()


def test_no_templates(msas: MsaServer, tmp_path: Path) -> None:
    own = shipped("demo_databases", "pdb_mmcif", "mmcif_files", "0d20.cif")
    cd2 = write(tmp_path / "q.fasta", (EXAMPLES / "demo_proteins.fasta").read_text().split(">")[-1].join([">", ""]))
    for number, more in enumerate((("--template-search", "none"), ("--template", own))):
        search(msas, cd2, tmp_path / str(number), *more)
        (name,) = (path.parent.name for path in (tmp_path / str(number)).glob("*/features.npz"))
        assert of(tmp_path / str(number), name).n_templ == number
        assert not (tmp_path / str(number) / name / "msas/pdb_hits.sto").exists()
    assert not msas.paths("/template/")


def test_own_alignments_are_not_sent(known: MsaServer, tmp_path: Path) -> None:
    """Nor are the rows of others paired with them."""
    fasta = write(tmp_path / "ab.fasta", f">ab\n{A}:{B}\n")
    own = write(tmp_path / "a.a3m", f">q\n{A}\n>x\nMKTAYIAKQAA\n")
    search(known, fasta, tmp_path / "out", "--msa", own)
    assert [one.query for one in known.asked if one.query] == [f">101\n{B}\n"]
    assert rows(of(tmp_path / "out", "ab"))[1:] == ["MKTAYIAKQAA" + "-" * 10, "-" * 11 + "GSHMRVLAAG"]
    notes = record(tmp_path / "out/ab")["notes"]
    assert "chain A: no template search: it has an alignment of its own, and is not sent to the MSA server" in notes
    assert sum("no rows are paired with those of other chains" in note for note in notes) == 2
    three = write(tmp_path / "abc.fasta", f">abc\n{A}:{B}:{A[::-1]}\n")
    search(known, three, tmp_path / "three", "--msa", own)
    (pair,) = (one.query for one in known.asked if one.path == "/ticket/pair")
    assert pair == f">101\n{B}\n>102\n{A[::-1]}\n"
    text = (tmp_path / "three/abc/msas/msa_server_paired.a3m").read_text().split("\n")
    assert text[:3] == ["#11,10,11\t1,1,1", ">abc\tabc\tabc", A + B + A[::-1]]
    del known.asked[:]
    search(known, fasta, tmp_path / "all", "--msa", own, "--msa", write(tmp_path / "b.a3m", f">q\n{B}\n"))
    assert not known.asked


def test_pairs_send_each_sequence_once(known: MsaServer, tmp_path: Path) -> None:
    fasta = write(tmp_path / "all.fasta", f">a\n{A}\n>b\n{B}\n>c\n{A}C\n")
    search(known, fasta, tmp_path / "out", "--pairs")
    posts = [one for one in known.asked if one.query]
    assert [one.path for one in posts].count("/ticket/msa") == 1
    assert len({one.query for one in posts if one.path == "/ticket/pair"}) == 3
    assert rows(of(tmp_path / "out", "a__b"))[1] == "MKTAYIVKQRQGSHMKVLAAA"


def test_a_prediction_its_records_and_its_report(msas: MsaServer, tmp_path: Path) -> None:
    out = tmp_path / "out"
    log = tmp_path / "log"
    arguments = ("predict", EXAMPLES / "trp_cage.fasta", "--msa-server", msas.url, "--params", "demo", "-o", out)
    plan = af2cpu(*arguments, "--dry-run")
    assert "msa_server:trp_cage " in plan.stdout
    assert not msas.asked
    af2cpu(*arguments, "--log-json", log)
    run = record(out / "trp_cage", "run.json")
    assert run["settings"]["msa_server"] == msas.url
    assert run["databases"][0]["server"]["ticket"] in msas.tickets
    assert "search_msa_server" in run["timings"]
    page = (out / "trp_cage/report.html").read_text()
    assert f"msa_server (uniref.a3m, bfd.mgnify30.metaeuk30.smag30.a3m), {msas.url}" in page
    assert "ColabFold: making protein folding accessible to all" in page
    assert "PyHMMER" not in page
    assert "pyhmmer" not in (out / "trp_cage/ranked_0.cif").read_text()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert any(line["stage"] == "msa server" and "leaves this machine" in line["text"] for line in lines)


def test_a_complex_is_predicted_and_folded_later(known: MsaServer, tmp_path: Path) -> None:
    fasta, out = write(tmp_path / "ab.fasta", f">ab\n{A}:{B}\n"), tmp_path / "out"
    search(known, fasta, out)
    count = len(known.asked)
    af2cpu("fold", out, "--models", "tiny_multimer", *FIXED)
    af2cpu("predict", fasta, "-o", out, "--models", "tiny_multimer", "--msa-server", known.url, *FIXED)
    assert len(known.asked) == count
    assert "pyhmmer" not in (out / "ab/ranked_0.cif").read_text()


def test_the_cache_is_shared_by_runs(msas: MsaServer, tmp_path: Path) -> None:
    fasta = write(tmp_path / "two.fasta", f">ab\n{A}:{B}\n" + (EXAMPLES / "ubiquitin.fasta").read_text())
    cache = ("--msa-cache", tmp_path / "cache")
    search(msas, fasta, tmp_path / "one", *cache)
    count = len(msas.asked)
    assert count > 3
    search(msas, fasta, tmp_path / "two", *cache)
    assert len(msas.asked) == count
    first, second = (of(tmp_path / name, "ubiquitin") for name in ("one", "two"))
    assert rows(first) == rows(second)
    assert first.n_templ == second.n_templ > 0
    search(msas, fasta, tmp_path / "other", *cache, "--msa-server", msas.url.replace("127.0.0.1", "localhost"))
    assert len(msas.asked) > count  # another server may give other rows


def test_shards_and_an_alignment_given_back(known: MsaServer, tmp_path: Path) -> None:
    fasta = write(tmp_path / "two.fasta", f">a\n{A}\n>b\n{B}\n")
    for number in (1, 2):
        shard = ("--shard", f"{number}/2", "--msa-server", known.url, "--models", "tiny", *FIXED)
        af2cpu("predict", fasta, "-o", tmp_path / "out", *shard)
    assert sorted(one.query for one in known.asked if one.query) == [f">101\n{B}\n", f">101\n{A}\n"]
    one = write(tmp_path / "a.fasta", f">a\n{A}\n")
    af2cpu("search", one, "-o", tmp_path / "again", "--features-only", "--msa", tmp_path / "out/a/msas")
    assert rows(of(tmp_path / "again", "a")) == rows(of(tmp_path / "out", "a"))


def test_workers_do_not_ask(known: MsaServer, tmp_path: Path) -> None:
    """The run's own process does, once for all; workers go on with what came."""
    fasta, log = write(tmp_path / "in.fasta", f">a\n{A}\n>b\n{B}\n>ab\n{A}:{B}\n"), tmp_path / "log"
    options = ("--workers", 2, "--models", "tiny_multimer", "--log-json", log, "--msa-server", known.url)
    af2cpu("predict", fasta, "-o", tmp_path / "out", *options, *FIXED)
    events = [json.loads(line) for line in log.read_text().splitlines()]
    stages = {
        stage: {one["worker"] for one in events if one["stage"] == stage and one["kind"] == "started"}
        for stage in ("msa server", "msa server pairs", "msa server hits", "features")
    }
    assert [stages[name] for name in ("msa server", "msa server pairs", "msa server hits")] == [{""}] * 3
    assert "" not in stages["features"]
    assert [one.path for one in known.asked if one.query] == ["/ticket/msa", "/ticket/pair"]
    assert rows(of(tmp_path / "out", "ab"))[1] == "MKTAYIVKQRQGSHMKVLAAA"


def test_nothing_is_sent_without_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("the network is used")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, forbidden, raising=False)
    for name in ("getaddrinfo", "create_connection"):
        monkeypatch.setattr(socket, name, forbidden)
    af2cpu("predict", EXAMPLES / "trp_cage.fasta", "--params", "demo", "--db", "demo", "-o", tmp_path / "out")
    assert not (tmp_path / "out/.af2cpu/tickets").exists()
    af2cpu("search", write(tmp_path / "a.a3m", f">a\n{A}\n"), "-o", tmp_path / "own", "--features-only")


BAD = [
    "msa.example.org",
    "ftp://msa.example.org",
    "http://",
    "http://msa.example.org:port",
    "http://a b",
    "http://x/?y=1",
]


@pytest.mark.parametrize("url", BAD)
def test_a_bad_address(url: str, tmp_path: Path) -> None:
    result = af2cpu("search", write(tmp_path / "a.fasta", f">a\n{A}\n"), "-o", tmp_path, "--msa-server", url, code=2)
    assert result.stderr.strip() == f"error: --msa-server {url}: must be an address such as https://msa.example.org"


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        (["--msa-server", "http://me:secret@x"], "--msa-server: gives a name or password for x, and"),
        (["--msa-server", "http://x", "--db", "demo"], "--msa-server: takes the place of all databases, and --db demo"),
        (["--msa-server", "http://x", "--template-search", "hhsearch"], "--msa-server: finds the templates too, and"),
        (["--pairing", "complete", "--db", "demo"], "--pairing complete: is a way of an MSA server; give --msa-server"),
    ],
)
def test_settings_that_do_not_go_together(more: Sequence[str], fault: str, tmp_path: Path) -> None:
    result = af2cpu("search", write(tmp_path / "a.fasta", f">a\n{A}\n"), "-o", tmp_path, *more, code=2)
    assert fault in result.stderr
    assert "secret" not in result.output
    assert len(result.stderr.strip().splitlines()) == 1
