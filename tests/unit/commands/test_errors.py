# SPDX-License-Identifier: Apache-2.0
"""How the program ends: one line and an exit code for every error, also for those that nobody foresaw."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

MAIN = "from af2cpu.cli import main; main()"
# The body of a command ends with an exception, given as Python.
RAISING = "import af2cpu.{module} as m\ndef fail(*_, **__): raise {error}\nm.{name} = fail\n" + MAIN
FASTA = ">a\nMKTAYIAKQRQ\n"


def af2cpu(
    arguments: Sequence[object], code: str = MAIN, environ: dict[str, str] | None = None, stdout: int = subprocess.PIPE
) -> subprocess.CompletedProcess[bytes]:
    """The program in a process of its own."""
    command = [sys.executable, "-c", code, *(os.fsencode(str(one)) for one in arguments)]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, env=os.environ | (environ or {}), check=False)


def failing(error: str, arguments: Sequence[object], tmp_path: Path) -> subprocess.CompletedProcess[bytes]:
    """`predict` or `db list` where reading the input fails with this error."""
    module, name = ("query", "read_inputs") if arguments[0] == "predict" else ("search.databases", "expected_path")
    code = RAISING.format(module=module, name=name, error=error)
    return af2cpu(arguments, code, {"TMPDIR": str(tmp_path)})


def last_line(done: subprocess.CompletedProcess[bytes]) -> str:
    """The only line but for those with the time in front."""
    lines = [line for line in done.stderr.decode().splitlines() if " s  " not in line]
    assert len(lines) == 1, done.stderr.decode()
    return lines[0]


@pytest.fixture
def predict(tmp_path: Path) -> list[object]:
    (tmp_path / "a.fasta").write_text(FASTA)
    return ["predict", tmp_path / "a.fasta", "-o", tmp_path / "out", "--params", "demo", "--db", "demo"]


@pytest.mark.parametrize("error", ["EOFError('no more')", "RuntimeError('no more\\nand more')", "SystemError()"])
def test_the_unforeseen_is_one_line_with_the_file_of_its_traceback(
    error: str, predict: list[object], tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    done = failing(error, predict, tmp_path)
    assert done.returncode == 70
    detail = ": no more" if "no more" in error else ""
    log = tmp_path / "out" / "af2cpu-error.log"
    kind = error.partition("(")[0]
    assert last_line(done) == f"error: unexpected {kind}{detail}; a fault of af2cpu; the traceback is in {log}"
    assert f"in fail\n{kind}" in log.read_text()
    assert "'predict'" in log.read_text()


def test_without_an_output_folder_the_traceback_is_a_temporary_file(predict: list[object], tmp_path: Path) -> None:
    for arguments in (predict, ["db", "list", "--data-dir", tmp_path]):
        done = failing("ZeroDivisionError()", arguments, tmp_path)
        assert done.returncode == 70
        log = Path(last_line(done).partition("the traceback is in ")[2])
        assert log.parent == tmp_path
        assert "in fail\nZeroDivisionError" in log.read_text()
    assert not (tmp_path / "out").exists()


def test_commands_that_foresee_nothing(tmp_path: Path) -> None:
    """typer itself would end an EOFError with `Aborted.`."""
    code = RAISING.format(module="commands.config", name="template", error="EOFError('no more')")
    done = af2cpu(["config"], code, {"TMPDIR": str(tmp_path)})
    assert done.returncode == 70
    assert last_line(done).startswith("error: unexpected EOFError: no more; ")


def test_a_folder_that_can_not_take_the_traceback(predict: list[object], tmp_path: Path) -> None:
    (tmp_path / "out" / "af2cpu-error.log").mkdir(parents=True)
    line = last_line(failing("ZeroDivisionError()", predict, tmp_path))
    assert f"{tmp_path}/af2cpu-error-" in line
    assert line.endswith("/out/af2cpu-error.log: Is a directory)")


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        ("OSError(28, 'No space left', '/x/y')", 1, "error: /x/y: No space left"),
        ("PermissionError(13, 'Denied', '/x', None, '/y')", 1, "error: /x to /y: Denied"),
        ("OSError('no device')", 1, "error: no device"),
        ("BrokenPipeError(32, 'Broken pipe')", 1, "error: Broken pipe"),  # of another pipe than ours
        ("MemoryError()", 1, "error: not enough memory; lower --max-msa, or cut the sequence"),
        ("m.InputError('a\\nb\\x1b[1m')", 2, "error: a\\nb\\x1b[1m"),
        ("KeyboardInterrupt()", 130, "interrupted; what is complete is kept and used by the next run"),
    ],
)
def test_the_foreseen(error: str, code: int, line: str, tmp_path: Path) -> None:
    done = failing(error, ["db", "list", "--data-dir", tmp_path], tmp_path)
    assert (done.returncode, last_line(done)) == (code, line)


def test_memory_of_pytorch(tmp_path: Path) -> None:
    text = "[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory: you tried"
    done = failing(f"RuntimeError({text!r})", ["db", "list", "--data-dir", tmp_path], tmp_path)
    assert done.returncode == 1
    assert last_line(done).startswith("error: not enough memory: ")


@pytest.mark.parametrize("arguments", [["--help"], ["db", "list", "--data-dir", "x"], ["doctor"]])
def test_a_reader_that_has_gone(arguments: list[str]) -> None:
    """As `| head` leaves it: the first through typer's console, the second through ours, the third through echo."""
    read, write = os.pipe()
    os.close(read)
    done = af2cpu(arguments, stdout=write)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def test_text_left_in_the_buffer_for_a_reader_that_has_gone() -> None:
    read, write = os.pipe()
    os.close(read)
    error = "(__import__('sys').stdout.write('x'), m.InputError('no length'))[1]"
    code = RAISING.format(module="commands.estimate", name="_lengths", error=error)
    done = af2cpu(["estimate", "0"], code, {"PYTHONUNBUFFERED": ""}, stdout=write)
    os.close(write)
    assert (done.returncode, last_line(done)) == (141, "error: no length")


