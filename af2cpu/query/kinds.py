# SPDX-License-Identifier: Apache-2.0
"""Which format an input file has: by its name, or by its content where the name does not tell."""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO

from af2cpu.formats.streams import BOM

KINDS = {
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
ALIGNMENTS = ("a3m", "stockholm")
CSV_COLUMNS = ("id", "sequence")
_HEAD = 1 << 16  # bytes that are looked at
_COLABFOLD = re.compile(rb"#[\d,]+\t[\d,]+\s")  # first line of its a3m files


def kind_by_name(path: Path) -> str | None:
    """fasta, a3m, stockholm or csv by the file's name, .gz aside; None for any other."""
    name = path.name.lower().removesuffix(".gz")
    return KINDS.get(Path(name).suffix)


def kind_of(path: Path, stream: BinaryIO) -> str:
    """fasta, a3m, stockholm or csv, by name or else by content. The stream is rewound."""
    kind = kind_by_name(path)
    if kind is None:
        kind = kind_by_content(stream.read(_HEAD))
        stream.seek(0)
    return kind


def kind_by_content(head: bytes) -> str:
    """fasta, a3m, stockholm or csv from the beginning of a file.

    FASTA whose later records have gaps is a3m: gaps are not legal in sequences.
    """
    head = head.removeprefix(BOM)
    if head.startswith(b"# STOCKHOLM"):
        return "stockholm"
    if _COLABFOLD.match(head):
        return "a3m"
    columns = {column.strip().decode("latin-1") for column in re.split(rb"[\r\n]", head, maxsplit=1)[0].split(b",")}
    if columns >= set(CSV_COLUMNS) and not head.startswith(b">"):
        return "csv"
    records = re.split(rb"[\r\n]>", head)[1:]
    return "a3m" if any(b"-" in re.split(rb"[\r\n]", record, maxsplit=1)[-1] for record in records) else "fasta"
