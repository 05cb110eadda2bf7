# SPDX-License-Identifier: Apache-2.0
"""Optional programs that this one starts: found on PATH, and ended with this process however it ends."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import IO

from af2cpu.errors import ProgramError

_VERSION = re.compile(r"\b\d+\.\d+[\w.]*\b")
_VERSION_SECONDS = 60.0
_LINES = 4  # of standard error that a message quotes
_QUOTED = 600  # characters of them at most
_WAIT_MORE = 128  # a shell, and a wrapper script, tells a signal as 128 + its number
# The program runs in a session of its own below this shell, which waits on a pipe from us as well: when our end closes,
# even because we were killed, the whole process group is killed. Wrapper scripts, such as Debian's, and the programs
# that they start are in it.
_SUPERVISOR = """
exec 3<&0 </dev/null
(read -r line <&3; kill -KILL 0) &
"$@" 3<&-
status=$?
kill -TERM $!
exit $status
"""
_REMEDIES = {
    signal.SIGILL: "it was built for another processor: install a build for this one, such as Debian's package hhsuite",
    signal.SIGKILL: "most often the memory was not enough: give it more, or run fewer targets at a time",
    signal.SIGBUS: "a database file may be cut off, or the disk broken: check the files",
    signal.SIGSEGV: "a database file may be damaged, or the program does not fit it: check the files and the version",
}


def find_program(name: str) -> Path:
    """The program on PATH. Raises ProgramError."""
    found = shutil.which(name)
    if found is None:
        raise ProgramError(f"{name}: is not on PATH; install hh-suite (Debian's package hhsuite), or add it to PATH")
    return Path(found)


def version_of(name: str) -> str:
    """Name and version of one of hh-suite's programs, such as `hhblits 3.3.0`, from the first line of `NAME -h`.

    Raises ProgramError if it is missing, dies or says no version.
    """
    path = find_program(name)
    return _version_of(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _version_of(path: Path, changed: int) -> str:
    with tempfile.TemporaryFile() as said:
        run([str(path), "-h"], Path.cwd(), output=said, seconds=_VERSION_SECONDS)
        said.seek(0)
        first = next((line for line in said.read().decode("utf-8", "replace").splitlines() if line.strip()), "")
    match = _VERSION.search(first)
    if match is None:
        raise ProgramError(f"{path} -h: says no version ({first[:80]!r}); it is not hh-suite's {path.name}")
    return f"{path.name} {match[0]}"


def run(
    command: Sequence[str], folder: Path, output: IO[bytes] | int = subprocess.DEVNULL, seconds: float | None = None
) -> None:
    """Runs a program in a folder to its end; output: where its standard output goes; seconds: the time that it has.

    Whatever is raised here meanwhile, such as Ctrl-C, ends the program first. Raises ProgramError with the last lines
    of its standard error if it dies, ends with an error or takes too long.
    """
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            ["/bin/sh", "-c", _SUPERVISOR, command[0], *command],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise ProgramError(f"{shlex.join(command)}: did not end within {seconds:.0f} s") from error
        finally:
            _end(process)
        if status:
            raise ProgramError(f"{Path(command[0]).name} {_fate(status)}{_last_lines(errors)}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Closes our end of the pipe, upon which a program that still runs is killed, and waits for that."""
    assert process.stdin is not None
    process.stdin.close()
    process.wait()


def _fate(status: int) -> str:
    number = -status if status < 0 else status - _WAIT_MORE
    try:
        died = signal.Signals(number)
    except ValueError:
        return f"ended with exit code {status}"
    remedy = _REMEDIES.get(died)
    return f"died of {died.name} ({signal.strsignal(died)}){f'; {remedy}' if remedy else ''}"


def _last_lines(errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = [line.strip() for line in errors.read().decode("utf-8", "replace").splitlines() if line.strip()]
    text = " | ".join(lines[-_LINES:])[-_QUOTED:]
    return f"; it said: {text}" if text else ""
