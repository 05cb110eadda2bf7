"""Reads FASTA with one or many records, folders, a3m and Stockholm alignments and ColabFold's CSV, plain or gzip."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from af2cpu.errors import InputError
from af2cpu.formats.a3m import read_a3m
from af2cpu.formats.fasta import read_fasta
from af2cpu.formats.stockholm import read_first_row, read_stockholm
from af2cpu.formats.streams import open_bytes
from af2cpu.query.letters import checked_sequence
from af2cpu.query.names import check_unique, safe_name
from af2cpu.records import Query

_KINDS = {
    ".fasta": "fasta",
    ".fa": "fasta",
    ".faa": "fasta",
    ".fas": "fasta",
    ".a3m": "a3m",
    ".sto": "stockholm",
    ".stk": "stockholm",
    ".stockholm": "stockholm",
    ".csv": "csv",
}
_CSV_COLUMNS = ("id", "sequence")


@dataclass(frozen=True)
class QueryInput:
    """A query and what came with it."""

    query: Query
    alignment: Path | None = None  # the a3m or Stockholm file that it was read from: replaces the search
    notes: tuple[str, ...] = ()  # what the user should be told, one line each


def read_inputs(paths: Sequence[Path]) -> list[QueryInput]:
    """All queries in the given files and folders, in order, checked.

    Raises InputError (one line: file, record, position, remedy) at the first thing that is wrong.
    """
    inputs = [item for path in paths for file in _files(path) for item in _read_file(file)]
    check_unique(item.query for item in inputs)
    return inputs


def kind_of(path: Path) -> str | None:
    """fasta, a3m, stockholm or csv by the file's name, .gz aside; None for any other."""
    name = path.name.lower().removesuffix(".gz")
    return _KINDS.get(Path(name).suffix)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if file.is_file() and kind_of(file))
    if not files:
        raise InputError(f"{path}: the folder has no {', '.join(_KINDS)} file (plain or .gz)")
    return files


def _read_file(path: Path) -> Iterator[QueryInput]:
    kind = kind_of(path) or _kind_by_content(path)
    if kind == "csv":
        yield from _read_csv(path)
    elif kind == "fasta":
        yield from _read_fasta(path)
    else:
        yield _read_alignment(path, kind)


def _kind_by_content(path: Path) -> str:
    with open_bytes(path) as stream:
        return "stockholm" if stream.read(12) == b"# STOCKHOLM " else "fasta"


def _stem(path: Path) -> str:
    return Path(path.name.removesuffix(".gz")).stem


def _read_fasta(path: Path) -> Iterator[QueryInput]:
    for record in read_fasta(path):
        source = f"{path}, record {record.number}"
        place = f"{source} ({record.header[:60]})" if record.header else source
        sequence, notes = checked_sequence(record.letters, place)
        words = record.header.split()
        name = safe_name(words[0] if words else f"{_stem(path)}_{record.number}")
        yield QueryInput(Query(name, sequence, record.header, source), None, tuple(notes))


def _read_csv(path: Path) -> Iterator[QueryInput]:
    with open_bytes(path) as stream:
        content = stream.read()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no text in UTF-8; give a CSV with the columns id,sequence") from error
    if "\0" in text:
        raise InputError(f"{path}: is a binary file; give a CSV with the columns id,sequence")
    rows = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
    if rows.fieldnames is None or not set(_CSV_COLUMNS) <= set(rows.fieldnames):
        raise InputError(f"{path}, line 1: a CSV needs the columns {','.join(_CSV_COLUMNS)}")
    number = 0
    for number, row in enumerate(rows, start=1):
        source = f"{path}, record {number}"
        identifier = (row["id"] or "").strip()
        letters = "".join((row["sequence"] or "").split())
        place = f"{source} ({identifier[:60]})"
        sequence, notes = checked_sequence(letters.encode("latin-1", "replace"), place)
        name = safe_name(identifier or f"{_stem(path)}_{number}")
        yield QueryInput(Query(name, sequence, identifier, source), None, tuple(notes))
    if number == 0:
        raise InputError(f"{path}: the CSV has no rows below its header")


def _read_alignment(path: Path, kind: str) -> QueryInput:
    # All rows are read to find what is wrong with them now and not after other targets' hours.
    alignment = read_a3m(path) if kind == "a3m" else read_stockholm(path)
    source = f"{path}, row 1"
    # The letters themselves: the alignment's codes no longer tell U from C.
    letters = next(read_fasta(path)).letters if kind == "a3m" else read_first_row(path)
    sequence, notes = checked_sequence(letters, source)
    query = Query(safe_name(_stem(path)), sequence, alignment.names[0], source)
    return QueryInput(query, path, tuple(notes))
