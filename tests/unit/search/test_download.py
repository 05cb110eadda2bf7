# SPDX-License-Identifier: Apache-2.0
"""Structures and databases from a local HTTP server."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from http_server import Server
from typer.testing import CliRunner, Result

from af2cpu.commands import db
from af2cpu.search.sources import SOURCES, Source
from af2cpu.search.structures import entries_of, fetch_entries

CONTENT = b">a\nMKVLA\n" * 50_000


@pytest.fixture(autouse=True)
def _files(server: Server) -> None:
    server.files = {"/db.fa.gz": gzip.compress(CONTENT, 1), "/ab/1abc.cif.gz": gzip.compress(b"data_1ABC\n")}


def download(*arguments: object) -> Result:
    return CliRunner().invoke(db.app, ["download", *(str(argument) for argument in arguments)])


def test_structures(server: Server, tmp_path: Path) -> None:
    url = server.url("/{middle}/{entry}.cif.gz")
    (tmp_path / "2xyz.cif").touch()
    failures = fetch_entries(["1abc", "2xyz", "9zzz", "../x"], tmp_path, url)
    assert gzip.decompress((tmp_path / "1abc.cif.gz").read_bytes()) == b"data_1ABC\n"
    assert len(failures) == 2
    assert "structure 9zzz not fetched" in failures[0]
    assert "'../x' not fetched: no name of an entry" in failures[1]
    assert len(server.asked) == 2


def test_entries_with_protein_chains(tmp_path: Path) -> None:
    path = tmp_path / "pdb_seqres.txt"
    path.write_text(
        ">101m_A mol:protein length:3  X\nMKV\n>1abc_A mol:na length:2  Y\nGC\n>101m_B mol:protein length:1\nM\n"
    )
    assert entries_of(path) == ["101m"]


@pytest.fixture
def sources(server: Server, monkeypatch: pytest.MonkeyPatch) -> dict[str, Source]:
    """Two small databases in place of the large ones."""
    server.files["/seqres.txt"] = b">1abc_A mol:protein length:2  X\nMK\n"
    small = {
        "uniref90": Source(server.url("/db.fa.gz"), "uniref90/uniref90.fasta", 0.001, 0.002),
        "pdb_seqres": Source(server.url("/seqres.txt"), "pdb_seqres/pdb_seqres.txt", 0.001, 0.001),
    }
    monkeypatch.setattr("af2cpu.search.sources.SOURCES", small)
    monkeypatch.setattr("af2cpu.download.space.free_bytes", lambda folder: 10**12)  # whatever this machine has
    return small


def test_the_command_fills_af2s_layout(
    server: Server, sources: dict[str, Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.url("/{middle}/{entry}.cif.gz")
    monkeypatch.setattr(
        "af2cpu.search.structures.fetch_entries", lambda entries, folder: fetch_entries(entries, folder, url)
    )
    result = download("--data-dir", tmp_path, "--mmcif", "on-demand")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "uniref90/uniref90.fasta").read_bytes() == CONTENT
    assert not list((tmp_path / "pdb_mmcif/mmcif_files").iterdir())
    result = download("--data-dir", tmp_path, "pdb_mmcif")
    assert result.exit_code == 0, result.output
    assert [path.name for path in (tmp_path / "pdb_mmcif/mmcif_files").glob("*.cif*")] == ["1abc.cif.gz"]
    sources["gone"] = Source(server.url("/gone"), "gone", 0, 0)
    result = download("--data-dir", tmp_path, "gone")
    assert result.exit_code == 2
    assert "answers 404" in result.output


def test_sizes_space_and_time_are_told_before(server: Server, sources: dict[str, Source], tmp_path: Path) -> None:
    result = download("--data-dir", tmp_path, "--dry-run")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0].startswith("uniref90    about 0.001 GB to fetch, 0.002 GB on disk: ")
    assert lines[2].startswith("pdb_mmcif   about 80 GB to fetch")
    assert "in all about 80.0 GB to fetch into" in lines[3]
    assert "free there; about 107 min at 100 Mbit/s" in lines[3]
    assert not server.asked
    assert not list(tmp_path.iterdir())
    part = tmp_path / "uniref90/uniref90.fasta.part"
    part.parent.mkdir()
    part.write_bytes(bytes(600_000))  # of an earlier run: so much less is to be fetched
    assert "about 0.0004 GB to fetch" in download("--data-dir", tmp_path, "--dry-run", "uniref90").output
    sources["huge"] = Source(server.url("/huge.gz"), "huge.fasta", 1e9, 2e9)
    result = download("--data-dir", tmp_path)
    assert result.exit_code == 2
    assert "the databases together: needs 3000000080.0 GB in" in result.output.splitlines()[-1]
    assert not server.asked  # before anything is fetched


@pytest.mark.fault(29)
def test_a_killed_download_of_a_database_is_gone_on_with(
    server: Server, sources: dict[str, Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.cuts = [1000, 0, 0, 0, 0, 0, 0]
    first = download("--data-dir", tmp_path, "uniref90")
    assert first.exit_code == 2
    assert "it goes on from here" in first.output
    server.cuts = []
    second = download("--data-dir", tmp_path, "uniref90")
    assert second.exit_code == 0, second.output
    assert (tmp_path / "uniref90/uniref90.fasta").read_bytes() == CONTENT
    assert server.starts == [1000] * 6
    assert "there already" in download("--data-dir", tmp_path, "uniref90").output


@pytest.fixture
def _uniprot(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two small parts in place of the large ones."""
    server.files["/trembl.fasta.gz"] = gzip.compress(CONTENT, 1)
    server.files["/sprot.fasta.gz"] = gzip.compress(b">sp|P1|A_HUMAN\nMK\n")
    small = Source(
        server.url("/trembl.fasta.gz"),
        "uniprot/uniprot.fasta",
        0.001,
        0.002,
        appended=(server.url("/sprot.fasta.gz"),),
        optional=True,
    )
    monkeypatch.setattr("af2cpu.search.sources.SOURCES", {**SOURCES, "uniprot": small})
    monkeypatch.setattr("af2cpu.download.space.free_bytes", lambda folder: 10**12)


