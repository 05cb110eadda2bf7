# SPDX-License-Identifier: Apache-2.0
"""features.npz: alignments and templates of one target put together, chain by chain."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from af2cpu import events
from af2cpu.formats.entries import mmcif_path
from af2cpu.formats.features import read_features, write_features
from af2cpu.formats.obsolete import current_entry, read_obsolete
from af2cpu.formats.streams import name_of
from af2cpu.formats.template_hits import is_hhr, read_template_hits
from af2cpu.pipeline.stages.entities import inputs_of
from af2cpu.pipeline.stages.files import hashes, unchanged
from af2cpu.pipeline.stages.template_hits import entries_of
from af2cpu.plan.jobs import MSAS
from af2cpu.records import Alignment, Features, Query, Templates
from af2cpu.runs.records import FeaturesMade, TemplateChoice
from af2cpu.search.stockholm_text import row_header
from af2cpu.words import counted
from af2cpu.workspace import Receipt, Stage, Work, each

if TYPE_CHECKING:
    from af2cpu.features.pairing import NamedRows


@dataclass(frozen=True)
class ChainTask:
    """A distinct sequence of a target, and the chains that have it."""

    query: Query  # of one chain
    ids: tuple[str, ...]  # of its chains
    mmcif: Path | None = None  # folder with the structures of its hits, where it has one of its own

    @property
    def entity(self) -> str:
        """As `stages.entities` names its inputs."""
        return self.ids[0]


@dataclass(frozen=True)
class FeaturesTask:
    """A target, its distinct sequences, and where structures of their template hits are."""

    query: Query
    entities: tuple[ChainTask, ...]
    mmcif: Path | None  # folder with the entries' mmCIF files
    obsolete: Path | None  # the PDB's list of entries and their successors
    max_template_date: date | None

    def place(self, chain: ChainTask) -> str:
        """The beginning of what is said of a chain; nothing where there is one chain."""
        return f"chain {chain.entity}: " if self.query.n_chains > 1 else ""


def _depends_on(work: Work[FeaturesTask]) -> Mapping[str, Any]:
    task = work.task
    paired = [one.content for one in work.all("paired")]
    return {
        "sequence": task.query.sequence,
        "descriptions": [chain.name for chain in task.query.chains],
        "entities": [_entity_depends_on(work, chain) for chain in task.entities],
        "max_template_date": task.max_template_date,
        **({"paired": paired} if paired else {}),
    }


def _entity_depends_on(work: Work[FeaturesTask], chain: ChainTask) -> Mapping[str, Any]:
    # The names tell the database, and with it the order of the rows, and how templates are called.
    named = ("alignments", "pairing", "own_templates")
    files = {
        name: [[name_of(Path(one.file.name)), one.content] for one in inputs_of(work, chain.entity, name)]
        for name in named
    }
    hits = inputs_of(work, chain.entity, "hits")
    return files | {"hits": [one.content for one in hits], "structures": _structures(work.task, chain, hits)}


def _structures(
    task: FeaturesTask, chain: ChainTask, hits: Sequence[Receipt[Any]]
) -> list[tuple[str, int, int] | None]:
    """Stamps of the entries of the hits, or of their successors."""
    folder = chain.mmcif or task.mmcif
    if folder is None:
        return []
    obsolete = _obsolete(task, chain)
    named = (entry for one in hits for entry in entries_of(one, chain.query))
    entries = (current_entry(entry, obsolete) for entry in named)
    return [_stamp(mmcif_path(folder, entry)) if entry else None for entry in entries]


def _obsolete(task: FeaturesTask, chain: ChainTask) -> Mapping[str, str | None]:
    """Entries and their successors; not for structures that came together with the hits."""
    return read_obsolete(task.obsolete) if task.obsolete and chain.mmcif is None else {}


def _stamp(path: Path) -> tuple[str, int, int] | None:
    """What tells a file from an earlier one without reading it."""
    if not path.is_file():
        return None
    status = path.stat()
    return name_of(path), status.st_size, status.st_mtime_ns


def _make(work: Work[FeaturesTask], cores: int) -> FeaturesMade:
    from af2cpu.features.complex import merge_chains, names_of_rows
    from af2cpu.outputs.pairing import write_pairing

    start, task = time.perf_counter(), work.task
    joined = _joined(work)
    made = {chain.entity: _made(work, chain, joined) for chain in task.entities}
    entity_of = {one: chain.entity for chain in task.entities for one in chain.ids}
    chains = [
        replace(made[entity_of[chain.id]].features, domain_name=np.array([chain.name.encode()]))
        for chain in task.query.chains
    ]
    to_pair = {chain.query.sequence: made[chain.entity].pairing for chain in task.entities}
    paired = _paired(task, to_pair, joined)
    features = merge_chains(chains, paired)
    written: Sequence[Path] = ()
    if len(task.entities) > 1:
        names = [made[entity_of[chain.id]].names for chain in task.query.chains]
        written = write_pairing(work.folder / MSAS, features, names_of_rows(chains, names, paired))
    write_features(work.file, features)
    seconds = time.perf_counter() - start
    counts = f"{counted(features.n_seq, 'row')}, {counted(features.n_templ, 'template')}"
    events.emit("line", f"features: {counts}, {seconds:.1f} s")
    notes = (*(joined.notes if joined else ()), *(note for one in made.values() for note in one.notes))
    choice = TemplateChoice(
        tuple(used for one in made.values() for used in one.templates.used),
        tuple(skipped for one in made.values() for skipped in one.templates.skipped),
    )
    return FeaturesMade(features.n_seq, features.n_templ, seconds, notes, choice, hashes(work, written))


class _Joined(NamedTuple):
    """The user's alignment of a complex's distinct sequences side by side, its parts in the order of these."""

    file: Path
    own: dict[str, Alignment]  # by sequence
    paired: dict[str, Alignment]
    notes: tuple[str, ...]


def _joined(work: Work[FeaturesTask]) -> _Joined | None:
    from af2cpu.query import read_paired

    for receipt in work.all("paired"):
        queries = [chain.query for chain in work.task.entities]
        found = read_paired(receipt.file, queries)
        own, paired = (
            {query.sequence: part for query, part in zip(queries, parts, strict=True)}
            for parts in (found.own, found.paired)
        )
        return _Joined(receipt.file, own, paired, (*found.notes, *_not_used(work, receipt.file, found.own)))
    return None


def _not_used(work: Work[FeaturesTask], file: Path, own: Sequence[Alignment]) -> list[str]:
    """What is to be said of rows of one sequence where only the paired ones were asked for."""
    if any(receipt.done for receipt in work.all("paired")):
        return []  # an MSA server has them in the alignments of the sequences too
    given = (one.file for chain in work.task.entities for one in inputs_of(work, chain.entity, "alignments"))
    surplus = sum(int((rows.msa != rows.msa[0]).any(axis=1).sum()) for rows in own)
    if not surplus or file in given:
        return []
    return [f"{name_of(file)}: {counted(surplus, 'row')} of one sequence alone not used; --msa takes the whole file"]


def _paired(task: FeaturesTask, to_pair: Mapping[str, Alignment | None], joined: _Joined | None) -> Sequence[NamedRows]:
    """For each chain its rows of the paired MSA: as the user has paired them, or by species."""
    from af2cpu.features.complex import pair_as_given, pair_by_species

    sequences = [chain.sequence for chain in task.query.chains]
    if joined:
        return pair_as_given(sequences, joined.paired)
    known = {sequence: alignment for sequence, alignment in to_pair.items() if alignment}
    return pair_by_species(sequences, known) if len(known) > 1 else ()


class _Made(NamedTuple):
    """The features of one sequence, and what else is known of it."""

    features: Features
    names: list[str]  # of the rows of its MSA; none where the target has one sequence
    pairing: Alignment | None
    templates: TemplateChoice
    notes: tuple[str, ...]


def _made(work: Work[FeaturesTask], chain: ChainTask, joined: _Joined | None) -> _Made:
    from af2cpu.features.msa import row_names
    from af2cpu.features.raw import make_features

    task, place = work.task, work.task.place(chain)
    templates, notes = _templates(work, chain)
    alignments = [_alignment(one, chain.query, joined) for one in inputs_of(work, chain.entity, "alignments")]
    pairing = [_alignment(one, chain.query, None) for one in inputs_of(work, chain.entity, "pairing")]
    features = make_features(chain.query, alignments, templates)
    notes = (*(note for alignment in (*alignments, *pairing) for note in alignment.notes), *notes)
    choice = TemplateChoice(templates.used, templates.skipped) if templates else TemplateChoice()
    if task.query.n_chains > 1:
        choice = _of_chain(choice, chain.entity)
    names = row_names(alignments) if len(task.entities) > 1 else []
    return _Made(features, names, pairing[0] if pairing else None, choice, tuple(place + note for note in notes))


def _of_chain(choice: TemplateChoice, chain: str) -> TemplateChoice:
    return TemplateChoice(
        tuple(replace(one, chain=chain) for one in choice.used),
        tuple(replace(one, chain=chain) for one in choice.skipped),
    )


def _alignment(receipt: Receipt[Any], query: Query, joined: _Joined | None) -> Alignment:
    """An alignment of the search bears the name of the first target with the sequence: here it gets this one's."""
    from af2cpu.query import read_given

    if joined and receipt.file == joined.file:
        return joined.own.pop(query.sequence)  # read once; not needed again
    alignment = read_given(receipt.file, query)
    if receipt.done is None:
        return alignment
    return replace(alignment, names=(row_header(query)[0].decode(), *alignment.names[1:]))


