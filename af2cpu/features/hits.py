# SPDX-License-Identifier: Apache-2.0
"""Which template hits are worth a look at their structure, and what they align (supplement 1.2.3)."""

from __future__ import annotations

import re

from af2cpu.records import TemplateHit

_NAME = re.compile(r"([A-Za-z0-9]{4})_([A-Za-z0-9.]+)")
_MIN_ALIGN_RATIO = 0.1  # of the query's length
_MAX_SUBSEQUENCE_RATIO = 0.95
_MIN_LENGTH = 10


class SkippedHit(Exception):  # noqa: N818 - no error: the hit is left out and the report says why
    """Why a hit gives no template, in one line."""


def entry_and_chain(hit: TemplateHit) -> tuple[str, str]:
    """PDB entry in lower case and the author's chain. Raises SkippedHit."""
    match = _NAME.match(hit.name)
    if match is None:
        raise SkippedHit("the name is not a PDB entry and chain")
    return match.group(1).lower(), match.group(2)


def hit_letters(hit: TemplateHit) -> str:
    """The residues of the template that the hit covers, insertions included."""
    return hit.hit_sequence.replace("-", "")


def check_hit(hit: TemplateHit, query: str) -> None:
    """DeepMind's filters that need no structure (ColabFold's fork, the reference of the tests, lacks them).

    Raises SkippedHit.
    """
    if hit.aligned_cols / len(query) <= _MIN_ALIGN_RATIO:
        raise SkippedHit(f"{hit.aligned_cols} aligned residues are too few for a query of {len(query)}")
    letters = hit_letters(hit)
    if letters in query and len(letters) / len(query) > _MAX_SUBSEQUENCE_RATIO:
        raise SkippedHit("it is a copy of the query")
    if len(letters) < _MIN_LENGTH:
        raise SkippedHit(f"{len(letters)} residues are too short")


def query_to_hit(hit: TemplateHit, query: str) -> dict[int, int]:
    """Residue of the query -> index into `hit_letters`, for aligned pairs."""
    offset = query.find(hit.query.replace("-", ""))
    first_hit = min((i for i in hit.indices_hit if i >= 0), default=0)
    first_query = min((i for i in hit.indices_query if i >= 0), default=0)
    n_letters = len(hit_letters(hit))
    pairs = (
        (i - first_query + offset, j - first_hit)
        for i, j in zip(hit.indices_query, hit.indices_hit, strict=False)
        if i >= 0 and j >= 0
    )
    return {i: j for i, j in pairs if i < len(query) and j < n_letters}
