# SPDX-License-Identifier: Apache-2.0
"""Odd names, empty paths, leftovers, folders that nobody asked for: through the command line."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from program_cases import FIXED, PEPTIDE, Program, features, inputs, predict
from typer.testing import CliRunner, Result

from af2cpu.cli import app
from af2cpu.errors import InputError
from af2cpu.formats.streams import HIDDEN, atomic_write, sweep_abandoned
from af2cpu.query import read_inputs
from af2cpu.query.names import safe_name

OURS = "index.html pairs.html pairs.csv summary.tsv predictions.tsv summary.json status.json config.json".split()


def af2cpu(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.mark.fault("reserved names", "the target's folder gets another name: _index.html")
@pytest.mark.fault(8)
def test_targets_named_as_the_runs_own_files(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for number, name in enumerate(("index.html", "Status.json", "INDEX.HTML2")):
        (source / f"{name}.a3m").write_text(f">{name}\n{PEPTIDE}{'ACDEFGHIKL'[number]}\n")
    result = af2cpu("predict", source, "-o", tmp_path / "out", *FIXED, "--workers", 1)
    assert result.exit_code == 0, result.output
    made = {path.parent.name for path in (tmp_path / "out").glob("*/ranked_0.pdb")}
    assert made == {"_index.html", "_Status.json", "INDEX.HTML2"}
    assert [safe_name(name) for name in OURS] == [f"_{name}" for name in OURS]
    assert (tmp_path / "out" / "index.html").is_file()
    assert "no index page" not in result.output


@pytest.mark.fault("NUL", "error that names file, record and position")
@pytest.mark.fault(2)
def test_nul_inside_of_a_sequence(tmp_path: Path) -> None:
    for text in (b">a\nMKV\0LA\n", b">a\nMKV\nLA\0\0W\n", b">a\nMKVLA\0\n>b\nMK\n"):
        (tmp_path / "in.fasta").write_bytes(text)
        with pytest.raises(InputError, match=r"in\.fasta, record 1 \(a\), position [46]: '\\x00'"):
            read_inputs([tmp_path / "in.fasta"])


@pytest.mark.fault("empty path", "error that names the option")
@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("predict", "IN", "-o", ""), "--out"),
        (("predict", "", "-o", "out"), "INPUTS"),
        (("predict", "IN", "-o", "out", "--data-dir", ""), "--data-dir ''"),
        (("predict", "IN", "-o", "out", "--params", ""), "--params ''"),
        (("predict", "IN", "-o", "out", "--msa", ""), "--msa"),
        (("predict", "IN", "-o", "out", "--config", ""), "--config"),
        (("fold", ""), "FOLDERS"),
        (("status", ""), "FOLDERS"),
        (("db", "index", ""), "FILES"),
        (("db", "list", "--data-dir", ""), "--data-dir"),
        (("params", "verify", "--params", ""), "--params"),
    ],
)
def test_empty_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], option: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.a3m").write_text(f">a\n{PEPTIDE}\n")
    result = af2cpu(*("a.a3m" if one == "IN" else one for one in arguments))
    assert result.exit_code == 2, result.output
    assert option in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.a3m"]


def hold(source: Path, out: Path, folder: Path) -> Program:
    run = Program(folder, *features(source, out, "--workers", 1), faults=[["features", "a", "hold", 1]])
    run.until((folder / "fault-0-0").exists)
    return run


@pytest.mark.fault("temporary files", "removed by the next run, wherever they are; those of living processes stay")
def test_temporary_files_of_dead_processes_are_removed(tmp_path: Path) -> None:
    """A process writes into the shared folders of a run and is killed; another one lives."""
    source, out = inputs(tmp_path / "in", "a"), tmp_path / "out"
    places = [out / "index.html", out / "status.json", out / HIDDEN / "pages.json", out / HIDDEN / "runs" / "x.json"]
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
    code = f"""
import time
from contextlib import ExitStack
from pathlib import Path
from af2cpu.formats.streams import atomic_write
with ExitStack() as stack:
    for path in {[str(place) for place in places]!r}:
        stack.enter_context(atomic_write(Path(path))).write(b"half")
    print("written", flush=True)
    time.sleep(600)
