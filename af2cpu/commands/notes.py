# SPDX-License-Identifier: Apache-2.0
"""The notes of a run in one line: how many of which kind."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from af2cpu.words import counted

_SKIPPED = re.compile(r"(?:chain \S+: )?template \S+ skipped: (.*)")
_REASONS = {
    "too short": re.compile(r"too short|too few"),
    "without a structure": re.compile(r"no such file|not fetched"),
    "copies of the query": re.compile(r"copy of the query"),
    "released too late": re.compile(r"^released"),
}


def notes_summary(notes: Iterable[str], place: str) -> str | None:
    """Such as "12 template hits skipped: 8 too short, 4 without a structure; details in the report"; None for none.

    place: the file or page that has them all.
    """
    hits: Counter[str] = Counter()
    others = 0
    for note in notes:
        skipped = _SKIPPED.match(note)
        if skipped:
            hits[_reason(skipped[1])] += 1
        else:
            others += 1
    parts = []
    if hits:
        kinds = ", ".join(f"{count} {reason}" for reason, count in hits.most_common())
        parts.append(f"{counted(hits.total(), 'template hit')} skipped: {kinds}")
    if others:
        parts.append(counted(others, "other note" if hits else "note"))
    return "; ".join((*parts, f"details in {place}")) if parts else None


def _reason(text: str) -> str:
    return next((name for name, pattern in _REASONS.items() if pattern.search(text)), "for other reasons")
