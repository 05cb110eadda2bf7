# SPDX-License-Identifier: Apache-2.0
"""AlphaFold 2's template features from hits of the search (supplement 1.2.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np

from af2cpu.errors import InputError
from af2cpu.features.hits import SkippedHit, check_hit, entry_and_chain, hit_letters, query_to_hit
from af2cpu.features.placement import PlacedTemplate, find_in_entry, place
from af2cpu.formats.entries import mmcif_path
from af2cpu.formats.mmcif import MmcifEntry, read_mmcif
from af2cpu.formats.obsolete import current_entry
from af2cpu.formats.template_hits import best_first
from af2cpu.records import Query, TemplateHit, Templates, TemplateSkipped, TemplateUsed

_KEPT_ENTRIES = 4  # chains of one entry often follow each other among the hits


@dataclass(frozen=True)
class TemplateSource:
    """Where template structures come from and which may be used."""

    mmcif_dir: Path
    obsolete: Mapping[str, str | None] = field(default_factory=dict)  # formats.obsolete.read_obsolete
    max_date: date | None = None  # no template released later; None: any
    max_hits: int = 20  # the network takes the first 4 of them
    distinct: bool = True  # hits with one aligned sequence count once: AlphaFold's rule for hmmsearch, not for HHsearch


def hit_templates(query: Query, hits: Sequence[TemplateHit], source: TemplateSource) -> Templates:
    """Templates of the best hits, until `max_hits` are found (with different sequences, if the source says so).

    A hit that can't be used (filters, no file, malformed file, another sequence) is in `skipped`, with a line in
    `notes`; nothing is raised for it.
    """
    read = lru_cache(maxsize=_KEPT_ENTRIES)(_read)
    accepted: list[tuple[PlacedTemplate, TemplateUsed]] = []
    names: dict[str, str] = {}  # aligned sequence -> the first template with it
    skipped: list[TemplateSkipped] = []
    notes: list[str] = []
    for hit in best_first(hits):
        if len(accepted) >= source.max_hits:
            break
        try:
            template, remark = _template(query, hit, source, read)
        except SkippedHit as reason:
            skipped.append(TemplateSkipped(hit.name, str(reason)))
            notes.append(skipped[-1].note)
            continue
        notes += [f"template {hit.name}: {remark}"] if remark else []
        if source.distinct and template.sequence in names:
            skipped.append(TemplateSkipped(hit.name, f"the same aligned sequence as {names[template.sequence]}"))
        else:
            names[template.sequence] = template.name
            accepted.append((template, template.used(query.sequence, remark)))
    stacked = stack_templates([template for template, _ in accepted], query.n_res, tuple(notes))
    return replace(stacked, used=tuple(used for _, used in accepted), skipped=tuple(skipped))


def stack_templates(templates: Sequence[PlacedTemplate], n_res: int, notes: tuple[str, ...] = ()) -> Templates:
    """The arrays of some templates; zero rows for none.

    DEVIATION: where hmmsearch finds no template, AlphaFold-Multimer's featurizer puts in one that is all zeros, and the
    processing then gives it template_mask 1. We do as the monomer pipeline (hhsearch) does: no row, template_mask 0.
    tests/faults/test_templates.py::test_no_template_gives_zero_rows
    """
    n_templ = len(templates)
    return Templates(
        template_aatype=np.array([t.aatype for t in templates], np.float32).reshape(n_templ, n_res, 22),
        template_all_atom_positions=np.array([t.positions for t in templates], np.float32).reshape(
            n_templ, n_res, 37, 3
        ),
        template_all_atom_masks=np.array([t.mask for t in templates], np.float32).reshape(n_templ, n_res, 37),
        template_domain_names=np.array([t.name.encode() for t in templates], None if n_templ else "S1"),
        template_sequence=np.array([t.sequence.encode() for t in templates], None if n_templ else "S1"),
        template_sum_probs=np.array([[t.sum_probs] for t in templates], np.float32).reshape(n_templ, 1),
        notes=notes,
    )


def _template(
    query: Query, hit: TemplateHit, source: TemplateSource, read: Callable[[Path], MmcifEntry]
) -> tuple[PlacedTemplate, str]:
    """The template of one hit, and a note or an empty line. Raises SkippedHit."""
    named, chain = entry_and_chain(hit)
    entry_name = current_entry(named, source.obsolete)
    if entry_name is None:
        raise SkippedHit("the entry is obsolete and was not replaced")
    check_hit(hit, query.sequence)
    entry = read(mmcif_path(source.mmcif_dir, entry_name))
    _check_date(entry, source.max_date)
    where = find_in_entry(entry.sequences, chain, hit_letters(hit), query_to_hit(hit, query.sequence))
    try:
        atoms = entry.chain(where.chain)
    except InputError as error:
        raise SkippedHit(str(error)) from error
    template = place(entry_name, atoms, where, query.n_res, hit.sum_probs or 0.0)
    remarks = [f"replaced by {entry_name}"] if entry_name != named else []
    remarks += ["realigned to the sequence in the structure"] if where.realigned else []
    return replace(template, release_date=entry.release_date), ", ".join(remarks)


def _read(path: Path) -> MmcifEntry:
    try:
        return read_mmcif(path)
    except InputError as error:
        raise SkippedHit(str(error)) from error


def _check_date(entry: MmcifEntry, max_date: date | None) -> None:
    if max_date is None:
        return
    if entry.release_date is None:
        raise SkippedHit(f"{entry.path} gives no release date, which a cutoff needs")
    if entry.release_date > max_date:
        raise SkippedHit(f"released {entry.release_date}, after {max_date}")
