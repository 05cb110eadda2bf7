# SPDX-License-Identifier: Apache-2.0
"""The jobs of a run: one protein or complex each, with its folder and everything that the user gave for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from af2cpu.errors import InputError
from af2cpu.formats.features import read_features
from af2cpu.query import check_unique, query_of_features
from af2cpu.records import Chain, Query
from af2cpu.runs.records import FeaturesMade, SearchRecord, read_record
from af2cpu.workspace.receipts import read_receipt

FEATURES_FILE = "features.npz"
SEARCH_FILE = "search.json"
MSAS = "msas"  # AlphaFold's folder for alignments


@dataclass(frozen=True)
class Entity:
    """A distinct sequence of a job, which one or more of its chains have, and what the user gave for it."""

    query: Query  # of one chain
    chains: tuple[str, ...]  # identifiers of the chains
    msas: Path  # AlphaFold's folder for its alignments
    alignments: tuple[Path, ...] = ()  # of the user's own, in place of the search
    pairing: Path | None = None  # alignment with species to pair rows by that came with them
    hits: Path | None = None  # template hits that came with them
    templates: tuple[Path, ...] = ()  # structures of the user's own, in place of the template search


@dataclass(frozen=True)
class Job:
    """One protein or complex to predict."""

    query: Query
    folder: Path  # of the target: out/<name>
    entities: tuple[Entity, ...]  # by the first of their chains
    features: Path | None = None  # made by an earlier search, in place of all that
    searched: SearchRecord | None = None  # what that search did
    features_seconds: float | None = None  # that it took to make the features; None where that is not known
    notes: tuple[str, ...] = ()  # what the user should be told of the input
    pairs: bool = True  # whether the rows of different chains are paired
    paired_msa: Path | None = None  # alignment of its distinct sequences side by side, with rows that are paired
    guess: Path | None = None  # structure whose positions the first pass takes

    @classmethod
    def of(cls, query: Query, folder: Path, **more: Any) -> Job:
        """A job for which the user gave no alignments or templates."""
        return cls(query, folder, entities_of(query, folder), **more)

    @property
    def name(self) -> str:
        return self.query.name

    @property
    def is_paired(self) -> bool:
        """Whether rows of one species are paired: only those of different sequences can be."""
        return self.pairs and len(self.entities) > 1 and self.paired_msa is None

    @property
    def searched_to_pair(self) -> tuple[Entity, ...]:
        """The entities that are searched for rows to pair, unless there is nothing to pair them with."""
        searched = tuple(one for one in self.entities if not one.pairing and not one.alignments)
        n_given = sum(one.pairing is not None for one in self.entities)
        return searched if self.is_paired and len(searched) + n_given > 1 else ()

    @property
    def templates(self) -> tuple[Path, ...]:
        """Structures of the user's own, of all entities."""
        return tuple(dict.fromkeys(path for entity in self.entities for path in entity.templates))


def entities_of(query: Query, folder: Path) -> tuple[Entity, ...]:
    """The distinct sequences of a query. Alignments go into msas/, those of a complex into msas/<first chain>/."""
    by_sequence: dict[str, list[Chain]] = {}
    for chain in query.chains:
        by_sequence.setdefault(chain.sequence, []).append(chain)
    return tuple(_entity(query, chains, folder / MSAS) for chains in by_sequence.values())


def _entity(query: Query, chains: Sequence[Chain], msas: Path) -> Entity:
    first, ids = chains[0], tuple(chain.id for chain in chains)
    if query.n_chains == 1:
        return Entity(query, ids, msas)
    of_chain = Query(f"{query.name}_{first.id}", first.sequence, first.name, f"{query.source}, chain {first.id}")
    return Entity(of_chain, ids, msas / first.id)


def jobs_of_folders(folders: Sequence[Path]) -> tuple[Job, ...]:
    """The targets whose features are made: each folder is a target's, or holds folders of targets.

    Raises InputError for a folder without any, for features that can't be read, for two targets of one name.
    """
    jobs = tuple(_job_of(path) for folder in folders for path in _features_in(folder))
    check_unique(job.query for job in jobs)
    return jobs


def _features_in(folder: Path) -> list[Path]:
    found = [path for path in (folder / FEATURES_FILE, *sorted(folder.glob(f"*/{FEATURES_FILE}"))) if path.exists()]
    if not found:
        raise InputError(f"{folder}: has no {FEATURES_FILE}, nor has a folder in it; make them with af2cpu search")
    return found


def _job_of(features: Path) -> Job:
    query = query_of_features(read_features(features), features)
    receipt, record = read_receipt(features, FeaturesMade), features.parent / SEARCH_FILE
    searched: SearchRecord | None = None
    notes: tuple[str, ...] = ()
    try:
        searched = read_record(SearchRecord, record) if record.is_file() else None
        notes = searched.notes if searched else ()
    except InputError as error:  # the features are whole all the same
        notes = (f"{error}: what was searched is not known",)
    return Job.of(
        query,
        features.parent,
        features=features,
        searched=searched,
        features_seconds=receipt.done.seconds if receipt else None,
        notes=notes,
    )
