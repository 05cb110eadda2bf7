# SPDX-License-Identifier: Apache-2.0
"""Reads FASTA with one or many records, folders, a3m and Stockholm alignments and ColabFold's CSV, plain or gzip.

Files, pipes, process substitutions and standard input (`-`); each is opened once.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from af2cpu.errors import InputError
from af2cpu.formats.a3m import read_joined
from af2cpu.formats.fasta import read_fasta
from af2cpu.formats.stockholm import read_stockholm
from af2cpu.formats.streams import name_of, open_rewindable
from af2cpu.query.kinds import CSV_COLUMNS, KINDS, kind_by_name, kind_of
from af2cpu.query.letters import checked_sequences
from af2cpu.query.names import description_of, distinct_names, own_names, safe_name
from af2cpu.records import CHAIN_BREAK, Query
from af2cpu.words import shown

STANDARD_INPUT = Path("-")
_MOST_CSV = 256 << 20  # bytes
_BLANKS = str.maketrans("", "", " \t\r\n\v\f")


@dataclass(frozen=True)
class QueryInput:
    """A query and what came with it."""

    query: Query
    alignment: Path | None = None  # the a3m or Stockholm file that it was read from: replaces the search
    notes: tuple[str, ...] = ()  # warnings for the user, one line each
    paired: bool = False  # whether the alignment has a complex's different sequences side by side
    pair: tuple[str, str] | None = None  # of a complex of two records (query/pairs.py): their names


@dataclass(frozen=True)
class _Record:
    """A query before the names of all are known."""

    item: QueryInput  # its name is `short`, made safe
    short: str  # the name if no other record has it: a header's first word, a CSV's id, an alignment's file name
    whole: str  # the text that identifies the record: a FASTA record's whole header, else as `short`


def read_inputs(paths: Sequence[Path], *, as_complexes: bool = False) -> list[QueryInput]:
    """All queries in the given files and folders, in order, checked, with distinct names. `-` is standard input.

    as_complexes: the records of a FASTA or CSV file are the chains of one complex, which is named after the file.
    Raises InputError (one line: file, record, position, remedy) at the first fault.
    """
    seen: dict[tuple[str, str], Query] = {}
    records = [
        record for path in paths for file in _files(path) for record in _read_file(file, seen, as_complex=as_complexes)
    ]
    names = distinct_names([(record.short, record.whole) for record in records])
    return [_named(record, name) for record, name in zip(records, names, strict=True)]


def _files(path: Path) -> list[Path]:
    if path == STANDARD_INPUT or not path.is_dir():
        return [path]
    try:
        files = sorted(file for file in path.iterdir() if file.is_file() and kind_by_name(file))
    except OSError as error:
        raise InputError(f"{name_of(path)}: can't be read ({error.strerror}); check its permissions") from error
    if not files:
        raise InputError(f"{name_of(path)}: the folder has no {', '.join(KINDS)} file (plain or .gz)")
    return files


def _distinct(records: Iterable[_Record], seen: dict[tuple[str, str], Query]) -> Iterator[_Record]:
    """The records as they come. Raises InputError for one whose header is in `seen` (FAULTS 7): most often of a file
    that was given twice."""
    for record in records:
        query = record.item.query
        other = seen.setdefault((record.short, record.whole), query)
        if other is not query:
            raise InputError(
                f"{other.source} and {query.source} both have the name {(record.whole or record.short)[:60]!r}; "
                "rename one of the records"
            )
        yield record


def _named(record: _Record, name: str) -> QueryInput:
    query = record.item.query
    if name == query.name:
        return record.item
    note = f"{query.source}: is named {name}, since another record's name is {query.name} too"
    return replace(record.item, query=replace(query, name=name), notes=(*record.item.notes, note))


def _read_file(path: Path, seen: dict[tuple[str, str], Query], *, as_complex: bool) -> list[_Record]:
    with open_rewindable(_standard_input() if path == STANDARD_INPUT else path) as stream:
        kind = kind_of(path, stream)
        if kind not in ("csv", "fasta"):
            return list(_distinct([_read_alignment(stream, path, kind)], seen))
        records = _read_csv(stream, path) if kind == "csv" else _read_fasta(stream, path)
        return list(_distinct([_joined(list(records), path, name_of(stream))] if as_complex else records, seen))


def _standard_input() -> BinaryIO:
    if sys.stdin is None:
        raise InputError("-: can't be read: this process has no standard input; give a file")
    return sys.stdin.buffer


def _joined(records: Sequence[_Record], path: Path, place: str) -> _Record:
    """The complex whose chains are the records of a file. Several chains of one record have its name."""
    queries = [record.item.query for record in records]
    names = [query.description or record.short for query, record in zip(queries, records, strict=True)]
    of_chains = [name for name, query in zip(names, queries, strict=True) for _ in query.chains]
    query = Query(
        name="",
        sequence=CHAIN_BREAK.join(query.sequence for query in queries),
        description=description_of(of_chains),
        source=f"{place}, records 1 to {len(records)}" if len(records) > 1 else f"{place}, record 1",
        chain_names=own_names(of_chains),
    )
    return _record(query, _stem(path), _stem(path), [note for record in records for note in record.item.notes])


def _stem(path: Path) -> str:
    """The file's name without its ending; `input` for pipes and standard input."""
    return Path(path.name.removesuffix(".gz")).stem if path.is_file() else "input"


