# SPDX-License-Identifier: Apache-2.0
"""Searches of a FASTA file that differs from the demo UniRef90 by a record."""

from __future__ import annotations

from pathlib import Path

from plan_cases import searched as search
from search_cases import demo_database, queries

from af2cpu.pipeline.run import Outcome
from af2cpu.records import Query
from af2cpu.search.databases import Database, DatabaseSet

UBIQUITIN = queries("ubiquitin")[0]


def database(tmp_path: Path, extra: bytes = b"", where: int = 100) -> Path:
    """A copy of the demo UniRef90 with something put in before a record."""
    records = demo_database("uniref90")[0].path.read_bytes().split(b"\n>")
    path = tmp_path / "mine.fasta"
    text = b"\n>".join(records[:where]) + b"\n" + extra + b">" + b"\n>".join(records[where:])
    path.write_bytes(text)
    return path


def searched(path: Path, out: Path, query: Query = UBIQUITIN) -> Outcome:
    return search(out, query, DatabaseSet((Database("mine", path),), None, None, None))


def notes(outcome: Outcome) -> tuple[str, ...]:
    assert outcome.search is not None
    return outcome.search.notes
