# SPDX-License-Identifier: Apache-2.0
"""The table of templates: those that the network was given, and hits that gave none."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace

from af2cpu.formats.chain_templates import templates_of_chains
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
    features = content.features
    if features is None or sum(content.lengths) != features.n_res:
        return []
    given = templates_of_chains(features)
    rows = []
    for entity in content.entities:
        first = entity.chains[0]
        used = [TemplateUsed.of(one.name, first.sequence, one.sequence) for one in given if one.chain == first.id]
        ids = tuple(chain.id for chain in entity.chains)
        rows += [_row(one.name, rank, ids, _dated(one, first, content)) for rank, one in enumerate(used, start=1)]
    return rows


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
