# SPDX-License-Identifier: Apache-2.0
"""HHblits and HHsearch as AlphaFold 2 runs them: the alignment from BFD and UniRef30, template hits from pdb70.

Both are optional programs (search.programs). Their results are kept as they are, but for rows of an alignment that are
not in the query's columns.
"""

from __future__ import annotations

import re
import shlex
import shutil
import string
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from af2cpu.errors import InputError, ProgramError
from af2cpu.formats.fasta import read_fasta
from af2cpu.formats.streams import TEMPORARY, atomic_write, lines, name_of, open_bytes
from af2cpu.records import Query
from af2cpu.search import programs
from af2cpu.search.databases import alignment_file, hits_file
from af2cpu.search.profile_databases import ProfileDatabase
from af2cpu.search.stockholm_text import a3m_rows, row_header

MAX_CORES = 8  # AlphaFold's: the programs gain little beyond
HHBLITS_OPTIONS = tuple(
    "-n 3 -e 0.001 -maxseq 1000000 -realign_max 100000 -maxfilt 100000 -min_prefilter_hits 1000".split()
)
HHSEARCH_OPTIONS = ("-maxseq", "1000000")
_INSERTED = string.ascii_lowercase.encode() + b"."
# Names that hh-suite takes for annotation or for a consensus, and not for the query.
_MISREAD = re.compile(rb"(ss|sa|aa)_|\S*_consensus")


@dataclass(frozen=True)
class ProfileAlignment:
    """An alignment that HHblits made."""

    path: Path
    rows: int  # the query counts
    dropped: int  # rows that were not in the query's columns
    command: str


def search_profiles(query: Query, database: ProfileDatabase, folder: Path, cores: int) -> ProfileAlignment:
    """The alignment of a query from BFD and UniRef30 by HHblits, in the folder. Raises ProgramError."""
    path = folder / alignment_file(database)
    with _workplace(folder) as place:
        name, description = row_header(query)
        (place / "query.fasta").write_bytes(
            b">%s %s\n%s\n" % (_safe(name), description.encode(), query.sequence.encode())
        )
        command = [database.program, "-i", "query.fasta", "-cpu", str(min(cores, MAX_CORES)), "-oa3m", path.name]
        command += ["-o", "/dev/null", *HHBLITS_OPTIONS]
        ran = _run(command, database, place, place / path.name)
        rows, dropped = _keep_aligned(place / path.name, path, query)
    return ProfileAlignment(path, rows, dropped, ran)


def search_pdb70(alignment: Path, database: ProfileDatabase, folder: Path, cores: int) -> tuple[Path, str]:
    """Template hits by HHsearch with a UniRef90 alignment (as cut by AlphaFold), in the folder; and the command.

    Raises ProgramError, and InputError for an alignment that is damaged.
    """
    path = folder / hits_file(database)
    with _workplace(folder) as place:
        _write_a3m(alignment, place / "query.a3m")
        command = [database.program, "-i", "query.a3m", "-o", path.name, *HHSEARCH_OPTIONS]
        command += ["-cpu", str(min(cores, MAX_CORES))]
        ran = _run(command, database, place, place / path.name)
        with (place / path.name).open("rb") as hits, atomic_write(path) as target:
            shutil.copyfileobj(hits, target)
    return path, ran


@contextmanager
def _workplace(folder: Path) -> Iterator[Path]:
    """A temporary folder on the disk of the results; of a killed run the next one removes it."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".", suffix=TEMPORARY) as place:
        yield Path(place)


def _run(command: list[str], database: ProfileDatabase, place: Path, result: Path) -> str:
    """Runs a program on a database; the command as text. Raises ProgramError if it leaves no complete result."""
    for prefix in database.prefixes:
        command += ["-d", str(prefix.absolute())]
    programs.run([str(programs.find_program(command[0])), *command[1:]], place)
    if not result.is_file() or result.stat().st_size == 0:
        raise ProgramError(
            f"{command[0]} ended without an error and left no result; check the database {database.path} "
            f"and run the command again"
        )
    with result.open("rb") as file:
        file.seek(-1, 2)
        if file.read() != b"\n":
            raise ProgramError(
                f"{command[0]} ended without an error, but its result is cut off; see whether the disk is full"
            )
    return shlex.join(command)


def _keep_aligned(raw: Path, path: Path, query: Query) -> tuple[int, int]:
    """Writes the rows that are in the query's columns; their number, and the number of the others.

    hh-suite sometimes merges a row wrongly (its issue 337); AlphaFold then fails.
    """
    rows = dropped = 0
    with atomic_write(path) as target:
        for record in read_fasta(raw):
            if record.number == 1 and record.letters != query.sequence.encode():
                raise ProgramError(f"{path.name}: the first row that the program wrote is not {query.name}'s sequence")
            if len(record.letters.translate(None, _INSERTED)) != query.n_res:
                dropped += 1
                continue
            rows += 1
            target.write(b">%s\n%s\n" % (record.header.encode(), record.letters))
    return rows, dropped


def _write_a3m(alignment: Path, path: Path) -> None:
    """A Stockholm alignment as AlphaFold gives it to HHsearch. Raises InputError for one that is damaged."""
    try:
        with open_bytes(alignment) as stream, path.open("wb") as target:
            for number, (name, description, letters) in enumerate(a3m_rows(lines(stream))):
                target.write(b">%s %s\n%s\n" % (name if number else _safe(name), description, letters))
    except InputError:
        raise
    except (ValueError, IndexError) as error:
        raise InputError(f"{name_of(alignment)}: can't be searched with ({error}); the file is damaged") from error


def _safe(name: bytes) -> bytes:
    """The name of the query, or another one where hh-suite would not take the row for a sequence."""
    return b"query" if _MISREAD.match(name) else name
