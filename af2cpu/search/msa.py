# SPDX-License-Identifier: Apache-2.0
"""MSA search: jackhmmer's first iteration as AlphaFold 2 runs it, for many queries and databases in one pass.

Equals `jackhmmer -N 1 --F1 0.0005 --F2 0.00005 --F3 0.0000005 --incE 0.0001 -E 0.0001` and AlphaFold's cut of its
Stockholm file, to the byte but for the `#=GF AU` line.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyhmmer
from pyhmmer.easel import DigitalSequence, TextSequence
from pyhmmer.errors import EaselError
from pyhmmer.plan7 import TopHits, Trace

from af2cpu import events
from af2cpu.formats.streams import TEMPORARY, atomic_write, naming
from af2cpu.records import Query
from af2cpu.search.databases import Database, Way, alignment_file
from af2cpu.search.engine import Task, search
from af2cpu.search.index import Index
from af2cpu.search.profiles import sequence_profiles
from af2cpu.search.reading import ALPHABET
from af2cpu.search.stockholm_text import cut, escaped_names, is_row, row_header, utf8_lines
from af2cpu.search.thresholds import JACKHMMER

AUTHOR = f"af2cpu (pyhmmer {pyhmmer.__version__})"
LARGE_ALIGNMENT = 200_000  # rows; above this the user is told what an alignment takes
_BYTES_PER_HIT = 17_500  # of memory while hits are merged and written: measured in benchmarks/search.py


@dataclass(frozen=True)
class MsaResult:
    """One query's alignment from one database, on disk."""

    query: Query
    database: Database
    path: Path
    hits: int  # targets with E-value below 1e-4
    rows: int  # of the file, the query counts
    seconds: float  # of search: the query's share of the pass over the database
    way: Way
    passed: int  # targets that HMMER's pipeline has seen


def search_msas(
    queries: Sequence[Query],
    folders: Sequence[Path],
    databases: Sequence[tuple[Database, Index]],
    threads: int,
) -> Iterator[MsaResult]:
    """Searches all queries in all databases in one pass, then writes each alignment into its query's folder.

    Yields a result as soon as its file is complete, ordered by query, then database; the search starts when the first
    one is asked for. Raises DatabaseError if a database is not what its index says.
    """
    sequences = [digital(query) for query in queries]
    profiles = sequence_profiles(sequences, threads)
    tasks = [Task(database.name, database.path, index, profiles, JACKHMMER) for database, index in databases]
    found = search(tasks, threads)
    for q, (query, folder, sequence) in enumerate(zip(queries, folders, sequences, strict=True)):
        for (database, _), task in zip(databases, found, strict=True):
            path, hits = folder / alignment_file(database), task.hits
            rows = write_alignment(hits[q], sequence, path, database.max_rows)
            seconds = task.seconds / len(queries)
            n_hits = len(hits[q].included)
            yield MsaResult(query, database, path, n_hits, rows, seconds, task.way, task.passed[q])
            hits[q] = TopHits(profiles[q])  # written: its memory is free before the next one's alignment is made


def digital(query: Query) -> DigitalSequence[Any]:
    """The query as HMMER reads it from a FASTA file, its name escaped for Stockholm."""
    name, description = row_header(query)
    return TextSequence(name=name, description=description, sequence=query.sequence).digitize(ALPHABET)


def write_alignment(hits: TopHits, sequence: DigitalSequence[Any], path: Path, max_rows: int | None) -> int:
    """Writes jackhmmer's Stockholm file, cut to max_rows as AlphaFold does; the number of its rows.

    Raises OSError that names the path, such as for a full disk.
    """
    if len(hits) > LARGE_ALIGNMENT:
        size = len(hits) * _BYTES_PER_HIT / 1e9
        events.emit(
            "warning", f"{path}: {len(hits):,} hits; writing their alignment takes about {size:.1f} GB of memory"
        )
    alignment = hits.to_msa(
        ALPHABET, sequences=[sequence], traces=[Trace.from_sequence(sequence)], all_consensus_cols=True, digitize=True
    )
    alignment.name = f"{sequence.name}-i1"
    alignment.author = AUTHOR
    if sequence.description:
        alignment.description = sequence.description
    # Unbuffered: Easel has a buffer of its own, and one with data left after an error would fail again on closing.
    with naming(path), tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=TEMPORARY, buffering=0) as raw:
        try:
            alignment.write(cast(BinaryIO, raw), "stockholm")
        except (SystemError, EaselError) as error:
            for _ in range(2):  # pyhmmer hides the reason; the first of these may still find room
                os.write(raw.fileno(), bytes(1 << 16))
            raise OSError(errno.EIO, "the alignment can't be written") from error
        del alignment
        return _finish(Path(raw.name), path, max_rows)


def _finish(raw: Path, path: Path, max_rows: int | None) -> int:
    """Cuts the raw file and writes it under its name; the number of its rows."""
    rows = replaced = 0
    first_block = True
    with tempfile.TemporaryFile(dir=path.parent) as short:
        if max_rows is not None:
            cut(raw, short, max_rows)
            short.seek(0)
        with raw.open("rb") as whole, atomic_write(path) as target:
            for line, changed in utf8_lines(escaped_names(whole) if max_rows is None else short):
                replaced += changed
                first_block = first_block and not line.startswith(b"#=GC RF")
                rows += first_block and is_row(line)
                target.write(line)
    if replaced:
        events.emit("warning", f"{path}: {replaced} descriptions are not UTF-8; their foreign bytes are replaced")
    return rows
