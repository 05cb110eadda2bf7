"""The jobs of a run: one protein or complex each, with its folder and everything that the user gave for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from af2cpu.errors import InputError
from af2cpu.formats.features import read_features
from af2cpu.formats.streams import name_of
from af2cpu.formats.template_hits import read_template_hits
from af2cpu.query import (
    QueryInput,
    check_unique,
    given_alignments,
    query_of_features,
    read_given,
)
from af2cpu.records import Chain, Query
from af2cpu.run_records import FeaturesMade, SearchRecord, read_record
from af2cpu.search.databases import HHR_HITS, HITS
from af2cpu.settings import RunSettings
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
        return self.pairs and len(self.entities) > 1

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


def jobs_of_inputs(inputs: Sequence[QueryInput], out: Path, settings: RunSettings) -> tuple[Job, ...]:
    """A job for each input. Raises InputError for settings that don't go together and for files that can't be used:
    given alignments are read whole, so that what is wrong with them shows before any work."""
    if settings.msa and len(inputs) != 1:
        raise InputError(f"--msa: fits one sequence, and the input has {len(inputs)}; run one at a time")
    if settings.msa and inputs[0].query.n_chains > 1:
        raise InputError(f"--msa: fits one sequence, and {inputs[0].query.source} is a complex")
    if settings.msa and inputs[0].alignment:
        raise InputError(f"--msa: {inputs[0].alignment} is an alignment itself; give one of the two")
    given = tuple(given_alignments(settings.msa))
    for path in given:
        read_given(path, inputs[0].query)
    for path in _given_hits(settings):
        read_template_hits(path, inputs[0].query)
    return tuple(_job(item, out, given, settings) for item in inputs)


def _job(item: QueryInput, out: Path, given: tuple[Path, ...], settings: RunSettings) -> Job:
    folder, hits = out / item.query.name, _given_hits(settings)
    alignments = (item.alignment,) if item.alignment else given
    own: dict[str, Any] = {"alignments": alignments, "hits": hits[0] if hits else None, "templates": settings.template}
    entities = tuple(replace(entity, **own) for entity in entities_of(item.query, folder))
    notes = (*item.notes, *_hits_notes(settings))
    return Job(item.query, folder, entities, notes=notes, pairs=settings.pairing == "species")


def _given_hits(settings: RunSettings) -> list[Path]:
    """Template hits in AlphaFold's msas folders that the user gave, those of the chosen program first."""
    names = (HHR_HITS, HITS) if settings.template_search == "hhsearch" else (HITS, HHR_HITS)
    return [path / name for name in names for path in settings.msa if (path / name).is_file()]


def _hits_notes(settings: RunSettings) -> list[str]:
    """A line for each file of given template hits that is not used."""
    return [
        f"{name_of(path)}: not used, since {_given_hits(settings)[0].name} is given too; --template-search chooses"
        for path in _given_hits(settings)[1:]
    ]


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
