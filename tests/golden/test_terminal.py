# SPDX-License-Identifier: Apache-2.0
"""What a person sees on a terminal of 80 and 120 columns: a pseudo-terminal, its screen rebuilt with pyte."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pyte
import pytest

ROWS = 50
SEQUENCES = """>a_protein_with_a_very_long_name_that_does_not_fit_into_a_table_of_eighty_columns
MKTAYIAKQRQISFVKSHFSRQ
>short
NLYIQWLKDGGPSSGRPPPS
"""
COMMAND = ("--models", "tiny", "--params", "synthetic:0", "--db", "demo", "--relax", "none", "--precision", "fp32")


def screen_of(columns: int, *arguments: object) -> tuple[int, list[str]]:
    """Exit code, and all lines of the terminal at the end: those that have left the screen, then the screen."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
    command = [sys.executable, "-c", "from af2cpu.cli import main; main()", *map(str, arguments)]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | {"TERM": "xterm"})
    os.close(theirs)
    screen = pyte.HistoryScreen(columns, ROWS, history=10_000)
    stream = pyte.ByteStream(screen)
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:  # Linux's way to say that the other side is closed
            break
        if not data:
            break
        stream.feed(data)
    os.close(ours)
    passed = ["".join(line[k].data for k in range(columns)).rstrip() for line in screen.history.top]
    return process.wait(), passed + [line.rstrip() for line in screen.display]


@pytest.mark.parametrize("columns", [80, 120])
def test_lines_stay_whole_and_bars_go(columns: int, tmp_path: Path) -> None:
    fasta, out = tmp_path / "two.fasta", tmp_path / "out"
    fasta.write_text(SEQUENCES)
    code, lines = screen_of(columns, "predict", fasta, "-o", out, *COMMAND, "--recycles", 1)
    text = "\n".join(lines)
    assert code == 0, text
    assert not re.search("━ +[0-9]+/[0-9]+|[╸╺]", text)  # no bar is left
    clock = re.compile(r" +\d+\.\d s  \S")
    first = next(k for k, line in enumerate(lines) if line.split()[:2] == ["target", "length"])
    told = [line for line in lines[:first] if line]
    assert all(clock.match(line) or line.startswith(" " * 12) for line in told), text  # nothing is glued to a bar
    said = " ".join(" ".join(told).split())
    for sentence in ("the structures mean nothing", "pass 2 of 2", "features: "):
        assert sentence in said
    head, rule, long, short = lines[first : first + 4]
    assert head.split() == ["target", "length", "best", "model", "pLDDT", "pTM", "relaxed", "time"]
    assert set(rule) <= {"─", " "}
    assert re.match(r" *a_\w+…\w*columns +22 +tiny ", long)
    assert short.split()[:3] == ["short", "20", "tiny"]
    assert f"report: {out / 'index.html'}" in "".join(lines)
    assert "template hits skipped: " in " ".join(text.split())


def test_again_it_is_up_to_date_and_quiet_says_nothing(tmp_path: Path) -> None:
    fasta, out = tmp_path / "one.fasta", tmp_path / "out"
    fasta.write_text(SEQUENCES)
    run = ("predict", fasta, "-o", out, *COMMAND, "--recycles", 0)
    assert screen_of(80, *run, "--quiet")[1] == [""] * ROWS
    code, lines = screen_of(80, *run, "--verbose")
    text = " ".join(" ".join(lines).split())
    assert code == 0
    assert text.count(" current") == 2
    assert "result_tiny_pred_0.npz: up to date" in text
    assert "note: template " in text
    assert screen_of(80, *run, "--quiet", "--verbose")[0] == 2
