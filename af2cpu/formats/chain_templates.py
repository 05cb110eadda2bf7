# SPDX-License-Identifier: Apache-2.0
"""Templates in the features of a complex, whose row k holds the k-th template of every chain."""

from __future__ import annotations

from collections.abc import Sequence

from af2cpu.records import Features, NetworkTemplate

_BETWEEN = b"\n"  # no name of an entry, a chain or a file has it


def joined_names(names: Sequence[bytes]) -> bytes:
    """The name of a row from those of its templates, one for each chain; empty for a chain that has none there."""
    return _BETWEEN.join(names)


def templates_of_chains(features: Features, max_templates: int | None = None) -> tuple[NetworkTemplate, ...]:
    """The templates of the first `max_templates` rows, chain by chain, best first; those without residues are left out.

    Raises ValueError for a row that does not have a name for each chain.
    """
    spans = features.chains.spans
    names = [bytes(name) for name in features.template_domain_names[:max_templates].tolist()]
    texts = [bytes(text).decode() for text in features.template_sequence[:max_templates].tolist()]
    split = [name.split(_BETWEEN) if len(spans) > 1 else [name] for name in names]
    if any(len(row) != len(spans) for row in split):
        raise ValueError(f"the templates of the features are not those of {len(spans)} chains")
    return tuple(
        NetworkTemplate(row[place].decode(errors="replace"), text[rows.start : rows.stop], chain)
        for place, (chain, rows) in enumerate(spans.items())
        for row, text in zip(split, texts, strict=True)
        if text[rows.start : rows.stop].strip("-")
    )
