# SPDX-License-Identifier: Apache-2.0
"""Jobs from what the user gave: sequences, and alignments and templates of their own. All of it is read and checked
before any work."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from af2cpu.errors import InputError
from af2cpu.features.own_template import check_template, read_template, resembles
from af2cpu.formats.streams import name_of
from af2cpu.formats.template_hits import read_template_hits
from af2cpu.plan.jobs import Entity, Job, entities_of
from af2cpu.query import (
    QueryInput,
    af2_folders,
    first_sequences,
    given_alignments,
    is_of,
    read_given,
    read_paired,
)
from af2cpu.search.databases import HHR_HITS, HITS, PAIRING
from af2cpu.search.server.address import checked_address
from af2cpu.settings import RunSettings

_LETTERED = re.compile(r"([A-Za-z0-9]{1,2})=(.+)", re.DOTALL)
_PAIRING_FILE = f"{PAIRING}_hits.sto"  # AlphaFold-Multimer's alignment to pair rows by


def jobs_of_inputs(inputs: Sequence[QueryInput], out: Path, settings: RunSettings) -> tuple[Job, ...]:
    """A job for each input. Raises InputError for settings that don't go together and for files that can't be used:
    given alignments and templates are read whole, so that what is wrong with them shows before any work."""
    _check_settings(inputs, settings)
    jobs = tuple(_job(item, out, settings) for item in inputs)
    if settings.msa or settings.paired_msa:
        jobs = (_with_alignments(jobs[0], settings),)
    return _with_templates(jobs, settings.template) if settings.template else jobs


def _check_settings(inputs: Sequence[QueryInput], settings: RunSettings) -> None:
    for flag in ["--msa"] * bool(settings.msa) + ["--paired-msa"] * bool(settings.paired_msa):
        if len(inputs) != 1:
            raise InputError(f"{flag}: fits one target, and the input has {len(inputs)}; run one at a time")
        if inputs[0].alignment:
            raise InputError(f"{flag}: {inputs[0].alignment} is an alignment itself; give one of the two")
    _check_server(settings)
    if settings.paired_msa and settings.pairing == "none":
        raise InputError(
            "--paired-msa: gives rows that are paired, and --pairing none leaves them out; give one of them"
        )


def _check_server(settings: RunSettings) -> None:
    """Raises InputError for settings that fit one way of searching, with an MSA server or with databases, only."""
    if settings.msa_server is None:
        if settings.pairing == "complete":
            raise InputError(
                "--pairing complete: is a way of an MSA server; give --msa-server URL, or --pairing species"
            )
        return
    checked_address(settings.msa_server)
    if settings.db:
        raise InputError(
            f"--msa-server: takes the place of all databases, and --db {settings.db[0]} names one to search; give one "
            "of the two"
        )
    if settings.template_search == "hhsearch":
        raise InputError(
            "--msa-server: finds the templates too, and --template-search hhsearch searches pdb70; give one of the two"
        )


def _job(item: QueryInput, out: Path, settings: RunSettings) -> Job:
    folder, pairs = out / item.query.name, settings.pairing != "none"
    alignments = (item.alignment,) if item.alignment else ()
    entities = tuple(replace(entity, alignments=alignments) for entity in entities_of(item.query, folder))
    paired = item.alignment if item.paired and pairs else None
    return Job(item.query, folder, entities, notes=item.notes, pairs=pairs, paired_msa=paired)


def _lettered(flag: str, given: Path, job: Job) -> tuple[str | None, Path]:
    """The chain that A=FILE names, and the file. A path that exists is a path, whatever is in it."""
    match = None if given.exists() else _LETTERED.fullmatch(str(given))
    if match is None:
        return None, given
    chains = [chain.id for chain in job.query.chains]
    if match[1] in chains:
        return match[1], Path(match[2])
    more = ", ..." if len(chains) > 9 else ""
    raise InputError(
        f"{flag} {name_of(given)}: {job.name} has no chain {match[1]}; its chains are {', '.join(chains[:9])}{more}"
    )


def _entity_of(letter: str, job: Job) -> Entity:
    return next(entity for entity in job.entities if letter in entity.chains)


def _check_copies(flag: str, entity: Entity, by_letter: Mapping[str, Sequence[Path]]) -> None:
    """Raises InputError where copies of a chain were given different files: they share their features."""
    (first, files), *others = by_letter.items() if by_letter else [("", [])]
    for letter, other in others:
        if other != files:
            raise InputError(
                f"{flag} {letter}={name_of(other[0])}: chain {letter} is a copy of chain {first}, and copies share "
                f"their files; give them for one of the chains {', '.join(entity.chains)}"
            )


def _with_alignments(job: Job, settings: RunSettings) -> Job:
    """The job with the alignments of --msa and --paired-msa, all of them read."""
    sorted_out = _Alignments(job)
    for given in settings.msa:
        sorted_out.add(given)
    job = sorted_out.finish(settings)
    if settings.paired_msa:
        if len(job.entities) == 1:
            raise InputError(
                f"--paired-msa: pairs rows of different sequences, and {job.query.source} ({job.name}) has one"
            )
        if job.paired_msa:
            raise InputError(f"--paired-msa: {name_of(job.paired_msa)} has paired rows too; give one of the two")
        (path,) = given_alignments([settings.paired_msa])
        job = replace(job, paired_msa=path)
    _read_all(job)
    return job


def _read_all(job: Job) -> None:
    """Raises InputError for an alignment of the user's or template hits that can't be used."""
    if job.paired_msa:
        read_paired(job.paired_msa, [entity.query for entity in job.entities])
    for entity in job.entities:
        for path in (*entity.alignments, *([entity.pairing] if entity.pairing else [])):
            if path != job.paired_msa:
                read_given(path, entity.query)
        if entity.hits:
            read_template_hits(entity.hits, entity.query)


@dataclass
class _Own:
    """What was given for one sequence, in the order given."""

    by_letter: dict[str, list[Path]] = field(default_factory=dict)
    alignments: list[Path] = field(default_factory=list)
    pairing: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)  # AlphaFold's, which may have template hits too


class _Alignments:
    """Sorts the alignments that were given for one target by its sequences."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._own = {entity.chains[0]: _Own() for entity in job.entities}
        self._joined: list[Path] = []  # of all sequences side by side
        self._notes: list[str] = []

    def add(self, given: Path) -> None:
        """A file or folder, with or without a letter. Raises InputError."""
        letter, path = _lettered("--msa", given, self._job)
        if letter is not None:
            entity = _entity_of(letter, self._job)
            self._own[entity.chains[0]].by_letter.setdefault(letter, []).append(path)
            self._put(entity, path)
        elif path.is_dir():
            self._add_folder(path)
        elif len(self._job.entities) == 1:
            self._put(self._job.entities[0], path)
        else:
            self._add_file(path)

    def _add_file(self, path: Path) -> None:
        given_alignments([path])
        sequences = first_sequences(path, self._known)
        if len(sequences) > 1:
            self._joined.append(path)
            return
        entity = self._entity_with(path)
        if entity is None:
            chains = ", ".join(f"{one.chains[0]} of {one.query.n_res}" for one in self._job.entities)
            raise InputError(
                f"{name_of(path)}: its first row ({len(sequences[0])} residues) is the sequence of no chain of "
                f"{self._job.name} ({chains}); give the alignment of one of them, or rows of all side by side with "
                "--paired-msa"
            )
        self._put(entity, path)

    def _add_folder(self, path: Path) -> None:
        """AlphaFold's letters of chains need not be the user's: a folder belongs to the sequence in its first file."""
        folders = af2_folders(path)
        if folders == [path] and len(self._job.entities) == 1:
            self._put(self._job.entities[0], path)
            return
        found = [(folder, self._entity_with(given_alignments([folder])[0])) for folder in folders]
        if not any(entity for _, entity in found):
            raise InputError(f"{name_of(path)}: has no alignment of a chain of {self._job.name}; check the path")
        for folder, entity in found:
            if entity is None:
                self._notes.append(f"{name_of(folder)}: not used, since it has the alignments of no chain")
            else:
                self._put(entity, folder)

    @property
    def _known(self) -> list[str]:
        return [entity.query.sequence for entity in self._job.entities]

    def _entity_with(self, path: Path) -> Entity | None:
        """Whose sequence the first row of a file is."""
        codes = first_sequences(path, self._known)[0]
        return next((entity for entity in self._job.entities if is_of(codes, entity.query)), None)

    def _put(self, entity: Entity, path: Path) -> None:
        own, files = self._own[entity.chains[0]], given_alignments([path])
        pairing: list[Path] = []
        if len(self._job.entities) > 1:
            in_folder = (path / name for name in (_PAIRING_FILE, f"{_PAIRING_FILE}.gz"))
            pairing = [file for file in (*files, *in_folder) if _is_to_pair(file) and file.is_file()][:1]
        if path.is_dir():
            own.folders.append(path)
        own.pairing += pairing
        own.alignments += [file for file in files if file not in pairing]

    def finish(self, settings: RunSettings) -> Job:
        """The job with what was given. Raises InputError for copies with different files, two of what is to be one."""
        if len(self._joined) > 1:
            raise InputError(f"--msa: {name_of(self._joined[1])} is a second alignment of the complex; give one")
        entities = []
        for entity in self._job.entities:
            own = self._own[entity.chains[0]]
            _check_copies("--msa", entity, own.by_letter)
            pairing, hits = list(dict.fromkeys(own.pairing)), _hits_in(own.folders, settings)
            if len(pairing) > 1:
                raise InputError(f"--msa: {name_of(pairing[1])} is a second {_PAIRING_FILE} of one chain; give one")
            entities.append(
                replace(
                    entity,
                    alignments=tuple(dict.fromkeys([*own.alignments, *self._joined])),
                    pairing=pairing[0] if pairing else None,
                    hits=hits[0] if hits else None,
                )
            )
            self._notes += [
                f"{name_of(path)}: not used, since {hits[0].name} is given too; --template-search chooses"
                for path in hits[1:]
            ]
        paired = self._joined[0] if self._joined and self._job.pairs else None
        return replace(self._job, entities=tuple(entities), paired_msa=paired, notes=(*self._job.notes, *self._notes))


