"""The papers to cite, as text and as BibTeX."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from af2cpu.outputs.citation import AUTHORS, CITATION

_MOST_NAMED = 2  # authors


@dataclass(frozen=True)
class Reference:
    """One article."""

    what: str  # it is cited for
    key: str  # of its BibTeX entry
    authors: tuple[str, ...]  # "Family, Given"
    title: str
    journal: str
    volume: str
    pages: str  # with a dash between first and last
    year: str
    doi: str

    @property
    def text(self) -> str:
        """Such as: Rego, N. & Koes, D. Title. Journal 31, 1322-1324 (2015)."""
        names = [_short(author) for author in self.authors]
        who = f"{names[0]} et al." if len(names) > _MOST_NAMED or "others" in names else " & ".join(names)
        title = self.title.replace("{", "").replace("}", "")
        return f"{who} {title}. {self.journal} {self.volume}, {self.pages} ({self.year})."

    @property
    def bibtex(self) -> str:
        """An @article entry."""
        fields = {
            "author": " and ".join(self.authors),
            "title": self.title,
            "journal": self.journal,
            "volume": self.volume,
            "pages": self.pages.replace("–", "--"),
            "year": self.year,
            "doi": self.doi,
        }
        lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
        return f"@article{{{self.key},\n{lines}}}\n"


NETWORK = Reference(
    "The network and its parameters",
    "jumper2021",
    AUTHORS,
    str(CITATION["title"]).replace("AlphaFold", "{AlphaFold}"),
    str(CITATION["journal_full"]),
    str(CITATION["journal_volume"]),
    f"{CITATION['page_first']}–{CITATION['page_last']}",
    str(CITATION["year"]),
    str(CITATION["pdbx_database_id_DOI"]),
)
RELAXATION = Reference(
    "Relaxation",
    "eastman2024",
    ("Eastman, Peter", "others"),
    "{OpenMM} 8: molecular dynamics simulation with machine learning potentials",
    "J. Phys. Chem. B",
    "128",
    "109–116",
    "2024",
    "10.1021/acs.jpcb.3c06662",
)
SEARCH = Reference(
    "Search",
    "larralde2023",
    ("Larralde, Martin", "Zeller, Georg"),
    "{PyHMMER}: a {Python} library binding to {HMMER} for efficient sequence analysis",
    "Bioinformatics",
    "39",
    "btad214",
    "2023",
    "10.1093/bioinformatics/btad214",
)
VIEW = Reference(
    "3D view",
    "rego2015",
    ("Rego, Nicholas", "Koes, David"),
    "{3Dmol.js}: molecular visualization with {WebGL}",
    "Bioinformatics",
    "31",
    "1322–1324",
    "2015",
    "10.1093/bioinformatics/btu829",
)


def bibtex(references: Iterable[Reference]) -> str:
    """The entries, with an empty line between them."""
    return "\n".join(reference.bibtex for reference in references)


def _short(author: str) -> str:
    family, _, given = author.partition(", ")
    return f"{family}, {' '.join(f'{name[0]}.' for name in given.split())}" if given else author
