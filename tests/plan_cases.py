# SPDX-License-Identifier: Apache-2.0
"""Plans that the tests make: searches by hand, predictions with tiny networks; and what was told while they ran."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from af2cpu import events
from af2cpu.events import Event
from af2cpu.pipeline.run import Outcome, run
from af2cpu.plan.jobs import Job
from af2cpu.plan.machine import EngineChoice, Machine
from af2cpu.plan.plan import Plan, plan_run
from af2cpu.records import Query
from af2cpu.search.databases import DatabaseSet
from af2cpu.settings import RunSettings, load_settings

MACHINE = Machine(2, 8_000_000_000, EngineChoice("torch", None, "fp32", 2**26), 1e11)


def search_plan(
    out: Path, queries: Sequence[Query], databases: DatabaseSet, settings: RunSettings | None = None
) -> Plan:
    """A search of databases for some queries."""
    jobs = tuple(Job.of(query, out / query.name) for query in queries)
    names = [database.name for database in databases.every]
    return Plan(out, jobs, settings or RunSettings(), databases, dict.fromkeys(names, 1), (), MACHINE)


def searched(out: Path, query: Query, databases: DatabaseSet) -> Outcome:
    """What became of the search for one query."""
    (outcome,) = run(search_plan(out, [query], databases))
    return outcome


ONE = ">one\nMKTAYIAKQRQ\n"
TWO = ">two\nMKTAYIAKQ:GGLVKHGFW\n"
TINY = {  # settings of predictions that take a second
    "params": "synthetic:0",
    "models": ["tiny"],
    "db": ["demo"],
    "recycles": 0,
    "relax": "none",
    "pairing": "none",
    "precision": "fp32",
}


def tiny_plan(folder: Path, fasta: str = ONE, **settings: Any) -> Plan:
    """Predictions of the targets in `fasta`; results go to folder/out."""
    folder.mkdir(exist_ok=True)
    (folder / "in.fasta").write_text(fasta)
    return plan_run([folder / "in.fasta"], folder / "out", load_settings(TINY | settings))


def tiny_run(folder: Path, fasta: str = ONE, **settings: Any) -> list[Outcome]:
    """What became of the targets, all of which are predicted."""
    outcomes = run(tiny_plan(folder, fasta, **settings))
    assert [outcome.error for outcome in outcomes] == [None] * len(outcomes)
    return outcomes


@contextmanager
def told(*kinds: str) -> Iterator[list[Event]]:
    """The events of these kinds that are emitted within the block."""
    found: list[Event] = []

    def keep(event: Event) -> None:
        if event.kind in kinds:
            found.append(event)

    with events.listening(keep):
        yield found