@pytest.mark.usefixtures("_uniprot")
def test_uniprot_is_joined_from_its_two_parts(server: Server, tmp_path: Path) -> None:
    assert "uniprot   " not in download("--data-dir", tmp_path, "--dry-run").output  # only where it is named
    listed = CliRunner().invoke(db.app, ["list", "--data-dir", str(tmp_path)]).output
    assert "uniprot     optional, for complexes of different chains; missing: " in listed
    result = download("--data-dir", tmp_path, "uniprot")
    assert result.exit_code == 0, result.output
    folder = tmp_path / "uniprot"
    assert [path.name for path in folder.iterdir()] == ["uniprot.fasta"]
    assert (folder / "uniprot.fasta").read_bytes() == CONTENT + b">sp|P1|A_HUMAN\nMK\n"
    assert "there already" in download("--data-dir", tmp_path, "uniprot").output


@pytest.mark.usefixtures("_uniprot")
def test_uniprot_is_gone_on_with(server: Server, tmp_path: Path) -> None:
    """Either part may break off; what is there is told and is not fetched again."""
    server.cuts = [1000, 0, 0, 0, 0, 0, 0]
    assert download("--data-dir", tmp_path, "uniprot").exit_code == 2
    listed = CliRunner().invoke(db.app, ["list", "--data-dir", str(tmp_path)]).output
    assert "1e-06 GB of it are there" in listed
    server.cuts = [10**6, 10, 0, 0, 0, 0, 0, 0]
    assert download("--data-dir", tmp_path, "uniprot").exit_code == 2
    assert "uniprot     about 0 GB to fetch" in download("--data-dir", tmp_path, "uniprot", "--dry-run").output
    server.cuts, asked = [], len(server.asked)
    result = download("--data-dir", tmp_path, "uniprot")
    assert result.exit_code == 0, result.output
    assert [path for path, _ in server.asked[asked:]] == ["/sprot.fasta.gz"]
    assert (tmp_path / "uniprot/uniprot.fasta").read_bytes() == CONTENT + b">sp|P1|A_HUMAN\nMK\n"


@pytest.mark.usefixtures("_uniprot")
def test_remains_of_another_release_are_not_joined(tmp_path: Path) -> None:
    """A crash between the last two steps leaves them, and then the file was removed to fetch a newer one."""
    folder = tmp_path / "uniprot"
    folder.mkdir()
    (folder / "uniprot.fasta.length").write_text("7")
    (folder / "sprot.fasta").write_text(">old\nMK\n")
    assert download("--data-dir", tmp_path, "uniprot").exit_code == 0
    assert (folder / "uniprot.fasta").read_bytes() == CONTENT + b">sp|P1|A_HUMAN\nMK\n"
    assert [path.name for path in folder.iterdir()] == ["uniprot.fasta"]


