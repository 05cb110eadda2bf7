# SPDX-License-Identifier: Apache-2.0
"""Structures and sequences of template hits from an MSA server: one .tar.gz for the chains that are asked for.

It has the mmCIF files of the entries, and the chains' alignments (pdb70_a3m.ffdata, pdb70_a3m.ffindex), of which the
first row, the sequence of the chain, is used here. ColabFold runs HHsearch on them; the alignment of a template is here
the server's own, from pdb70.m8.
"""

from __future__ import annotations

import gzip
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from af2cpu.errors import InputError, ServerError
from af2cpu.formats.entries import mmcif_path
from af2cpu.formats.streams import atomic_write
from af2cpu.search.server.answer import bounded_lines, plain_files
from af2cpu.search.server.client import MsaServer, UnreachableError
from af2cpu.search.server.tickets import fetch_archive

MOST = 20  # chains whose structures are asked for, as by ColabFold; AlphaFold 2 takes 20 templates at the most
_DATA, _INDEX = "pdb70_a3m.ffdata", "pdb70_a3m.ffindex"
_CIF = re.compile(r"([0-9a-z]{4})\.cif")
_NOT_THE_CHAIN = re.compile(r"(ss|sa|aa)_(dssp|pred|conf)|Consensus|.*_consensus")
_LETTERS = re.compile(r"[A-Z]+")
_WITHOUT = "leaves templates out"


@dataclass
class Templates:
    """What came for some chains."""

    chains: dict[str, tuple[str, str]] = field(default_factory=dict)  # letters and description, by the chain's name
    entries: list[str] = field(default_factory=list)  # whose mmCIF file is in the folder


def fetch_templates(server: MsaServer, chains: Sequence[str], folder: Path) -> Templates:
    """Asks for some chains; writes their mmCIF files into a folder; existing files are kept.

    Raises UnreachableError, InputError for an answer that is none, OSError.
    """
    if not chains:
        return Templates()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", suffix=".tmp", dir=folder) as scratch:
        archive = Path(scratch) / "templates.tar.gz"
        try:
            fetch_archive(server, f"/template/{','.join(chains)}", archive)
            return _taken(archive, chains, folder)
        except UnreachableError:
            raise
        except ServerError as error:
            raise InputError(f"{error}; --template-search none {_WITHOUT}") from error
        except InputError as error:
            raise InputError(
                f"MSA server {server.url}: the answer about templates {error}; --template-search none {_WITHOUT}"
            ) from error


def _taken(archive: Path, chains: Sequence[str], folder: Path) -> Templates:
    entries = dict.fromkeys(chain[:4].lower() for chain in chains)
    found = Templates()
    rows: dict[int, tuple[str, str]] = {}
    offsets: dict[str, int] = {}

    def wanted(name: str) -> bool:
        match = _CIF.fullmatch(name)
        return name in {_DATA, _INDEX} or (match is not None and match[1] in entries)

    for name, content in plain_files(archive, wanted):
        if name == _DATA:
            rows = dict(_first_rows(content))
        elif name == _INDEX:
            offsets = dict(_index(content))
        else:
            entry = name.removesuffix(".cif")
            found.entries.append(entry)
            if not mmcif_path(folder, entry).is_file():  # its time is part of what features depend on
                _keep(content, folder / f"{entry}.cif.gz")
    found.chains = {chain: rows[offsets[chain]] for chain in chains if offsets.get(chain) in rows}
    return found


def _keep(content: IO[bytes], path: Path) -> None:
    with atomic_write(path) as file, gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
        shutil.copyfileobj(content, packed, 1 << 20)


def _index(content: IO[bytes]) -> Iterator[tuple[str, int]]:
    for line in bounded_lines(content):
        words = line.decode("utf-8", "replace").split("\t")
        if len(words) > 1 and words[1].strip().isdecimal():
            yield words[0], int(words[1])


def _first_rows(content: IO[bytes]) -> Iterator[tuple[int, tuple[str, str]]]:
    """Of each entry of a ffindex data file its place and the sequence of its chain, with the description."""
    place, entry, reader = 0, 0, _FirstRow()
    for raw in bounded_lines(content):
        pieces = raw.split(b"\0")  # an entry ends with NUL
        for number, piece in enumerate(pieces):
            if number:
                yield from reader.finish(entry)
                entry, reader = place, _FirstRow()
            reader.add(piece.decode("utf-8", "replace"))
            place += len(piece) + (number < len(pieces) - 1)
    yield from reader.finish(entry)


class _FirstRow:
    """Takes the first row of an alignment that is a sequence of the chain itself."""

    def __init__(self) -> None:
        self._header: str | None = None
        self._letters: list[str] = []
        self._ended = False

    def add(self, line: str) -> None:
        if self._ended:
            return
        if line.startswith(">"):
            self._ended = self._header is not None
            if not self._ended and not _NOT_THE_CHAIN.fullmatch((line[1:].split() or [""])[0]):
                self._header = line[1:]
        elif self._header is not None:
            self._letters.append(line.strip())

    def finish(self, place: int) -> Iterator[tuple[int, tuple[str, str]]]:
        """The row, if there is one."""
        letters = "".join(self._letters).replace("-", "").replace(".", "").upper()
        if self._header is not None and _LETTERS.fullmatch(letters):
            description = " ".join(self._header.split()[1:])
            yield place, (letters, "".join(one for one in description if one.isprintable()))
