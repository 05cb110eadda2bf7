# SPDX-License-Identifier: Apache-2.0
"""The documents of the project, and the commands in their code blocks."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "kernels/README.md")]
DOCUMENTS += sorted((ROOT / "docs").glob("*.md"))
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(af2cpu [a-z][^`]*)`")
_LEFT_OUT = re.compile(r"\.\.\.|\bI/N\b")  # `af2cpu predict ... --shard I/N`


class Command(NamedTuple):
    """A line of a code block."""

    document: Path
    line: str

    @property
    def words(self) -> list[str]:
        """As a shell splits it, without its comment."""
        return shlex.split(self.line, comments=True)

    def __str__(self) -> str:
        return f"{self.document.name}: {self.line}"


def blocks(document: Path, language: str = "") -> list[str]:
    """The code blocks of a language; "" are those without one, which are commands, files and layouts."""
    return [text for found, text in _BLOCK.findall(document.read_text()) if found == language]


def shell_lines(document: Path) -> Iterator[Command]:
    """Commands of the blocks that begin with one: continued lines are joined, output after `$ command` is left out."""
    for text in blocks(document):
        lines = [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]
        prompted = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        if prompted or _begins_with_program(lines[0]):
            yield from (Command(document, line) for line in prompted or lines)


PROGRAMS = ("af2cpu", "cmake", "dask", "git", "make", "pip", "python", "python3", "sbatch", "source")


def _begins_with_program(line: str) -> bool:
    word = line.split(maxsplit=1)[0]
    return Path(word).name in PROGRAMS and not word.endswith("/")


def inline_commands(document: Path) -> Iterator[Command]:
    """Whole commands of the program within the text, `af2cpu status OUT`; those with parts left out are not."""
    for line in _INLINE.findall(_BLOCK.sub("", document.read_text())):
        if not _LEFT_OUT.search(line):
            yield Command(document, line)
