"""The table of templates: those that the network was given, and hits that gave none."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from af2cpu.outputs.report.content import Content
from af2cpu.records import TemplateSkipped, TemplateUsed

_ENTRY = re.compile(r"([1-9][a-z0-9]{3})_(.+)", re.IGNORECASE)  # of the PDB; other names are of the user's files
NETWORK_TAKES = 4


@dataclass(frozen=True)
class TemplateRow:
    """One template or hit."""

    entry: str  # of the PDB in capitals, or the name of the user's file
    chain: str
    link: str | None  # to the PDB
    used: TemplateUsed | None
    reason: str | None  # why the hit was skipped


def used_rows(content: Content) -> list[TemplateRow]:
    """The templates of the features, best first; of features made elsewhere no dates are known."""
    features, query = content.features, content.run.sequence
    if features is None or not features.n_templ or len(query) != features.n_res:
        return []
    known = {one.name: one for one in content.run.template_choice.used}
    names = [name.decode(errors="replace") for name in features.template_domain_names.tolist()]
    letters = [one.decode() for one in features.template_sequence.tolist()]
    return [
        _row(name, used=known.get(name) or TemplateUsed.of(name, query, aligned))
        for name, aligned in zip(names, letters, strict=True)
    ]


def skipped_rows(content: Content) -> list[TemplateRow]:
    """Hits that gave no template, in the search's order."""
    return [_row(one.name, reason=one.reason) for one in content.run.template_choice.skipped]


def skipped_in_words(skipped: tuple[TemplateSkipped, ...]) -> str:
    """Such as: 8 too short, 4 without a structure. Reasons that differ only in numbers and names count together."""
    counts = Counter(re.sub(r"\S*\d\S*", "…", one.reason) for one in skipped)
    return "; ".join(f"{count} × {reason}" for reason, count in counts.most_common())


def _row(name: str, used: TemplateUsed | None = None, reason: str | None = None) -> TemplateRow:
    match = _ENTRY.fullmatch(name)
    entry, _, chain = name.rpartition("_")
    link = f"https://www.rcsb.org/structure/{match[1].upper()}" if match else None
    return TemplateRow(entry.upper() if match else entry or name, chain if entry else "", link, used, reason)
