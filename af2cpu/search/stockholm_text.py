"""What AlphaFold 2 does to Stockholm text between the searches, line by line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

_GAP = ord("-")


def cut(source: Path, target: BinaryIO, max_rows: int) -> None:
    """The first `max_rows` rows (the query counts), without #=GF and #=GR lines, as `truncate_stockholm_msa` does."""
    names: set[bytes] = set()
    with source.open("rb") as file:
        for line in file:
            if is_row(line):
                names.add(line.partition(b" ")[0])
                if len(names) >= max_rows:
                    break
        file.seek(0)
        for line in file:
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


@dataclass(frozen=True)
class Rows:
    """A Stockholm alignment as text: rows in file order, the first is the query."""

    names: list[bytes]
    letters: np.ndarray  # uint8 [n_seq, n_col], ASCII as written
    reference: np.ndarray  # uint8 [n_col], the RF line


def read_rows(lines: Iterable[bytes]) -> Rows:
    """All rows with all columns. For alignments that were cut to AlphaFold's caps: it holds n_seq x n_col bytes."""
    blocks: dict[bytes, list[bytes]] = {}
    reference: list[bytes] = []
    for line in lines:
        if line.startswith(b"#=GC RF"):
            reference.append(line.split()[2])
        elif is_row(line):
            name, columns = line.split()
            blocks.setdefault(name, []).append(columns)
    text = b"".join(part for parts in blocks.values() for part in parts)
    letters = np.frombuffer(text, np.uint8).reshape(len(blocks), -1)
    return Rows(list(blocks), letters, np.frombuffer(b"".join(reference), np.uint8))


def distinct_rows(rows: Rows) -> Rows:
    """Without rows that repeat an earlier one in the query's columns, and then without columns that are all gaps."""
    in_query = rows.letters[0] != _GAP
    seen: set[bytes] = set()
    keep = []
    for i, row in enumerate(np.ascontiguousarray(rows.letters[:, in_query])):
        letters = row.tobytes()
        if letters not in seen:
            seen.add(letters)
            keep.append(i)
    letters = rows.letters[keep]
    filled = (letters != _GAP).any(axis=0)
    return Rows([rows.names[i] for i in keep], np.ascontiguousarray(letters[:, filled]), rows.reference[filled])


def write_rows(rows: Rows) -> bytes:
    """The rows as a Stockholm alignment in one block."""
    width = max(map(len, [*rows.names, b"#=GC RF"])) + 1
    lines = [name.ljust(width) + row.tobytes() for name, row in zip(rows.names, rows.letters, strict=True)]
    return b"\n".join([b"# STOCKHOLM 1.0", *lines, b"#=GC RF".ljust(width) + rows.reference.tobytes(), b"//", b""])
