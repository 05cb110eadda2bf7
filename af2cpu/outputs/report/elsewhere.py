# SPDX-License-Identifier: Apache-2.0
"""Links to services that search with a sequence or a structure. Nothing is fetched until one is followed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

import orjson

from af2cpu.outputs.report.chains import Entity

_MOST_IN_LINK = 1500  # letters: longer addresses are refused by servers
_MOST_ENTITIES = 6  # sequences of a complex that have links


@dataclass(frozen=True)
class Service:
    """A service and what its user does there."""

    name: str
    link: str
    what: str


def searches_elsewhere(entities: Sequence[Entity]) -> list[Service]:
    """Services by structure, to which the PDB file is given by hand, and by sequence, whose links hold it."""
    foldseek = Service("Foldseek", "https://search.foldseek.com/search", "similar structures; upload the PDB file")
    dali = Service("DALI", "http://ekhidna2.biocenter.helsinki.fi/dali/", "similar structures; upload the PDB file")
    if len(entities) == 1 and len(entities[0].chains) == 1:
        return [foldseek, dali, *_by_sequence(entities[0].sequence, "")]
    multimer = Service(
        "Foldseek-Multimer", "https://search.foldseek.com/multimer", "similar complexes; upload the PDB file"
    )
    shown = entities if len(entities) <= _MOST_ENTITIES else ()
    return [multimer, *(one for entity in shown for one in _by_sequence(entity.sequence, f", {entity.words}"))]


def _by_sequence(sequence: str, of: str) -> list[Service]:
    if len(sequence) > _MOST_IN_LINK:
        return []
    request = {
        "query": {
            "type": "terminal",
            "service": "sequence",
            "parameters": {"evalue_cutoff": 0.1, "sequence_type": "protein", "value": sequence},
        },
        "return_type": "polymer_entity",
    }
    return [
        Service(
            f"AlphaFold DB{of}",
            f"https://alphafold.ebi.ac.uk/search/sequence/{quote(sequence, safe='')}",
            "predictions of similar sequences; the link holds this sequence",
        ),
        Service(
            f"PDB{of}",
            f"https://www.rcsb.org/search?request={quote(orjson.dumps(request).decode(), safe='')}",
            "experimental structures of similar sequences; the link holds this sequence",
        ),
    ]