"""
    for number in (0, 1):
        writers = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "written\n"
        writers[0].kill()
        writers[0].wait()
        assert len(list(out.rglob("*.tmp"))) == 2 * len(places)
        arguments = features(source, out) if number else predict(source, out, "--workers", 1)
        assert af2cpu(*arguments).exit_code == 0
        left = [path.name for path in out.rglob("*.tmp")]
        assert len(left) == len(places), left
        assert all(f"-{writers[1].pid}.tmp" in name for name in left)
        writers[1].kill()
        writers[1].wait()
        for writer in writers:
            assert writer.stdout is not None
            writer.stdout.close()
        assert af2cpu(*arguments).exit_code == 0
        assert list(out.rglob("*.tmp")) == []


@pytest.mark.fault("temporary files")
def test_temporary_files_of_other_hosts_stay_for_days(tmp_path: Path) -> None:
    theirs = tmp_path / ".index.html.0123abcd-4711.tmp"
    theirs.write_bytes(b"half")
    sweep_abandoned(tmp_path)
    assert theirs.exists()
    os.utime(theirs, (1, 1))
    sweep_abandoned(tmp_path)
    assert not theirs.exists()
    with atomic_write(tmp_path / "ours") as file:
        file.write(b"whole")
        sweep_abandoned(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["ours"]


@pytest.mark.fault("temporary files")
@pytest.mark.fault(29)
def test_a_killed_run_leaves_nothing_once_the_next_has_ended(tmp_path: Path) -> None:
    source, out = inputs(tmp_path / "in", "a"), tmp_path / "out"
    run = hold(source, out, tmp_path / "log")
    run.process.send_signal(signal.SIGKILL)
    run.process.wait()
    Program(tmp_path / "log", *features(source, out, "--workers", 1)).end()
    assert not [path for path in out.rglob("*") if path.name.endswith((".tmp", ".attempt"))]


ESCAPES = "evil \x1b[2J\x1b]0;owned\x07 \x9b31m\u202egnp.exe"


@pytest.mark.fault("escapes in reports", "shown as \\x1b, on the terminal, in the report and in other files")
@pytest.mark.fault(27)
def test_no_file_and_no_line_has_escapes_of_a_header(tmp_path: Path) -> None:
    (tmp_path / "in.fasta").write_text(f">q {ESCAPES}\n{PEPTIDE}B\n")
    result = af2cpu(
        "predict", tmp_path / "in.fasta", "-o", tmp_path / "out", *FIXED, "--db", "demo", "--workers", 1, "-v"
    )
    assert result.exit_code == 0, result.output
    signs = [sign.encode() for sign in ("\x1b", "\x07", "\x9b", "\u202e")]
    assert not any(sign in result.output.encode() for sign in signs)
    texts = [
        path for path in (tmp_path / "out").rglob("*") if path.suffix in {".html", ".json", ".cif", ".pdb", ".tsv"}
    ]
    assert len(texts) > 10
    for path in texts:
        content = path.read_bytes()
        assert [sign for sign in signs if sign in content] == [], path
    assert rb"evil \x1b[2J" in (tmp_path / "out/q/report.html").read_bytes()


@pytest.mark.fault("folders in HOME", "matplotlib keeps its files in the program's own cache")
@pytest.mark.fault(36)
def test_nothing_is_made_in_home(tmp_path: Path) -> None:
    home, cache = tmp_path / "home", tmp_path / "cache"
    home.mkdir()
    source = inputs(tmp_path / "in", "a")
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH") if name in os.environ}
    command = [sys.executable, "-m", "af2cpu", *map(str, predict(source, tmp_path / "out", "--workers", 1))]
    environment = kept | {"HOME": str(home), "XDG_CACHE_HOME": str(cache)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert list(home.iterdir()) == []
    assert [path.name for path in cache.iterdir()] == ["af2cpu"]
    assert (tmp_path / "out/a/plots/plddt.png").is_file()


@pytest.mark.fault(5)
@pytest.mark.fault(18, "gzip that is cut off is named too")
def test_gzip_that_is_cut_off(tmp_path: Path) -> None:
    packed = gzip.compress(f">a\n{PEPTIDE}\n".encode() * 100)
    (tmp_path / "a.a3m.gz").write_bytes(packed[: len(packed) - 9])
    result = af2cpu("predict", tmp_path / "a.a3m.gz", "-o", tmp_path / "out", *FIXED)
    assert result.exit_code == 2
    assert "a.a3m.gz: the gzip data is cut off or damaged" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.fault("record without a field")
def test_a_status_file_that_is_damaged(tmp_path: Path) -> None:
    source, out = inputs(tmp_path / "in", "a"), tmp_path / "out"
    assert af2cpu(*features(source, out)).exit_code == 0
    for path in (out / HIDDEN / "runs").glob("*.json"):
        path.write_bytes(orjson.dumps({"id": "x"}))
    (out / "status.json").write_bytes(b"{")
    assert af2cpu(*features(source, out)).exit_code == 0
    assert orjson.loads((out / "status.json").read_bytes())["state"] == "ended"