@pytest.mark.usefixtures("_uniprot")
def test_multimer_means_uniprot_too(tmp_path: Path) -> None:
    def names(*arguments: str) -> list[str]:
        lines = download("--data-dir", tmp_path, "--dry-run", *arguments).output.splitlines()
        return [line.split()[0] for line in lines if " GB to fetch, " in line]

    assert names("multimer") == [*names(), "uniprot"]
    assert names("multimer", "uniprot", "pdb70") == [*names(), "uniprot", "pdb70"]
    wrong = download("--data-dir", tmp_path, "multimers")
    assert wrong.exit_code == 2
    assert "and multimer for those of the reduced preset and uniprot" in " ".join(wrong.output.split())


@pytest.mark.usefixtures("_uniprot")
def test_a_join_that_was_cut_off_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(source: io.BufferedReader, target: io.BufferedWriter) -> None:
        target.write(source.read(5))
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr("af2cpu.search.sources.copyfileobj", cut)
        result = download("--data-dir", tmp_path, "uniprot")
    assert result.exit_code == 2
    assert "No space left on device" in result.output
    folder = tmp_path / "uniprot"
    assert (folder / "trembl.fasta").stat().st_size == len(CONTENT) + 5
    assert not (folder / "uniprot.fasta").exists()
    assert download("--data-dir", tmp_path, "uniprot").exit_code == 0
    assert (folder / "uniprot.fasta").read_bytes() == CONTENT + b">sp|P1|A_HUMAN\nMK\n"
    assert [path.name for path in folder.iterdir()] == ["uniprot.fasta"]


def archive(names: Sequence[str], content: bytes = b"x" * 100_000, kind: bytes = tarfile.REGTYPE) -> bytes:
    """A .tar.gz of some files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=0) as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            member.size = len(content) if kind == tarfile.REGTYPE else 0
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


FILES = [f"./pdb70{part}.{ending}" for part in ("_a3m", "_hhm", "_cs219") for ending in ("ffdata", "ffindex")]


@pytest.fixture
def _pdb70(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small archive in place of the large one."""
    server.files["/pdb70.tar.gz"] = archive([*FILES, "./md5sum"])
    small = Source(server.url("/pdb70.tar.gz"), "pdb70/pdb70", 0.001, 0.002, archive=True, optional=True)
    monkeypatch.setattr("af2cpu.search.sources.SOURCES", {**SOURCES, "pdb70": small})
    monkeypatch.setattr("af2cpu.download.space.free_bytes", lambda folder: 10**12)


@pytest.mark.usefixtures("_pdb70")
def test_an_archive_is_unpacked_into_af2s_layout(server: Server, tmp_path: Path) -> None:
    assert "pdb70" not in download("--data-dir", tmp_path, "--dry-run").output  # only where it is named
    server.cuts = [200_000, 0, 0, 0, 0, 0]
    assert download("--data-dir", tmp_path, "pdb70").exit_code == 2
    listed = CliRunner().invoke(db.app, ["list", "--data-dir", str(tmp_path)]).output
    assert "pdb70       optional, missing: " in listed
    assert "0.0002 GB of it are there" in listed
    result = download("--data-dir", tmp_path, "pdb70")
    assert result.exit_code == 0, result.output
    assert server.starts[-1] == 200_000
    folder = tmp_path / "pdb70"
    assert sorted(path.name for path in folder.iterdir()) == sorted([*(name[2:] for name in FILES), "md5sum"])
    assert (folder / "pdb70_hhm.ffdata").read_bytes() == b"x" * 100_000
    assert "pdb70       0.00 GB: " in CliRunner().invoke(db.app, ["list", "--data-dir", str(tmp_path)]).output
    asked = len(server.asked)
    assert "there already" in download("--data-dir", tmp_path, "pdb70").output
    assert len(server.asked) == asked


@pytest.mark.fault(26)
@pytest.mark.usefixtures("_pdb70")
@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (archive(FILES)[:-30], "the download was damaged"),
        (archive(FILES)[:-5] + b"12345", "the download was damaged (CRC check failed"),
        (archive(["../elsewhere"]), "'../elsewhere' is no plain file in it"),
        (archive(["pdb70_a3m.ffdata"], kind=tarfile.SYMTYPE), "'pdb70_a3m.ffdata' is no plain file in it"),
        (archive(FILES[:5]), "has not all of the files"),
    ],
)
def test_archives_that_can_not_be_used(server: Server, tmp_path: Path, content: bytes, fault: str) -> None:
    server.files["/pdb70.tar.gz"] = content
    result = download("--data-dir", tmp_path, "pdb70")
    assert result.exit_code == 2
    assert fault in " ".join(result.output.split())
    assert not [path.name for path in tmp_path.rglob("*") if path.name.endswith((".part", ".unpacking", "elsewhere"))]
    assert not (tmp_path / "pdb70/pdb70_cs219.ffindex").exists()
