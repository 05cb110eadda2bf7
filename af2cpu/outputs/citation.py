# SPDX-License-Identifier: Apache-2.0
"""The papers that structure files cite, with the items of AlphaFold 2's own files (which miss one author)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Paper:
    """A paper as mmCIF files cite it."""

    items: dict[str, str | None]  # of _citation, the same ones in the same order for every paper
    authors: tuple[str, ...]  # "Family, Given"


ALPHAFOLD = Paper(
    items={
        "id": "primary",
        "title": "Highly accurate protein structure prediction with AlphaFold",
        "journal_full": "Nature",
        "journal_volume": "596",
        "page_first": "583",
        "page_last": "589",
        "year": "2021",
        "journal_id_ASTM": "NATUAS",
        "country": "UK",
        "journal_id_ISSN": "0028-0836",
        "journal_id_CSD": "0006",
        "book_publisher": None,
        "pdbx_database_id_PubMed": "34265844",
        "pdbx_database_id_DOI": "10.1038/s41586-021-03819-2",
    },
    authors=(
        "Jumper, John",
        "Evans, Richard",
        "Pritzel, Alexander",
        "Green, Tim",
        "Figurnov, Michael",
        "Ronneberger, Olaf",
        "Tunyasuvunakool, Kathryn",
        "Bates, Russ",
        "Zidek, Augustin",
        "Potapenko, Anna",
        "Bridgland, Alex",
        "Meyer, Clemens",
        "Kohl, Simon A. A.",
        "Ballard, Andrew J.",
        "Cowie, Andrew",
        "Romera-Paredes, Bernardino",
        "Nikolov, Stanislav",
        "Jain, Rishub",
        "Adler, Jonas",
        "Back, Trevor",
        "Petersen, Stig",
        "Reiman, David",
        "Clancy, Ellen",
        "Zielinski, Michal",
        "Steinegger, Martin",
        "Pacholska, Michalina",
        "Berghammer, Tamas",
        "Bodenstein, Sebastian",
        "Silver, David",
        "Vinyals, Oriol",
        "Senior, Andrew W.",
        "Kavukcuoglu, Koray",
        "Kohli, Pushmeet",
        "Hassabis, Demis",
    ),
)
MULTIMER = Paper(
    items=dict.fromkeys(ALPHAFOLD.items)
    | {
        "id": "multimer",
        "title": "Protein complex prediction with AlphaFold-Multimer",
        "journal_full": "bioRxiv",
        "page_first": "2021.10.04.463034",
        "year": "2021",
        "pdbx_database_id_DOI": "10.1101/2021.10.04.463034",
    },
    authors=(
        "Evans, Richard",
        "O'Neill, Michael",
        "Pritzel, Alexander",
        "Antropova, Natasha",
        "Senior, Andrew",
        "Green, Tim",
        "Zidek, Augustin",
        "Bates, Russ",
        "Blackwell, Sam",
        "Yim, Jason",
        "Ronneberger, Olaf",
        "Bodenstein, Sebastian",
        "Zielinski, Michal",
        "Bridgland, Alex",
        "Potapenko, Anna",
        "Cowie, Andrew",
        "Tunyasuvunakool, Kathryn",
        "Jain, Rishub",
        "Clancy, Ellen",
        "Kohli, Pushmeet",
        "Jumper, John",
        "Hassabis, Demis",
    ),
)


def papers_of(models: Iterable[str]) -> list[Paper]:
    """The papers about the networks of some models."""
    return [ALPHAFOLD, MULTIMER] if any("multimer" in model for model in models) else [ALPHAFOLD]
