# SPDX-License-Identifier: Apache-2.0
"""How the program ends for Ctrl-C and SIGTERM."""

from __future__ import annotations

import signal
from pathlib import Path

WORDS = {
    signal.SIGINT: "interrupted; what is complete is kept and used by the next run",
    signal.SIGTERM: "terminated; what is complete is kept and used by the next run",
}


def has_handlers(pid: int) -> bool:
    """Whether a process handles SIGALRM, the last of the signals that get a handler."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    mask = next((line.split()[1] for line in lines if line.startswith("SigCgt")), "0")
    return bool(int(mask, 16) & (1 << (signal.SIGALRM - 1)))


def faults_of(code: int, output: str, number: int) -> str:
    """What is not as it should be at the end of a process that got a signal; empty if all is right."""
    line = WORDS[signal.Signals(number)]
    found = [] if code == 128 + number else [f"exit code {code}"]
    found += [] if output.splitlines()[-1:] == [line] and output.count(line) == 1 else ["not its line once, at the end"]
    found += [word for word in ("Traceback", "Exception ignored", "Aborted") if word in output]
    return ", ".join(found)
