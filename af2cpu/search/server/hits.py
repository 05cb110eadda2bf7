# SPDX-License-Identifier: Apache-2.0
"""Template hits of an MSA server (pdb70.m8) as pdb_hits.sto, the form in which hmmsearch's are kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from af2cpu.errors import InputError

_CHAIN = re.compile(r"[0-9A-Za-z]{4}_[0-9A-Za-z]{1,4}")
_CIGAR = re.compile(r"(\d{1,7})([MID])")
_WHOLE_CIGAR = re.compile(r"(?:\d{1,7}[MID])+")
_COLUMNS = 13  # query target fident alnlen mismatch gapopen qstart qend tstart tend evalue bits cigar
_SAFE = re.compile(r"[^\x21-\x7e]+")


@dataclass(frozen=True)
class Hit:
    """One line of pdb70.m8: the alignment of the query's profile with a chain of the PDB. Residues count from 0."""

    chain: str  # entry_chain as the server names it, such as 2q2k_A
    query_start: int
    query_end: int  # after the last residue
    start: int
    end: int
    cigar: str  # M aligned, I residues of the query alone, D residues of the chain alone

    @property
    def entry(self) -> str:
        """The PDB entry, in lower case."""
        return self.chain[:4].lower()


def hits_of_lines(lines: Iterable[str]) -> tuple[list[Hit], list[str]]:
    """The hits in some lines, in order, and a note for each line that is none."""
    hits, notes = [], []
    for line in lines:
        try:
            hits.append(_hit(line.split("\t")))
        except ValueError:
            notes.append(f"template {_SAFE.sub(' ', line)[:40]} skipped: the server's line about it can't be read")
    return hits, notes


def _hit(words: Sequence[str]) -> Hit:
    """Raises ValueError."""
    if len(words) < _COLUMNS or not _CHAIN.fullmatch(words[1]) or not _WHOLE_CIGAR.fullmatch(words[12]):
        raise ValueError
    query_start, query_end, start, end = map(int, words[6:10])
    if not (0 < query_start <= query_end and 0 < start <= end):
        raise ValueError
    return Hit(words[1], query_start - 1, query_end, start - 1, end, words[12])


@dataclass(frozen=True)
class _Row:
    hit: Hit
    length: int  # of the chain
    description: str
    matches: list[str]  # n_res
    inserted: dict[int, str]  # residues of the chain alone, by the column before them

    @property
    def name(self) -> str:
        entry, _, chain = self.hit.chain.partition("_")
        return f"{entry.lower()}_{chain}/{self.hit.start + 1}-{self.hit.end}"


def stockholm_of_hits(
    hits: Sequence[Hit], chains: Mapping[str, tuple[str, str]], n_res: int
) -> tuple[str, list[str], int]:
    """pdb_hits.sto, a note for each hit that is left out, and the number of hits in it.

    chains: letters and description of each chain, by its name. n_res: of the query.
    """
    rows, notes = [], []
    for hit in hits:
        if hit.chain not in chains:
            notes.append(f"template {hit.chain} skipped: the server has no sequence of it")
            continue
        letters, description = chains[hit.chain]
        try:
            rows.append(_row(hit, letters, description, n_res))
        except InputError as error:
            notes.append(f"template {hit.chain} skipped: {error}")
    return _text(rows, n_res) if rows else "", notes, len(rows)


def _row(hit: Hit, letters: str, description: str, n_res: int) -> _Row:
    """Raises InputError where the alignment is not one of these sequences."""
    if hit.query_end > n_res or hit.end > len(letters):
        raise InputError("the server's alignment is longer than the sequences")
    matches, inserted = ["-"] * n_res, dict[int, str]()
    i, j = hit.query_start, hit.start
    for count, kind in ((int(number), kind) for number, kind in _CIGAR.findall(hit.cigar)):
        part = letters[j : j + count]
        if kind == "M":
            matches[i : i + count] = part
        elif kind == "D":
            inserted[i - 1] = inserted.get(i - 1, "") + part.lower()
        i += count if kind != "D" else 0
        j += count if kind != "I" else 0
        if i > hit.query_end or j > hit.end:
            break
    if (i, j) != (hit.query_end, hit.end):
        raise InputError("the server's alignment contradicts itself")
    return _Row(hit, len(letters), description, matches, inserted)


def _text(rows: Sequence[_Row], n_res: int) -> str:
    """One block; '.' fills the columns that other rows insert into."""
    widths = {column: max(len(row.inserted.get(column, "")) for row in rows) for row in rows for column in row.inserted}
    width = max(len("#=GC RF"), *(len(row.name) for row in rows)) + 1
    lines = ["# STOCKHOLM 1.0", "#=GF ID query", ""]
    for row in rows:
        lines.append(f"#=GS {row.name} DE [subseq from] mol:protein length:{row.length}  {row.description}".rstrip())
    lines.append("")
    for row in rows:
        parts = (row.matches[k] + row.inserted.get(k, "").ljust(widths.get(k, 0), ".") for k in range(n_res))
        lines.append(row.name.ljust(width) + "".join(parts))
    reference = "".join("x" + "." * widths.get(k, 0) for k in range(n_res))
    return "\n".join([*lines, "#=GC RF".ljust(width) + reference, "//", ""])