def _templates(work: Work[FeaturesTask], chain: ChainTask) -> tuple[Templates | None, tuple[str, ...]]:
    """Templates and what is to be said of them."""
    from af2cpu.features.own_template import own_templates
    from af2cpu.features.template import TemplateSource, hit_templates

    task = work.task
    own = [template.file for template in inputs_of(work, chain.entity, "own_templates")]
    if own:
        templates = own_templates(chain.query, own)
        return templates, templates.notes
    receipts = inputs_of(work, chain.entity, "hits")
    hits = [hit for receipt in receipts for hit in read_template_hits(receipt.file, chain.query)]
    if not hits:
        return None, ()
    folder = chain.mmcif or task.mmcif
    if folder is None:
        return None, ("no templates: there is no folder pdb_mmcif/mmcif_files with structures",)
    distinct = not any(is_hhr(receipt.file) for receipt in receipts)
    source = TemplateSource(folder, _obsolete(task, chain), task.max_template_date, distinct=distinct)
    templates = hit_templates(chain.query, hits, source)
    return templates, templates.notes


def _read(receipt: Receipt[FeaturesMade]) -> Features:
    return read_features(receipt.file)


FEATURES = Stage(
    name="features",
    version=6,
    done=FeaturesMade,
    depends_on=_depends_on,
    make=each(_make),
    read=_read,
    intact=unchanged,
)
