# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C and SIGTERM at any moment, also while the program loads: one line, the signal's exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from program_cases import inputs, predict
from signal_cases import WORDS, faults_of, has_handlers

# A program whose body gets a signal; %s is the body.
PROGRAM = """
import atexit, os, signal, sys, threading, time
from af2cpu.commands.errors import run

def send(number):
    os.kill(os.getpid(), number)

def body():
%s

if __name__ == "__main__":
    run(body)
"""


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("in")
    arguments = predict(inputs(folder / "in", "a"), folder / "out", "--workers", 1, "--recycles", 20)
    return [sys.executable, "-m", "af2cpu", *map(str, arguments)]


def start(command: list[str]) -> subprocess.Popen[str]:
    """The program in a group of its own, once it has its handlers: before, Python itself ends for a signal."""
    options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    process = subprocess.Popen(command, start_new_session=True, **options)
    while not has_handlers(process.pid):
        assert process.poll() is None
        time.sleep(0.001)
    return process


def ended(command: list[str], number: signal.Signals, after: float, *, group: bool = False) -> None:
    """A signal to the program, or to its whole group, ends it rightly."""
    process = start(command)
    time.sleep(after)
    running = process.poll() is None
    if running:
        (os.killpg if group else os.kill)(process.pid, number)
    output, _ = process.communicate(timeout=60)
    if running:
        assert not faults_of(process.returncode, output, number), f"after {after:.3f} s: {process.returncode}: {output}"


@pytest.mark.fault("signals in imports", "one line and the signal's exit code, as at any other moment")
@pytest.mark.fault("SIGTERM")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after", [0.0, 0.05, 0.15, 0.3, 0.6, 1.0])
def test_a_signal_while_the_program_loads(command: list[str], number: signal.Signals, after: float) -> None:
    ended(command, number, after)


@pytest.mark.slow
@pytest.mark.fault("signals in imports")
@pytest.mark.fault(35)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_any_moment_of_loading(command: list[str], number: signal.Signals) -> None:
    for step in range(24):
        ended(command, number, 0.07 * step)


@pytest.mark.fault("signals in imports")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after", [0.5, 1.0, 1.5])
def test_a_signal_to_the_whole_group(command: list[str], number: signal.Signals, after: float) -> None:
    """As terminals send Ctrl-C: worker processes that are loading must not end with tracebacks of their own."""
    place = command.index("--workers") + 1
    ended([*command[:place], "2", *command[place + 1 :]], number, after, group=True)


def program(folder: Path, body: str) -> subprocess.CompletedProcess[str]:
    """A program with this body, as `python -m`, which ends in another way than a script for what is unhandled."""
    text = PROGRAM % "\n".join(f"    {line}" for line in body.splitlines())
    (folder / "program.py").write_text(text)
    command = [sys.executable, "-m", "program"]
    path = os.pathsep.join([str(folder), *sys.path])
    options: dict[str, Any] = {"cwd": folder, "env": os.environ | {"PYTHONPATH": path}, "timeout": 60}
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    return done


IN_A_TEXT = """
import rich.console  # what is imported later would run texts too, and so hide that one was interrupted
from af2cpu.commands.console import plain_console
plain_console(stderr=True).print("loaded")
exec("send({number}); time.sleep(10)")
"""
IN_AN_IMPORT = """
from pathlib import Path
Path("imported.py").write_text("import os; os.kill(os.getpid(), {number})")
import imported
"""
SWALLOWED = """
try:
    send({number})
    time.sleep(10)
except BaseException as error:
    raise RuntimeError("a library's own") from error
"""


@pytest.mark.fault("signals in imports")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("body", [IN_A_TEXT, IN_AN_IMPORT, SWALLOWED], ids=["text", "import", "swallowed"])
def test_a_signal_at_a_bad_place(tmp_path: Path, body: str, number: signal.Signals) -> None:
    """In a text that is executed, in an import with which the program ends, in a block that makes an error of it."""
    done = program(tmp_path, body.format(number=int(number)).strip())
    assert not faults_of(done.returncode, done.stderr, number), (done.returncode, done.stderr)


@pytest.mark.fault("signals in imports")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("last", "code"), [("pass", 0), ("import typer; raise typer.Exit(1)", 1), ("send({})", None)])
def test_a_signal_once_the_end_is_decided(tmp_path: Path, last: str, code: int | None, number: signal.Signals) -> None:
    """Before and while the interpreter shuts down: the exit code stays, and nothing more is printed."""
    body = f"""
class Late:
    def __init__(self):
        self.send, self.kill = send, os.kill
    def __del__(self):
        self.send({int(number)})  # when modules are taken down, after Python's own handlers
sys.late = Late()
atexit.register(send, {int(number)})
{last.format(int(number))}
"""
    done = program(tmp_path, body.strip())
    expected = 128 + number if code is None else code
    assert (done.returncode, done.stderr) == (expected, f"{WORDS[number]}\n" if code is None else "")