def _record(query: Query, short: str, whole: str, notes: Sequence[str]) -> _Record:
    return _Record(QueryInput(replace(query, name=safe_name(short)), None, tuple(notes)), short, whole)


def _read_fasta(stream: BinaryIO, path: Path) -> Iterator[_Record]:
    for record in read_fasta(stream):
        source, header = f"{name_of(stream)}, record {record.number}", shown(record.header)
        place = f"{source} ({header[:60]})" if header else source
        sequence, notes = checked_sequences(record.letters, place)
        words = record.header.split()
        short = words[0] if words else f"{_stem(path)}_{record.number}"
        yield _record(Query("", sequence, header, source), short, record.header, notes)


def _read_csv(stream: BinaryIO, path: Path) -> Iterator[_Record]:
    name = name_of(stream)
    content = stream.read(_MOST_CSV + 1)
    if len(content) > _MOST_CSV:
        raise InputError(f"{name}: is over {_MOST_CSV >> 20} MB; give a CSV with fewer sequences")
    rows = _csv_rows(content, name)
    number = 0
    try:
        for number, row in enumerate(rows, start=1):
            source = f"{name}, record {number}"
            identifier = (row["id"] or "").strip()
            letters = (row["sequence"] or "").translate(_BLANKS)
            place = f"{source} ({shown(identifier)[:60]})"
            sequence, notes = checked_sequences(letters.encode(errors="replace"), place)
            short = identifier or f"{_stem(path)}_{number}"
            yield _record(Query("", sequence, shown(identifier), source), short, identifier, notes)
    except csv.Error as error:
        raise InputError(
            f"{name}, record {number + 1}: can't be read as CSV ({error}); give a sequence per line, quotes in pairs"
        ) from error
    if number == 0:
        raise InputError(f"{name}: the CSV has no rows below its header")


def _csv_rows(content: bytes, name: str) -> csv.DictReader[str]:
    remedy = f"give a CSV with the columns {','.join(CSV_COLUMNS)}"
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: is no text in UTF-8; {remedy}") from error
    if "\0" in text:
        raise InputError(f"{name}: is a binary file; {remedy}")
    rows = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
    try:
        columns = rows.fieldnames
    except csv.Error as error:
        raise InputError(f"{name}, line 1: can't be read as CSV ({error}); {remedy}") from error
    if columns is None or not set(CSV_COLUMNS) <= set(columns):
        raise InputError(f"{name}, line 1: a CSV needs the columns {','.join(CSV_COLUMNS)}")
    return rows


def _read_alignment(stream: BinaryIO, path: Path, kind: str) -> _Record:
    name = name_of(stream)
    if not path.is_file():
        raise InputError(
            f"{name}: an alignment is read again when features are made, and a pipe can't be; save it to a file and "
            "give that"
        )
    # All rows are read: a fault in a late row must show now, not after hours of other targets.
    if kind == "a3m":
        joined = read_joined(stream)
        alignments, copies, labels = joined.own, joined.segments.copies, joined.labels
    else:
        alignments, copies, labels = (read_stockholm(stream),), (1,), ()
    # The letters as written, since the alignment's codes do not tell U from C.
    letters = b":".join(one.query.encode() for one, n in zip(alignments, copies, strict=True) for _ in range(n))
    sequence, notes = checked_sequences(letters, f"{name}, row 1")
    of_chains = zip(labels, copies, strict=True) if len(labels) > 1 else ()
    names = [shown(label) for label, n in of_chains for _ in range(n)]
    description = description_of(names) if names else shown(alignments[0].names[0])
    short = _stem(path)
    record = _record(Query("", sequence, description, f"{name}, row 1", own_names(names)), short, short, notes)
    return replace(record, item=replace(record.item, alignment=path, paired=len(alignments) > 1))
