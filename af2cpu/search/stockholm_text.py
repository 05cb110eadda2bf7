# SPDX-License-Identifier: Apache-2.0
"""Stockholm text between the searches, line by line: AlphaFold 2's cut and deduplication, and names that survive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from af2cpu.records import Query

_GAP = ord("-")
_GAPS = bytes.maketrans(b"._~", b"---")  # other tools' gaps; HMMER writes '-' only
_OF_A_ROW = (b"#=GS ", b"#=GR ")
_OF_THE_FILE = (b"# ", b"#=GF ", b"#=GC ", b"//\n")


def escaped_names(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines that Easel wrote, with row names that a reader would take for comments or the end made readable.

    A name that begins with '#' or '//' gets '%23' or '%2F' for its first character, as in addresses. Easel's rows can
    be told from its annotation, since the names of targets end in '/from-to'. All other lines stay as they are.
    """
    for line in lines:
        if line.startswith(_OF_A_ROW):
            yield line[:5] + escaped_name(line[5:])
        else:
            yield line if line.startswith(_OF_THE_FILE) else escaped_name(line)


def escaped_name(name: bytes) -> bytes:
    """The name of a row (what follows it is kept), escaped as in `escaped_names`."""
    if name.startswith(b"#"):
        return b"%23" + name[1:]
    return b"%2F" + name[1:] if name.startswith(b"//") else name


def row_header(query: Query) -> tuple[bytes, str]:
    """Name and description of a query's row: the first word of its header, escaped for Stockholm, and the rest."""
    printable = "".join(c if c.isprintable() or c == "\t" else " " for c in query.description)
    words = printable.split(maxsplit=1)
    name = escaped_name((words[0] if words else query.name).encode())
    return name, words[1].rstrip() if len(words) > 1 else ""


def cut(source: Path, target: BinaryIO, max_rows: int) -> None:
    """The first `max_rows` rows (the query counts), without #=GF and #=GR lines, as `truncate_stockholm_msa` does."""
    names: set[bytes] = set()
    with source.open("rb") as file:
        for line in escaped_names(file):
            if is_row(line):
                names.add(line.partition(b" ")[0])
                if len(names) >= max_rows:
                    break
        file.seek(0)
        for line in escaped_names(file):
            if _is_kept(line, names):
                target.write(line)


def utf8_lines(lines: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each line in UTF-8, and whether something in it had to be replaced (descriptions come as databases have them)."""
    for line in lines:
        try:
            line.decode("utf-8")
            yield line, False
        except UnicodeDecodeError:
            yield line.decode("utf-8", "replace").encode(), True


def is_row(line: bytes) -> bool:
    """Whether a line holds columns of a row."""
    return bool(line.strip()) and not line.startswith((b"#", b"//"))


def _is_kept(line: bytes, names: set[bytes]) -> bool:
    if line.startswith(b"#=GS"):
        return line.split(maxsplit=2)[1] in names
    if line.startswith(b"#"):
        return line.startswith((b"# STOCKHOLM", b"#=GC RF"))
    return not is_row(line) or line.partition(b" ")[0] in names


def read_rows(lines: Iterable[bytes]) -> np.ndarray:
    """uint8 [n_seq, n_col] ASCII of the alignment's rows, the query's first, with '-' for every kind of gap.

    For alignments that were cut to AlphaFold's caps: all cells are in memory. Rows are told apart by their order in
    each block, not by their names, which need not differ. Raises ValueError for a damaged alignment.
    """
    return _read(lines)[2]


def a3m_rows(lines: Iterable[bytes]) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Name, description and a3m letters of the rows, as AlphaFold gives a Stockholm alignment to HHsearch.

    Rows that repeat an earlier one in the query's columns are left out. Raises ValueError for a damaged alignment.
    """
    names, descriptions, rows = _read(lines)
    in_query = rows[0] != _GAP
    inserts = ~in_query
    for number in _distinct(rows, in_query):
        letters = rows[number].copy()
        letters[inserts] = np.frombuffer(letters[inserts].tobytes().lower(), np.uint8)
        kept = letters[in_query | (letters != _GAP)].tobytes()
        yield names[number], descriptions.get(names[number], b""), kept


def _read(lines: Iterable[bytes]) -> tuple[list[bytes], dict[bytes, bytes], np.ndarray]:
    """Names of the rows, descriptions by name, and the rows as in `read_rows`."""
    names: list[bytes] = []
    descriptions: dict[bytes, bytes] = {}
    rows: list[list[bytes]] = []
    place = 0
    for line in lines:
        if line.startswith(b"//"):
            break
        if line.startswith(b"#=GS "):
            words = line.rstrip(b"\r\n").split(maxsplit=3)
            if words[2:3] == [b"DE"]:
                descriptions[words[1]] = words[3] if len(words) > 3 else b""
        if not is_row(line):
            continue
        name, columns = line.split()
        place = 0 if name == (names or [name])[0] else place + 1
        if place == len(rows):
            names.append(name)
            rows.append([])
        rows[place].append(columns.translate(_GAPS))
    text = b"".join(part for parts in rows for part in parts)
    return names, descriptions, np.frombuffer(text, np.uint8).reshape(len(rows), -1)


def distinct_rows(rows: np.ndarray) -> np.ndarray:
    """Without rows that repeat an earlier one in the query's columns, and then without columns that are all gaps."""
    kept = rows[_distinct(rows, rows[0] != _GAP)]
    return np.ascontiguousarray(kept[:, (kept != _GAP).any(axis=0)])


def _distinct(rows: np.ndarray, in_query: np.ndarray) -> list[int]:
    """The numbers of the rows that do not repeat an earlier one in the query's columns."""
    seen: set[bytes] = set()
    keep = []
    for i, row in enumerate(np.ascontiguousarray(rows[:, in_query])):
        letters = row.tobytes()
        if letters not in seen:
            seen.add(letters)
            keep.append(i)
    return keep


def write_rows(rows: np.ndarray) -> bytes:
    """The rows as a Stockholm alignment in one block, named by number, whose RF line marks the query's residues.

    jackhmmer's own RF line marks the same columns: its consensus is the query.
    """
    reference = np.where(rows[0] != _GAP, np.uint8(ord("x")), np.uint8(ord(".")))
    width = max(len(str(len(rows))), len("#=GC RF")) + 1
    lines = [str(i).encode().ljust(width) + row.tobytes() for i, row in enumerate(rows, start=1)]
    return b"\n".join([b"# STOCKHOLM 1.0", *lines, b"#=GC RF".ljust(width) + reference.tobytes(), b"//", b""])
