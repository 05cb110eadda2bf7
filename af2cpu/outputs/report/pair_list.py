# SPDX-License-Identifier: Apache-2.0
"""The pairs of an all-against-all run: their list, kept in the results folder, and pairs.csv, best first."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from af2cpu.errors import InputError
from af2cpu.formats.streams import HIDDEN
from af2cpu.outputs.layout import write_bytes
from af2cpu.outputs.report.pairs import PairRow
from af2cpu.outputs.report.summary import TargetSummary
from af2cpu.records import pair_score
from af2cpu.runs.records import Pair, read_record, record_bytes

_LIST = "pairs.json"  # targets that have not begun are in it too


@dataclass(frozen=True)
class PairList:
    """The content of the list's file."""

    pairs: tuple[Pair, ...]


@dataclass(frozen=True, kw_only=True)
class PairSummary:
    """A pair: a line of pairs.csv. Scores are of the best prediction."""

    rank: int | None = None  # from 1; None for a pair without scores
    target: str
    a: str  # names of the records; chain A of the complex
    b: str  # chain B
    status: str  # done, failed (there may be results of an earlier run), unfinished
    score: float | None = None  # records.pair_score, which orders the pairs
    iptm: float | None = None  # 0-1
    ipsae: float | None = None  # 0-1, as pdockq, pdockq2 and lis: confidence/interfaces.py has the definitions
    pdockq: float | None = None
    pdockq2: float | None = None
    lis: float | None = None
    contacts: int | None = None  # pairs of residues
    ptm: float | None = None  # 0-1
    plddt: float | None = None  # mean, 0-100
    residues: int | None = None
    best: str | None = None  # name of the best prediction
    structure: str | None = None  # below the folder
    report: str | None = None  # below the folder
    error: str | None = None  # one line


def note_pairs(out: Path, pairs: Iterable[Pair]) -> None:
    """Adds pairs to the list of a results folder. Raises OSError.

    Only one process may do it at a time. A list that can't be read is begun anew: the next runs complete it.
    """
    path = out / HIDDEN / _LIST
    try:
        known = _read(path)
    except InputError:
        known = ()
    every = {pair.target: pair for pair in (*known, *pairs)}
    if tuple(every.values()) != known:
        write_bytes(path, record_bytes(PairList(tuple(every.values()))))


def listed_pairs(out: Path) -> tuple[Pair, ...]:
    """The pairs of all --pairs runs into a folder; none if there were none. Raises InputError for a damaged list."""
    return _read(out / HIDDEN / _LIST)


def _read(path: Path) -> tuple[Pair, ...]:
    return read_record(PairList, path).pairs if path.is_file() else ()


def pair_summaries(pairs: Iterable[Pair], targets: Mapping[str, TargetSummary]) -> list[PairSummary]:
    """Highest score first, those without one last in their order. targets: by name; of what has begun."""
    found = [_summary(pair, targets.get(pair.target)) for pair in pairs]
    ordered = sorted(found, key=lambda one: -1.0 if one.score is None else one.score, reverse=True)
    return [
        one if one.score is None else PairSummary(**vars(one) | {"rank": rank})
        for rank, one in enumerate(ordered, start=1)
    ]


def _summary(pair: Pair, target: TargetSummary | None) -> PairSummary:
    if target is None:
        return PairSummary(**vars(pair), status="unfinished")
    common = {one.name for one in fields(PairSummary)} & vars(target).keys() - vars(pair).keys()
    best = target.predictions[0] if target.predictions else None
    score = pair_score(best.iptm, best.interfaces) if best else None
    return PairSummary(
        **vars(pair),
        **{name: getattr(target, name) for name in common},
        score=None if score is None else round(score, 4),
    )


def pair_rows(pairs: Iterable[Pair], found: Iterable[PairSummary]) -> list[PairRow]:
    """The rows of the page, in the user's order, which is that of the matrix."""
    by_target = {one.target: one for one in found}
    return [_row(by_target[pair.target]) for pair in pairs]


def _row(pair: PairSummary) -> PairRow:
    """Scores in the order of PAIR_SCORES."""
    scores = (pair.score, pair.iptm, pair.ipsae, pair.pdockq, pair.pdockq2, pair.lis)
    known = scores if pair.score is not None else ()
    return PairRow(pair.a, pair.b, pair.status, known, link=pair.report, error=pair.error)


def pairs_csv(pairs: Sequence[PairSummary]) -> bytes:
    """The table, with a head; empty cells for what is not known."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [one.name for one in fields(PairSummary)]
    writer.writerow(names)
    writer.writerows(["" if (value := getattr(pair, name)) is None else value for name in names] for pair in pairs)
    return text.getvalue().encode()
