"""Links to services that search with a sequence or a structure. Nothing is fetched until one is followed."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

import orjson

_MOST_IN_LINK = 1500  # letters: longer addresses are refused by servers


@dataclass(frozen=True)
class Service:
    """A service and what its user does there."""

    name: str
    link: str
    what: str


def searches_elsewhere(sequence: str) -> list[Service]:
    """Services by structure, to which the PDB file is given by hand, and by sequence, whose links hold it."""
    services = [
        Service("Foldseek", "https://search.foldseek.com/search", "similar structures; upload the PDB file"),
        Service("DALI", "http://ekhidna2.biocenter.helsinki.fi/dali/", "similar structures; upload the PDB file"),
    ]
    if len(sequence) > _MOST_IN_LINK:
        return services
    request = {
        "query": {
            "type": "terminal",
            "service": "sequence",
            "parameters": {"evalue_cutoff": 0.1, "sequence_type": "protein", "value": sequence},
        },
        "return_type": "polymer_entity",
    }
    return [
        *services,
        Service(
            "AlphaFold DB",
            f"https://alphafold.ebi.ac.uk/search/sequence/{quote(sequence, safe='')}",
            "predictions of similar sequences; the link holds this sequence",
        ),
        Service(
            "PDB",
            f"https://www.rcsb.org/search?request={quote(orjson.dumps(request).decode(), safe='')}",
            "experimental structures of similar sequences; the link holds this sequence",
        ),
    ]
