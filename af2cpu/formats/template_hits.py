# SPDX-License-Identifier: Apache-2.0
"""Template hits as AlphaFold reads them: hmmsearch's in pdb_hits.sto, and HHsearch's in pdb_hits.hhr."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from af2cpu.errors import InputError
from af2cpu.formats.hhr import read_hhr
from af2cpu.formats.streams import lines, name_of, open_bytes
from af2cpu.records import Query, TemplateHit

# 4pqx_A/2-217 [subseq from] mol:protein length:217  Free text. Easel numbers the rows of an alignment, as in
# 0001|4pqx_A/2-217, when two have one name.
_HIT = re.compile(r"(?:\d+\|)?([a-z0-9]+)_(\w+)/([0-9]{1,9})-([0-9]{1,9}) .*protein length:([0-9]{1,9})")
_COLUMNS = re.compile(r"[A-Za-z-]*")


def read_template_hits(path: Path, query: Query) -> list[TemplateHit]:
    """The hits in file order, as AlphaFold's `parse_hmmsearch_a3m` (only `mol:protein`) or, of .hhr, its `parse_hhr`.

    Raises InputError for a damaged file, a row that is no PDB chain, hits of another sequence.
    """
    return read_hhr(path, query) if is_hhr(path) else _read_stockholm_hits(path, query)


def is_hhr(path: Path) -> bool:
    """Whether a file of hits is HHsearch's."""
    return path.suffix == ".hhr"


def best_first(hits: Sequence[TemplateHit]) -> list[TemplateHit]:
    """Hits as AlphaFold takes them: HHsearch's ordered by the sum of their probabilities, hmmsearch's as found."""
    if any(hit.sum_probs is None for hit in hits):
        return list(hits)
    return sorted(hits, key=lambda hit: hit.sum_probs or 0.0, reverse=True)


def _read_stockholm_hits(path: Path, query: Query) -> list[TemplateHit]:
    descriptions, rows = _read_hits(path)
    hits = []
    for index, (name, parts) in enumerate(rows.items(), start=1):
        description = descriptions.get(name, "")
        if "mol:protein" in description:
            hits.append(_hit(index, name, description, "".join(parts).replace(".", ""), query.sequence, path))
    return hits


def _read_hits(path: Path) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Descriptions, and columns block by block, of the rows of a Stockholm file, by row name."""
    rows: dict[str, list[str]] = {}
    descriptions: dict[str, str] = {}
    with open_bytes(path) as stream:
        for number, raw in enumerate(lines(stream), start=1):
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            words = line.split(maxsplit=3)
            if line.startswith("#=GS") and len(words) > 2:
                if words[2] == "DE":
                    descriptions[words[1]] = words[3] if len(words) > 3 else ""
            elif words and not line.startswith(("#", "//")):
                if len(words) != 2:
                    raise InputError(
                        f"{name_of(path)}, line {number}: expected a row name and its columns; the file is damaged"
                    )
                rows.setdefault(words[0], []).append(words[1])
    return descriptions, rows


def _hit(index: int, name: str, description: str, row: str, query: str, path: Path) -> TemplateHit:
    match = _HIT.match(f"{name} {description}")
    if match is None:
        raise InputError(
            f"{name_of(path)}, row {index}: {name!r} is no chain of the PDB; search pdb_seqres for templates"
        )
    if not _COLUMNS.fullmatch(row):
        raise InputError(
            f"{name_of(path)}, row {index} ({name[:60]}): has columns that are no residues; fetch it again"
        )
    indices = _indices(row, int(match[3]) - 1)
    if len(indices) != len(query):
        raise InputError(
            f"{name_of(path)}, row {index} ({name}): {len(indices)} columns where the query has {len(query)} residues; "
            "these are the hits of another sequence"
        )
    return TemplateHit(
        index=index,
        name=f"{match[1]}_{match[2]}",
        aligned_cols=sum(letter.isupper() for letter in row),
        sum_probs=None,
        query=query,
        hit_sequence=row.upper(),
        indices_query=tuple(range(len(query))),
        indices_hit=indices,
        description=description,
    )


def _indices(row: str, start: int) -> tuple[int, ...]:
    """For each match column the residue's place in the chain, -1 for a deletion; insertions only count on."""
    indices = []
    place = start
    for letter in row:
        if letter == "-":
            indices.append(-1)
            continue
        if not letter.islower():
            indices.append(place)
        place += 1
    return tuple(indices)
