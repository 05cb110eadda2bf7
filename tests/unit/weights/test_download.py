# SPDX-License-Identifier: Apache-2.0
"""af2cpu params download against a local server: only what is wanted, resumed, changed, damaged, no ranges."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np
import pytest
from http_server import Server
from parameter_archive import LICENCE, NAME, OTHER, archive, npz, tar_of, tiny_npz
from typer.testing import CliRunner, Result

import af2cpu
from af2cpu.cli import app
from af2cpu.download import client, look
from af2cpu.errors import DownloadError
from af2cpu.model.config import model_config
from af2cpu.weights.archive import find_members
from af2cpu.weights.manifest import manifest
from af2cpu.weights.receipts import read_receipt
from af2cpu.weights.synthetic import synthetic_parameters


def command(server: Server, folder: Path) -> list[str]:
    url = server.url("/params.tar")
    return ["params", "download", "--models", "tiny", "--params", str(folder), "--url", url]


def download(server: Server, folder: Path, *more: str) -> Result:
    result = CliRunner().invoke(app, [*command(server, folder), *more])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


COMPLETE = ["LICENSE", NAME, f"{NAME}.receipt.json"]


@pytest.fixture(autouse=True)
def _archive(server: Server) -> None:
    server.files["/params.tar"] = archive()


def test_only_what_is_wanted_is_fetched(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "params"
    result = download(server, folder)
    assert result.exit_code == 0, result.output
    assert visible(folder) == COMPLETE
    assert (folder / NAME).read_bytes() == tiny_npz()
    assert (folder / "LICENSE").read_bytes() == LICENCE
    assert server.served < len(tiny_npz()) + len(LICENCE) + 10_000
    assert server.served < len(OTHER)
    assert result.output.count("CC BY 4.0") == 1
    assert "824.4 kB to fetch into" in result.output
    assert " free there; about " in result.output
    af2cpu.load_model("tiny", folder / NAME)
    receipt = read_receipt(folder / NAME)
    assert receipt is not None
    assert receipt.sha256 == hashlib.sha256(tiny_npz()).hexdigest()
    assert (receipt.model, receipt.arrays, receipt.validator) == ("tiny", 338, '"v1"')


def test_again_asks_for_nothing(server: Server, tmp_path: Path) -> None:
    download(server, tmp_path)
    server.asked.clear()
    result = download(server, tmp_path)
    assert result.exit_code == 0
    assert "there already, as it was downloaded" in result.output
    assert not server.asked


def test_a_file_of_the_users_own_is_left(server: Server, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(tiny_npz(seed=1))
    result = download(server, tmp_path)
    assert result.exit_code == 0
    assert "without a receipt (your own file): left as it is" in result.output
    assert (tmp_path / NAME).read_bytes() == tiny_npz(seed=1)


def test_dry_run_says_and_writes_nothing(server: Server, tmp_path: Path) -> None:
    result = download(server, tmp_path / "params", "--dry-run")
    assert result.exit_code == 0
    assert "824.4 kB to fetch" in result.output
    assert not list(tmp_path.iterdir())
    assert server.served < 10_000


def test_broken_lines_are_resumed(server: Server, tmp_path: Path) -> None:
    server.cuts = [1, 1024, 100, 1024, 1024, 1024, 5000, 200_000, 10, 300_000]  # headers, licence and parameters
    result = download(server, tmp_path)
    assert result.exit_code == 0, result.output
    assert not server.cuts
    assert (tmp_path / NAME).read_bytes() == tiny_npz()
    assert server.served < len(tiny_npz()) + 2 * len(LICENCE) + 20_000  # nothing large came twice


def process_of(server: Server, folder: Path, before: str = "") -> subprocess.Popen[str]:
    """The command in a process of its own; `before` is a line of Python."""
    main = f"{before}\nfrom af2cpu.cli import main; main()"
    arguments = [sys.executable, "-c", main, *command(server, folder)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def killed_half_way(server: Server, folder: Path, number: signal.Signals = signal.SIGKILL) -> int:
    """The command, ended by a signal when half of the parameters have come; its exit code."""
    server.hold_at = len(tiny_npz()) // 2
    process = process_of(server, folder)
    part = folder / f"{NAME}.part"
    end = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size > len(tiny_npz()) // 4):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end
        time.sleep(0.01)
    os.kill(process.pid, number)
    process.communicate()
    server.gate.set()
    server.hold_at = None
    time.sleep(0.1)  # what the server still had to send goes nowhere
    server.served = 0
    return process.returncode


@pytest.mark.fault(29)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)])
def test_killed_half_way_and_repeated(server: Server, tmp_path: Path, number: signal.Signals, code: int) -> None:
    assert killed_half_way(server, tmp_path, number) == code
    assert visible(tmp_path) == ["LICENSE", f"{NAME}.part", f"{NAME}.part.json"]
    have = (tmp_path / f"{NAME}.part").stat().st_size
    result = download(server, tmp_path)
    assert result.exit_code == 0, result.output
    assert "are there from an earlier run and are gone on with" in result.output
    assert visible(tmp_path) == COMPLETE
    assert (tmp_path / NAME).read_bytes() == tiny_npz()
    assert server.served < len(tiny_npz()) - have + 10_000


@pytest.mark.fault(30)
def test_fault_30_the_disk_fills_up(server: Server, tmp_path: Path) -> None:
    """No file may grow beyond 300 kB: a line, exit code 1, and the part fetched so far is continued."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))"
    process = process_of(server, tmp_path, limit)
    output, _ = process.communicate()
    assert process.returncode == 1, output
    part = tmp_path / f"{NAME}.part"
    assert output.splitlines()[-1] == f"error: {part}: File too large; the part fetched so far is kept"
    assert NAME not in visible(tmp_path)
    assert part.stat().st_size == 300_000
    assert download(server, tmp_path).exit_code == 0
    assert server.starts[-1] == server.files["/params.tar"].index(b"PK\x03\x04") + 300_000
    assert (tmp_path / NAME).read_bytes() == tiny_npz()


