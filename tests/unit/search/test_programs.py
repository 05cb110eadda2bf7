# SPDX-License-Identifier: Apache-2.0
"""Optional programs: found, asked for their version, their ways to fail, and that they end with us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hh_cases import stand_in

from af2cpu.errors import ProgramError
from af2cpu.search import programs

_RUN = "import sys; from pathlib import Path; from af2cpu.search import programs; programs.run([sys.argv[1]], Path())"


def script(folder: Path, body: str) -> str:
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, "hhblits", "")
    assert programs.version_of("hhblits") == "hhblits 9.8.7"
    (tmp_path / "bin/hhblits").write_text("#!/bin/sh\necho something else\n")
    with pytest.raises(ProgramError, match=r"bin/hhblits -h: says no version \('something else'\)"):
        programs.version_of("hhblits")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProgramError, match="hhblits: is not on PATH; install hh-suite"):
        programs.version_of("hhblits")


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("kill -ILL $$", "program died of SIGILL (Illegal instruction); it was built for another processor"),
        ("sh -c 'kill -ILL $$'", "program died of SIGILL (Illegal instruction)"),  # a wrapper, as Debian's
        ("kill -KILL $$", "program died of SIGKILL (Killed); most often the memory was not enough"),
        (
            "for k in 1 2 3 4 5 6; do echo line $k >&2; done; exit 3",
            "exit code 3; it said: line 3 | line 4 | line 5 | l",
        ),
        ("exit 4", "program ended with exit code 4"),
    ],
)
def test_how_a_program_may_fail(tmp_path: Path, body: str, fault: str) -> None:
    with pytest.raises(ProgramError) as caught:
        programs.run([script(tmp_path, body)], tmp_path)
    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)


def gone(pid: int) -> bool:
    """Whether a process ends within some seconds."""
    for _ in range(200):
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return True
        if state == "Z":  # nobody waits for it in a container without an init process
            return True
        time.sleep(0.05)
    return False


def pid_in(path: Path) -> int:
    """The number that a script writes."""
    for _ in range(400):
        if path.is_file() and path.read_text().endswith("\n"):
            return int(path.read_text())
        time.sleep(0.05)
    raise AssertionError(f"{path} was not written")


def test_a_program_has_its_time(tmp_path: Path) -> None:
    body = f"sh -c 'echo $$ > {tmp_path}/pid; sleep 60'"
    with pytest.raises(ProgramError, match="did not end within 1 s"):
        programs.run([script(tmp_path, body)], tmp_path, seconds=1)
    assert gone(pid_in(tmp_path / "pid"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_program_ends_with_us(tmp_path: Path, number: signal.Signals) -> None:
    """With Ctrl-C and with a kill; also what a wrapper script has started."""
    program = script(tmp_path, f"sh -c 'echo $$ > {tmp_path}/pid; sleep 60; exit 0'\nexit 0")
    with subprocess.Popen([sys.executable, "-c", _RUN, program], stderr=subprocess.DEVNULL) as process:
        pid = pid_in(tmp_path / "pid")
        process.send_signal(number)
        process.wait()
    assert process.returncode != 0
    assert gone(pid)
