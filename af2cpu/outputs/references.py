# SPDX-License-Identifier: Apache-2.0
"""The papers to cite, as text and as BibTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from af2cpu.outputs.citation import ALPHAFOLD, MULTIMER, Paper, papers_of
from af2cpu.runs.records import DatabaseUsed
from af2cpu.shipped import is_shipped

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
        where = f"{self.volume}, {self.pages}" if self.volume else self.pages
        return f"{who} {title}. {self.journal} {where} ({self.year})."

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
        lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items() if value)
        return f"@article{{{self.key},\n{lines}}}\n"


def _reference(paper: Paper, what: str, key: str) -> Reference:
    items = {name: value or "" for name, value in paper.items.items()}
    return Reference(
        what,
        key,
        paper.authors,
        re.sub(r"AlphaFold(-Multimer)?", r"{\g<0>}", items["title"]),
        items["journal_full"],
        items["journal_volume"],
        "–".join(filter(None, (items["page_first"], items["page_last"]))),
        items["year"],
        items["pdbx_database_id_DOI"],
    )


NETWORK = _reference(ALPHAFOLD, "The network and its parameters", "Jumper2021")
MULTIMER_NETWORK = _reference(MULTIMER, "The network for complexes", "Evans2021")
SEARCH = (
    Reference(
        "Search",
        "Larralde2023",
        ("Larralde, Martin", "Zeller, Georg"),
        "{PyHMMER}: a {Python} library binding to {HMMER} for efficient sequence analysis",
        "Bioinformatics",
        "39",
        "btad214",
        "2023",
        "10.1093/bioinformatics/btad214",
    ),
    Reference(
        "Search",
        "Eddy2011",
        ("Eddy, Sean R.",),
        "Accelerated profile {HMM} searches",
        "PLOS Comput. Biol.",
        "7",
        "e1002195",
        "2011",
        "10.1371/journal.pcbi.1002195",
    ),
)
# Names of databases, and the paper of what they have in common.
DATABASES: tuple[tuple[frozenset[str], Reference], ...] = (
    (
        frozenset({"uniref90"}),
        Reference(
            "UniRef90",
            "Suzek2015",
            ("Suzek, Baris E.", "Wang, Yuqi", "Huang, Hongzhan", "McGarvey, Peter B.", "Wu, Cathy H."),
            "{UniRef} clusters: a comprehensive and scalable alternative for improving sequence similarity searches",
            "Bioinformatics",
            "31",
            "926–932",
            "2015",
            "10.1093/bioinformatics/btu739",
        ),
    ),
    (
        frozenset({"small_bfd", "bfd", "bfd_uniref"}),
        Reference(
            "BFD",
            "Steinegger2019",
            ("Steinegger, Martin", "Mirdita, Milot", "Söding, Johannes"),
            "Protein-level assembly increases protein sequence recovery from metagenomic samples manyfold",
            "Nature Methods",
            "16",
            "603–606",
            "2019",
            "10.1038/s41592-019-0437-4",
        ),
    ),
    (
        frozenset({"uniref30", "bfd_uniref"}),
        Reference(
            "UniRef30",
            "Mirdita2017",
            ("Mirdita, Milot", "others"),
            "Uniclust databases of clustered and deeply annotated protein sequences and alignments",
            "Nucleic Acids Research",
            "45",
            "D170–D176",
            "2017",
            "10.1093/nar/gkw1081",
        ),
    ),
    (
        frozenset({"mgnify"}),
        Reference(
            "MGnify",
            "Mitchell2020",
            ("Mitchell, Alex L.", "others"),
            "{MGnify}: the microbiome analysis resource in 2020",
            "Nucleic Acids Research",
            "48",
            "D570–D578",
            "2020",
            "10.1093/nar/gkz1035",
        ),
    ),
    (
        frozenset({"uniprot"}),
        Reference(
            "UniProt",
            "UniProt2023",
            ("{The UniProt Consortium}",),
            "{UniProt}: the universal protein knowledgebase in 2023",
            "Nucleic Acids Research",
            "51",
            "D523–D531",
            "2023",
            "10.1093/nar/gkac1052",
        ),
    ),
    (
        frozenset({"pdb_seqres", "pdb70"}),
        Reference(
            "Templates",
            "Berman2003",
            ("Berman, Helen", "Henrick, Kim", "Nakamura, Haruki"),
            "Announcing the worldwide {Protein Data Bank}",
            "Nature Structural Biology",
            "10",
            "980",
            "2003",
            "10.1038/nsb1203-980",
        ),
    ),
)
HH_SUITE = Reference(
    "Search of profiles",
    "Steinegger2019hh",
    ("Steinegger, Martin", "others"),
    "{HH}-suite3 for fast remote homology detection and deep protein annotation",
    "BMC Bioinformatics",
    "20",
    "473",
    "2019",
    "10.1186/s12859-019-3019-7",
)
MSA_SERVER = Reference(
    "MSA server",
    "Mirdita2022",
    ("Mirdita, Milot", "others"),
    "{ColabFold}: making protein folding accessible to all",
    "Nature Methods",
    "19",
    "679–682",
    "2022",
    "10.1038/s41592-022-01488-1",
)
RELAXATION = Reference(
    "Relaxation",
    "Eastman2024",
    ("Eastman, Peter", "others"),
    "{OpenMM} 8: molecular dynamics simulation with machine learning potentials",
    "J. Phys. Chem. B",
    "128",
    "109–116",
    "2024",
    "10.1021/acs.jpcb.3c06662",
)
VIEW = Reference(
    "3D view",
    "Rego2015",
    ("Rego, Nicholas", "Koes, David"),
    "{3Dmol.js}: molecular visualization with {WebGL}",
    "Bioinformatics",
    "31",
    "1322–1324",
    "2015",
    "10.1093/bioinformatics/btu829",
)


def papers(databases: Iterable[DatabaseUsed], models: Iterable[str], *, relaxed: bool) -> list[Reference]:
    """The papers behind a prediction.

    databases: what was searched, as run.json has it. Those with the names of AlphaFold 2's databases have papers; the
    demonstration database, which the package ships, has none. models: the names of those that were used. relaxed: a
    structure was relaxed.
    """
    used = [database for database in databases if database.server or not is_shipped(Path(database.path))]
    searched = {database.name for database in used if database.server is None}
    programs = [HH_SUITE] if any(database.program for database in used) else []
    programs += [MSA_SERVER] if any(database.server for database in used) else []
    sources = [reference for names, reference in DATABASES if names & {database.name for database in used}]
    networks = [NETWORK, MULTIMER_NETWORK] if MULTIMER in papers_of(models) else [NETWORK]
    return [*networks, *(SEARCH if searched else ()), *programs, *sources, *([RELAXATION] if relaxed else [])]


def bibtex(references: Iterable[Reference]) -> str:
    """The entries, with an empty line between them."""
    return "\n".join(reference.bibtex for reference in references)


def _short(author: str) -> str:
    family, _, given = author.strip("{}").partition(", ")
    return f"{family}, {' '.join(f'{name[0]}.' for name in given.split())}" if given else family