def test_killed_and_the_archive_has_changed(server: Server, tmp_path: Path) -> None:
    killed_half_way(server, tmp_path)
    server.files["/params.tar"], server.tag = archive(tiny_npz(seed=1)), '"v2"'
    result = download(server, tmp_path)
    assert result.exit_code == 0, result.output
    assert "of an earlier download are dropped" in result.output
    assert (tmp_path / NAME).read_bytes() == tiny_npz(seed=1)


def test_the_archive_changes_between_two_requests(server: Server, tmp_path: Path) -> None:
    """The headers were read of one version; no byte of another is put after them."""
    server.hold_at = 0
    server.gate.set()
    original = archive()

    class Turning(dict):  # type: ignore[type-arg]
        def get(self, key: str, default: object = None) -> bytes:
            if len(server.asked) > 4:
                server.tag = '"v2"'
            return original

    server.files = Turning()
    result = download(server, tmp_path)
    assert result.exit_code == 2
    assert "has changed on the server while it was fetched; run the same command again" in result.output
    assert NAME not in visible(tmp_path)
    assert download(server, tmp_path).exit_code == 0


def test_without_ranges_the_archive_goes_by_once(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    result = download(server, tmp_path)
    assert result.exit_code == 0, result.output
    assert "the server sends no pieces of files" in result.output
    assert f"at the most {len(archive()) / 1e6:.1f} MB to fetch" in result.output
    assert visible(tmp_path) == [NAME, f"{NAME}.receipt.json"]  # the licence stands behind, and was not waited for
    assert "LICENSE did not come by before the last file" in result.output
    assert (tmp_path / NAME).read_bytes() == tiny_npz()
    assert read_receipt(tmp_path / NAME) is not None
    assert len(server.asked) == 2


@pytest.mark.fault("no ranges")
def test_without_ranges_a_broken_line_begins_again(server: Server, tmp_path: Path) -> None:
    server.ranges, server.cuts = False, [0, 10, len(OTHER) + 100_000, len(OTHER) + 200_000]
    server.files["/params.tar"] = tar_of({"LICENSE": LICENCE, "x": OTHER, NAME: tiny_npz()})
    result = download(server, tmp_path)
    assert result.exit_code == 0, result.output
    assert visible(tmp_path) == COMPLETE
    assert (tmp_path / NAME).read_bytes() == tiny_npz()


@pytest.mark.parametrize("ranges", [True, False])
class TestRefused:
    """Each ends with one line and exit code 2, and leaves no file under its final name."""

    @pytest.fixture(autouse=True)
    def _ranges(self, server: Server, ranges: bool) -> None:
        server.ranges = ranges

    def refused(self, server: Server, folder: Path) -> str:
        result = download(server, folder)
        assert result.exit_code == 2, result.output
        assert not {NAME, f"{NAME}.receipt.json", f"{NAME}.part"} & set(visible(folder))
        line = result.stderr.splitlines()[-1]
        assert line.startswith("error: ")
        return line

    def test_no_such_archive(self, server: Server, tmp_path: Path) -> None:
        server.files.clear()
        assert "/params.tar: the server answers 404" in self.refused(server, tmp_path)

    def test_no_tar(self, server: Server, tmp_path: Path) -> None:
        server.files["/params.tar"] = b"<html>log in to the hotel's network</html>" * 1000
        assert "not a plain tar, or cut off" in self.refused(server, tmp_path)

    @pytest.mark.fault(23)
    def test_tar_that_was_cut_off(self, server: Server, tmp_path: Path) -> None:
        server.files["/params.tar"] = archive()[: len(OTHER) + 100_000]
        assert "cut off" in self.refused(server, tmp_path)

    def test_member_is_not_there(self, server: Server, tmp_path: Path) -> None:
        server.files["/params.tar"] = tar_of({"params_model_1.npz": OTHER})
        assert "the archive holds no params_tiny.npz; check --models and --url" in self.refused(server, tmp_path)

    @pytest.mark.fault(26, "refused")
    @pytest.mark.parametrize("name", [f"../{NAME}", f"/etc/{NAME}", f"a/../../{NAME}"])
    def test_fault_26_member_outside(self, server: Server, tmp_path: Path, name: str) -> None:
        server.files["/params.tar"] = tar_of({name: tiny_npz()})
        assert "is no plain file of the archive's folder; refused" in self.refused(server, tmp_path)

    @pytest.mark.fault(26)
    @pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
    def test_fault_26_links(self, server: Server, tmp_path: Path, kind: bytes) -> None:
        server.files["/params.tar"] = tar_of({NAME: b""}, type=kind, linkname="/etc/passwd")
        assert "is no plain file of the archive's folder; refused" in self.refused(server, tmp_path)

    @pytest.mark.fault(23)
    def test_fault_23_damage(self, server: Server, tmp_path: Path) -> None:
        damaged = bytearray(tiny_npz())
        damaged[len(damaged) // 2] ^= 1
        server.files["/params.tar"] = archive(bytes(damaged))
        line = self.refused(server, tmp_path)
        assert "the download was removed" in line
        assert "fails its checksum" in line

    @pytest.mark.fault(24)
    def test_fault_24_wrong_arrays(self, server: Server, tmp_path: Path) -> None:
        arrays = dict(synthetic_parameters(model_config("tiny"), 0))
        first, second, third, *_ = arrays
        arrays[first] = np.full_like(arrays[first], np.nan)
        arrays[second] = arrays[second][..., :-1]
        del arrays[third]
        server.files["/params.tar"] = archive(npz(arrays))
        line = self.refused(server, tmp_path)
        for word in ("missing: ", "wrong shape: ", "NaN or infinite: "):
            assert word in line

    def test_no_space(self, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        class Usage(NamedTuple):
            free: int

        monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(1000))
        assert "0.0 GB are free; make room" in self.refused(server, tmp_path)


def test_unknown_model_and_no_folder(server: Server, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["params", "download", "--models", "model_9", "--params", str(tmp_path)])
    assert result.exit_code == 2
    assert "unknown model 'model_9'" in result.output
    result = CliRunner().invoke(app, ["params", "download"], env={"AF2CPU_PARAMS": "", "AF2CPU_DATA_DIR": ""})
    assert result.exit_code == 2
    assert "give the parameters' folder with --params" in result.output
    result = CliRunner().invoke(app, ["params", "download", "--params", "synthetic:0"])
    assert "must be a folder here" in result.output


@pytest.mark.parametrize("format_", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_of_every_kind_of_tar(server: Server, tmp_path: Path, format_: int) -> None:
    """Folders, long names and the formats' extra headers; the bytes of each piece are the member's."""
    long = "a" * 80 + "/" + "b" * (60 if format_ == tarfile.USTAR_FORMAT else 140) + ".npz"
    members = {"./params_x.npz": b"x" * 700, "folder/params_y.npz": b"", long: b"z" * 512, "LICENSE": b"free"}
    with tarfile.open(tmp_path / "x.tar", "w", format=format_) as tar:
        for name, content in members.items():
            (tmp_path / "content").write_bytes(content)
            tar.add(tmp_path / "content", name)
    server.files["/x.tar"] = (tmp_path / "x.tar").read_bytes()
    names = [Path(name).name for name in members]
    with client() as http:
        found = find_members(http, look(http, server.url("/x.tar")), [*names, "absent"])
    assert sorted(found) == sorted(names)
    for name, content in members.items():
        piece = found[Path(name).name]
        assert server.files["/x.tar"][piece.start : piece.start + (piece.size or 0)] == content


def test_few_requests_for_the_headers(server: Server) -> None:
    """One or two for each member up to the last that is wanted."""
    server.files["/x.tar"] = tar_of({f"params_{k}.npz": bytes(5000) for k in range(16)})
    with client() as http:
        remote = look(http, server.url("/x.tar"))
        server.asked.clear()
        find_members(http, remote, ["params_7.npz"])
    assert len(server.asked) <= 10


def test_a_server_that_is_not_there(tmp_path: Path, server: Server) -> None:
    with client() as http, pytest.raises(DownloadError, match="run the same command again"):
        look(http, "http://127.0.0.1:9/x")
    assert isinstance(http, httpx.Client)


def test_manifest_is_of_the_models_that_there_are() -> None:
    """Numbers of arrays and parameters are those of the tables that loads are checked with."""
    from af2cpu.model.alphafold import AlphaFold
    from af2cpu.model.config import OFFICIAL_MODELS
    from af2cpu.weights.names import parameter_table
    from af2cpu.weights.source import OFFICIAL

    book = manifest()
    assert set(book.models) == set(OFFICIAL_MODELS)
    assert book.url == OFFICIAL
    import torch

    for model, entry in book.models.items():
        config = model_config(model)
        with torch.device("meta"):
            n_parameters = sum(p.numel() for p in AlphaFold(config).parameters())
        assert (entry.arrays, entry.parameters) == (len(parameter_table(config)), n_parameters), model
        assert entry.size_mb == pytest.approx(4 * n_parameters / 1e6, abs=1.5)
