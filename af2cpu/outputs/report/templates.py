"""The table of templates: those that the network was given, and hits that gave none."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from af2cpu.outputs.report.content import Content
from af2cpu.records import Chain, TemplateSkipped, TemplateUsed

_ENTRY = re.compile(r"([1-9][a-z0-9]{3})_(.+)", re.IGNORECASE)  # of the PDB; other names are of the user's files
NETWORK_TAKES = 4


@dataclass(frozen=True)
class TemplateRow:
    """One template or hit."""

    rank: int  # from 1, of its chain; 0 for a hit that was skipped
    of: tuple[str, ...]  # ids of the chains that it is a template or a hit of: copies have the same
    entry: str  # of the PDB in capitals, or the name of the user's file
    chain: str
    link: str | None  # to the PDB
    used: TemplateUsed | None
    reason: str | None  # why the hit was skipped


def used_rows(content: Content) -> list[TemplateRow]:
    """The templates of the features, chain by chain, best first; of features made elsewhere no dates are known."""
    features, chains = content.features, content.chains
    if features is None or not features.n_templ or sum(len(one.sequence) for one in chains) != features.n_res:
        return []
    names = [name.decode(errors="replace") for name in features.template_domain_names.tolist()]
    letters = [one.decode() for one in features.template_sequence.tolist()]
    rows = []
    for entity in content.entities:
        first = entity.chains[0]
        of_chain = [_of_chain(name, row, chains).get(first.id) for name, row in zip(names, letters, strict=True)]
        used = [TemplateUsed.of(name, first.sequence, aligned) for name, aligned in filter(None, of_chain)]
        ids = tuple(chain.id for chain in entity.chains)
        rows += [_row(one.name, rank, ids, _dated(one, first, content)) for rank, one in enumerate(used, start=1)]
    return rows


def _of_chain(name: str, letters: str, chains: Sequence[Chain]) -> dict[str, tuple[str, str]]:
    """One row of the features' templates as name and letters of each chain that has one there.

    A complex has the names of its chains' templates joined by commas (features/complex.py).
    """
    ends = list(itertools.accumulate(len(chain.sequence) for chain in chains))
    parts = [letters[end - len(chain.sequence) : end] for end, chain in zip(ends, chains, strict=True)]
    present = [(chain.id, part) for chain, part in zip(chains, parts, strict=True) if part.strip("-")]
    names = name.split(",") if len(chains) > 1 else [name]
    names = names if len(names) == len(present) else [name] * len(present)  # names of the user's files have commas
    return {id: (one, part) for one, (id, part) in zip(names, present, strict=True)}


def _dated(template: TemplateUsed, chain: Chain, content: Content) -> TemplateUsed:
    """With the date and the remark that the run knows of it."""
    for known in content.run.template_choice.used:
        if known.name == template.name and known.chain in ("", chain.id):
            return replace(template, release_date=known.release_date, remark=known.remark)
    return template


def skipped_rows(content: Content) -> list[TemplateRow]:
    """Hits that gave no template, in the search's order."""
    copies = {one.chains[0].id: tuple(chain.id for chain in one.chains) for one in content.entities}
    return [
        _row(one.name, 0, copies.get(one.chain, ()), reason=one.reason) for one in content.run.template_choice.skipped
    ]


def skipped_in_words(skipped: tuple[TemplateSkipped, ...]) -> str:
    """Such as: 8 too short, 4 without a structure. Reasons that differ only in numbers and names count together."""
    counts = Counter(re.sub(r"\S*\d\S*", "…", one.reason) for one in skipped)
    return "; ".join(f"{count} × {reason}" for reason, count in counts.most_common())


def _row(
    name: str, rank: int, of: tuple[str, ...], used: TemplateUsed | None = None, reason: str | None = None
) -> TemplateRow:
    match = _ENTRY.fullmatch(name)
    entry, _, chain = name.rpartition("_")
    link = f"https://www.rcsb.org/structure/{match[1].upper()}" if match else None
    shown = entry.upper() if match else entry or name
    return TemplateRow(rank, of, shown, chain if entry else "", link, used, reason)
