"""What a prediction builds on, as BibTeX."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from af2cpu.outputs.citation import AUTHORS, CITATION


@dataclass(frozen=True)
class _Article:
    key: str
    author: str
    title: str
    journal: str
    volume: str
    pages: str
    year: str
    doi: str

    def text(self) -> str:
        """The entry; double braces keep the title's capitals."""
        items = (f"  {name} = {{{value}}}" for name, value in vars(self).items() if name not in ("key", "title"))
        return ",\n".join([f"@article{{{self.key}", f"  title = {{{{{self.title}}}}}", *items]) + "\n}\n"


_ALPHAFOLD = _Article(
    "Jumper2021",
    " and ".join(AUTHORS),
    str(CITATION["title"]),
    str(CITATION["journal_full"]),
    str(CITATION["journal_volume"]),
    f"{CITATION['page_first']}--{CITATION['page_last']}",
    str(CITATION["year"]),
    str(CITATION["pdbx_database_id_DOI"]),
)
_SEARCH = (
    _Article(
        "Larralde2023",
        "Larralde, Martin and Zeller, Georg",
        "PyHMMER: a Python library binding to HMMER for efficient sequence analysis",
        "Bioinformatics",
        "39",
        "btad214",
        "2023",
        "10.1093/bioinformatics/btad214",
    ),
    _Article(
        "Eddy2011",
        "Eddy, Sean R.",
        "Accelerated Profile HMM Searches",
        "PLOS Computational Biology",
        "7",
        "e1002195",
        "2011",
        "10.1371/journal.pcbi.1002195",
    ),
)
_DATABASES: Mapping[str, _Article] = {
    "uniref90": _Article(
        "Suzek2015",
        "Suzek, Baris E. and Wang, Yuqi and Huang, Hongzhan and McGarvey, Peter B. and Wu, Cathy H.",
        "UniRef clusters: a comprehensive and scalable alternative for improving sequence similarity searches",
        "Bioinformatics",
        "31",
        "926--932",
        "2015",
        "10.1093/bioinformatics/btu739",
    ),
    "small_bfd": _Article(
        "Steinegger2019",
        'Steinegger, Martin and Mirdita, Milot and S{\\"o}ding, Johannes',
        "Protein-level assembly increases protein sequence recovery from metagenomic samples manyfold",
        "Nature Methods",
        "16",
        "603--606",
        "2019",
        "10.1038/s41592-019-0437-4",
    ),
    "mgnify": _Article(
        "Mitchell2020",
        "Mitchell, Alex L. and Almeida, Alexandre and Beracochea, Martin and others",
        "MGnify: the microbiome analysis resource in 2020",
        "Nucleic Acids Research",
        "48",
        "D570--D578",
        "2020",
        "10.1093/nar/gkz1035",
    ),
    "pdb_seqres": _Article(
        "Berman2003",
        "Berman, Helen and Henrick, Kim and Nakamura, Haruki",
        "Announcing the worldwide Protein Data Bank",
        "Nature Structural Biology",
        "10",
        "980",
        "2003",
        "10.1038/nsb1203-980",
    ),
}
_RELAXATION = _Article(
    "Eastman2024",
    "Eastman, Peter and Galvelis, Raimondas and Pel{\\'a}ez, Ra{\\'u}l P. and others",
    "OpenMM 8: Molecular Dynamics Simulation with Machine Learning Potentials",
    "The Journal of Physical Chemistry B",
    "128",
    "109--116",
    "2024",
    "10.1021/acs.jpcb.3c06662",
)


def bibtex(databases: Collection[str], *, relaxed: bool) -> str:
    """The papers of the method and of what took part.

    databases: names of those that were searched; AlphaFold's have papers. relaxed: a structure was relaxed.
    """
    articles = [_ALPHAFOLD, *(_SEARCH if databases else ())]
    articles += [article for name, article in _DATABASES.items() if name in databases]
    articles += [_RELAXATION] if relaxed else []
    return "\n".join(article.text() for article in articles)