def _is_to_pair(file: Path) -> bool:
    return file.name.removesuffix(".gz") == _PAIRING_FILE


def _hits_in(folders: Iterable[Path], settings: RunSettings) -> list[Path]:
    """Template hits in AlphaFold's folders, those of the chosen program first."""
    if settings.template_search == "none":
        return []
    names = (HHR_HITS, HITS) if settings.template_search == "hhsearch" else (HITS, HHR_HITS)
    found = list(dict.fromkeys(folders))
    return [path for name in names for folder in found if (path := folder / name).is_file()]


def _with_templates(jobs: Sequence[Job], given: Sequence[Path]) -> tuple[Job, ...]:
    """The jobs with the templates of --template, each aligned to the sequences that it serves."""
    lettered = [_lettered("--template", path, jobs[0]) for path in given]
    for (letter, _), path in zip(lettered, given, strict=True):
        if letter is not None and len(jobs) > 1:
            raise InputError(
                f"--template {name_of(path)}: names a chain of one target, and the input has {len(jobs)}; run one at a "
                "time"
            )
    structures = {path: read_template(path) for _, path in lettered}
    queries = {entity.query.sequence: entity.query for job in jobs if len(job.entities) > 1 for entity in job.entities}
    alike = {
        (sequence, path): resembles(query, structure)
        for sequence, query in queries.items()
        for path, structure in structures.items()
    }
    jobs = tuple(_job_with_templates(job, lettered, alike) for job in jobs)
    chosen = {(one.query.sequence, path): one.query for job in jobs for one in job.entities for path in one.templates}
    for (_, path), query in chosen.items():
        check_template(query, structures[path])
    return jobs


def _job_with_templates(
    job: Job, lettered: Sequence[tuple[str | None, Path]], alike: Mapping[tuple[str, Path], bool]
) -> Job:
    """alike: whether a structure resembles a sequence closely enough to serve it without being told."""
    templates: dict[str, list[Path]] = {entity.chains[0]: [] for entity in job.entities}
    by_letter: dict[str, list[Path]] = {}
    for letter, path in lettered:
        if letter is not None:
            by_letter.setdefault(letter, []).append(path)
            served = [_entity_of(letter, job)]
        elif len(job.entities) == 1:
            served = list(job.entities)
        else:
            served = [entity for entity in job.entities if alike[entity.query.sequence, path]]
        if not served:
            raise InputError(
                f"{name_of(path)}: resembles no chain of {job.name} closely enough to tell which one it is for; name "
                f"it: --template {job.entities[0].chains[0]}={name_of(path)}"
            )
        for entity in served:
            templates[entity.chains[0]].append(path)
    for entity in job.entities:
        _check_copies("--template", entity, {x: by_letter[x] for x in entity.chains if x in by_letter})
    entities = (replace(one, templates=tuple(dict.fromkeys(templates[one.chains[0]]))) for one in job.entities)
    return replace(job, entities=tuple(entities))