@pytest.mark.fault(30)
def test_a_full_device() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    done = af2cpu(["config"], stdout=full)
    os.close(full)
    assert (done.returncode, last_line(done)) == (1, "error: No space left on device")


@pytest.mark.parametrize("environ", [{}, {"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}])
def test_paths_that_are_not_utf8(tmp_path: Path, environ: dict[str, str]) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xe9\xc3\xa4"))
    done = af2cpu(["db", "list", "--data-dir", folder], environ=environ)
    assert done.returncode == 0, done.stderr
    assert b"/\xe9" in done.stdout
    done = af2cpu(["predict", folder / "a.fasta", "-o", folder, "--db", "demo"], environ=environ)
    assert done.returncode == 2
    assert b"/\\xe9" in done.stderr
    assert b"Traceback" not in done.stderr


def test_an_instruction_set_that_does_not_exist(predict: list[object]) -> None:
    from af2cpu.ops import isa

    if not isa.built():
        pytest.skip("no native kernels in this installation")
    for arguments in (["estimate", "100"], [*predict, "--dry-run"]):
        done = af2cpu(arguments, environ={"AF2CPU_ISA": "sse9"})
        assert done.returncode == 2
        assert last_line(done).startswith("error: AF2CPU_ISA=sse9: choose one of scalar, avx2, ")


@pytest.mark.parametrize("arguments", [["estimate", "0"], ["estimate", "100", "00"]])
def test_a_length_of_zero(arguments: list[str]) -> None:
    done = af2cpu(arguments)
    assert done.returncode == 2
    assert last_line(done).endswith("must be 1 residue or more")
    assert done.stdout == b""


def test_bad_use_is_exit_code_2() -> None:
    for arguments in (["frobnicate"], ["predict", "--frobnicate"], ["predict"]):
        done = af2cpu(arguments)
        assert done.returncode == 2
        assert b"Usage: " in done.stderr
        assert b"Traceback" not in done.stderr


@pytest.mark.fault(36)
def test_no_home_and_no_user(tmp_path: Path) -> None:
    """As in a container: no HOME, no entry in the list of users, databases that can't be written."""
    (tmp_path / "q.fasta").write_text(FASTA)
    (tmp_path / "db.fasta").write_text(FASTA)
    no_user = "pwd.getpwuid = lambda number: {}[number]"
    code = f"import os, pwd\n{no_user}\nos.access = lambda path, mode: mode != os.W_OK\n{MAIN}"
    command = [sys.executable, "-c", code, "search", "q.fasta", "--db", "x=db.fasta", "-o", "out"]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, check=False)
    assert done.returncode == 2
    assert "db.fasta: its index can't be written" in last_line(done)
    assert "set XDG_CACHE_HOME" in last_line(done)
    assert not (tmp_path / "~").exists()
