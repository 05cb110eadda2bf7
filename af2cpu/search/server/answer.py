# SPDX-License-Identifier: Apache-2.0
"""What is in an answer: rows for each sequence. It comes from the network: nothing is unpacked under a name from it.

An answer has uniref.a3m, bfd.mgnify30.metaeuk30.smag30.a3m and pdb70.m8, or pair.a3m. The alignments of the sequences
follow each other in a file, separated by NUL, and each begins with the number of its sequence.
"""

from __future__ import annotations

import gzip
import re
import tarfile
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO

from af2cpu.errors import InputError

UNIREF, ENVIRONMENT, PAIR, HITS = "uniref.a3m", "bfd.mgnify30.metaeuk30.smag30.a3m", "pair.a3m", "pdb70.m8"
MAX_LINE = 4 << 20  # bytes of a row
_MAX_HEAD = 1 << 20  # bytes of a long name or other attributes of a member
_NUMBER = re.compile(rb">(\d{1,9})\s*")
_HEADS = {
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
}


class _Member(tarfile.TarInfo):
    """A member whose head is not read into memory where it is larger than any honest one."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _HEADS and self.size > _MAX_HEAD:
            raise tarfile.TarError("a head of a member is too large")
        return super()._proc_member(archive)  # type: ignore[misc] # the documented hook of subclasses


def plain_files(archive: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, IO[bytes]]]:
    """Names and contents of the plain files that are wanted, to be read one after the other; all else is passed over.

    Links, devices and folders are passed over whatever their names, and so are files in folders. Raises InputError for
    an archive that is damaged and for a name that comes twice.
    """
    seen: set[str] = set()
    try:
        with gzip.open(archive) as packed, tarfile.open(fileobj=packed, mode="r|", tarinfo=_Member) as files:
            for member in files:
                name = member.name.removeprefix("./")
                if member.type not in tarfile.REGULAR_TYPES or member.issparse() or not wanted(name):
                    continue
                if name in seen:
                    raise InputError(f"has {name} twice")
                seen.add(name)
                content = files.extractfile(member)
                if content is not None:
                    yield name, content
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, UnicodeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"is no tar archive ({error})") from error


def bounded_lines(stream: IO[bytes] | BinaryIO) -> Iterator[bytes]:
    """Lines. Raises InputError for one that is longer than any honest row."""
    while line := stream.readline(MAX_LINE):
        if len(line) == MAX_LINE:
            raise InputError(f"has a line of over {MAX_LINE >> 20} MB")
        yield line


@dataclass
class Unpacked:
    """The parts of an answer, one file for each sequence and file of the answer."""

    folder: Path
    names: list[str] = field(default_factory=list)  # files of the answer, in its order
    hits: dict[int, list[str]] = field(default_factory=dict)  # by number of the sequence: lines of pdb70.m8, best first

    def rows(self, name: str, number: int) -> Path | None:
        """The alignment of a sequence in a file of the answer, as a3m; None if there is none."""
        path = self.folder / f"{name}.{number}"
        return path if path.is_file() else None


@contextmanager
def unpacked(archive: Path, numbers: Collection[int], most_hits: int) -> Iterator[Unpacked]:
    """The parts of an answer for some sequences, in a folder that is gone after the block.

    most_hits: template hits to keep, each of another chain. Raises InputError without the name of the server, OSError.
    """
    known = {UNIREF, ENVIRONMENT, PAIR, HITS}
    with tempfile.TemporaryDirectory(prefix=".", suffix=".tmp", dir=archive.parent) as folder:
        found = Unpacked(Path(folder))
        for name, stream in plain_files(archive, known.__contains__):
            found.names.append(name)
            if name == HITS:
                _take_hits(stream, found, set(numbers), most_hits)
            else:
                _take_rows(stream, found.folder / name, set(numbers))
        yield found


def _take_rows(stream: IO[bytes], path: Path, numbers: set[int]) -> None:
    """Copies the alignments of some sequences, each to a file of its own; several of one follow each other."""
    begins, taken = True, False
    with ExitStack() as stack:
        files: dict[int, BinaryIO] = {}
        number = -1
        for raw in bounded_lines(stream):
            line = raw.replace(b"\0", b"")
            begins = begins or len(line) < len(raw)
            if begins and line.startswith(b">"):
                match = _NUMBER.fullmatch(line)
                if match is None:
                    raise InputError(f"has {path.name} with a first row that is no number of a sequence")
                number, begins, taken = int(match[1]), False, True
                if number in numbers and number not in files:
                    files[number] = stack.enter_context(path.with_name(f"{path.name}.{number}").open("wb"))
            elif line.strip() and not taken:
                raise InputError(f"has {path.name} with text before its first row")
            if number in files and line.strip():
                files[number].write(line if line.endswith(b"\n") else line + b"\n")


def _take_hits(stream: IO[bytes], found: Unpacked, numbers: set[int], most: int) -> None:
    chains: dict[int, set[bytes]] = {}
    for line in bounded_lines(stream):
        words = line.replace(b"\0", b"").split(b"\t")
        number = int(words[0]) if words[0].isdigit() and len(words[0]) < 10 else -1
        if number not in numbers or len(words) < 2:
            continue
        known = chains.setdefault(number, set())
        if len(known) < most and words[1] not in known:
            known.add(words[1])
            found.hits.setdefault(number, []).append(b"\t".join(words).decode("utf-8", "replace").strip())
