# SPDX-License-Identifier: Apache-2.0
"""pdb_hits.hhr: template hits as HHsearch writes them and AlphaFold's monomer pipeline reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from af2cpu.chemistry.residues import RESTYPES
from af2cpu.errors import InputError
from af2cpu.formats.streams import lines, name_of, open_bytes
from af2cpu.records import Query, TemplateHit

_SUMMARY = re.compile(r"Probab=.*\bAligned_cols=([0-9]{1,9})\s.*\bSum_probs=([0-9]{1,9}(?:\.[0-9]*)?)(?:\s|$)")
_COLUMNS = re.compile(
    r"\s*([0-9]{1,9}) ([A-Z-]+)\s+([0-9]{1,9}) \([0-9]+\)"
)  # first residue, columns, last residue, length
_LABEL = slice(2, 16)  # characters of a line with the name of its sequence
_NO_SEQUENCES = {"Consensus", "ss_dssp", "ss_pred", "ss_conf"}
_STANDARD = frozenset(RESTYPES)


@dataclass
class _Row:
    """The columns of the query or of the hit, block by block."""

    letters: str = ""
    indices: list[int] = field(default_factory=list)

    def add(self, first: int, columns: str) -> None:
        self.letters += columns
        place = first - 1
        for letter in columns:
            self.indices.append(-1 if letter == "-" else place)
            place += letter != "-"


def read_hhr(path: Path, query: Query) -> list[TemplateHit]:
    """The hits in file order, as AlphaFold's `parse_hhr`.

    Raises InputError for a damaged file and for hits of another sequence.
    """
    with open_bytes(path) as stream:
        text = [line.decode("utf-8", "replace").rstrip("\r\n") for line in lines(stream)]
    if not text or not text[0].startswith("Query "):
        raise InputError(f"{name_of(path)}: is not HHsearch's; its first line must begin with 'Query'")
    starts = [number for number, line in enumerate(text) if line.startswith("No ") and not line.startswith("No Hit")]
    return [_hit(text, start, end, query, path) for start, end in zip(starts, [*starts[1:], len(text)], strict=False)]


def _hit(text: list[str], start: int, end: int, query: Query, path: Path) -> TemplateHit:
    """The hit in some lines: its number, its name, its summary, then blocks of columns."""
    number = text[start].split()[-1]
    if (
        end - start < 3
        or not (number.isascii() and number.isdecimal() and len(number) < 10)
        or not text[start + 1].startswith(">")
    ):
        raise _damaged(path, start, "expected the number of a hit, and its name in the next line")
    summary = _SUMMARY.match(text[start + 2])
    if summary is None:
        raise _damaged(path, start + 2, "expected Probab=, Aligned_cols= and Sum_probs= of a hit")
    mine, its = _Row(), _Row()
    for place, line in _column_lines(text, start + 3, end):
        match = _COLUMNS.match(line[_LABEL.stop :])
        if match is None:
            raise _damaged(path, place, "expected the columns of an alignment")
        letters = match[2]
        if int(match[3]) - int(match[1]) + 1 != len(letters.replace("-", "")):
            raise _damaged(path, place, f"has {len(letters)} columns, which are not residues {match[1]} to {match[3]}")
        (mine if line.startswith("Q") else its).add(int(match[1]), letters)
    if not mine.letters or len(mine.letters) != len(its.letters):
        raise _damaged(path, start, f"hit {number} has no alignment, or one that is cut off")
    _check_query(mine, query, f"{name_of(path)}, hit {number}")
    name, _, description = text[start + 1][1:].partition(" ")
    return TemplateHit(
        index=int(number),
        name=name,
        aligned_cols=int(summary[1]),
        sum_probs=float(summary[2]),
        query=mine.letters,
        hit_sequence=its.letters,
        indices_query=tuple(mine.indices),
        indices_hit=tuple(its.indices),
        description=description.strip(),
    )


def _column_lines(text: list[str], start: int, end: int) -> Iterator[tuple[int, str]]:
    """Numbers and lines with columns of the query (Q) and of the hit (T)."""
    for place in range(start, end):
        line = text[place]
        if line.startswith(("Q ", "T ")) and line[_LABEL].strip() not in _NO_SEQUENCES:
            yield place, line


def _check_query(row: _Row, query: Query, place: str) -> None:
    """Raises InputError unless the row has the query's residues; letters beyond the 20 may be written as others."""
    for letter, index in zip(row.letters, row.indices, strict=True):
        if index < 0:
            continue
        expected = query.sequence[index : index + 1]
        if not expected or (letter != expected and {letter, expected} <= _STANDARD):
            raise InputError(
                f"{place}: has {letter} as residue {index + 1} where {query.name} has {expected or 'no residue'}; "
                "these are the hits of another sequence"
            )


def _damaged(path: Path, place: int, fault: str) -> InputError:
    return InputError(f"{name_of(path)}, line {place + 1}: {fault}; the file is damaged")
