# SPDX-License-Identifier: Apache-2.0
"""Alignments and templates, as they are found or given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np


@dataclass(frozen=True)
class Alignment:
    """Homologs of a query from one database, in the query's columns. The first row is the query."""

    database: str  # such as uniref90
    names: tuple[str, ...]  # n_seq row names, as in the file (a3m: the whole header)
    msa: np.ndarray  # uint8 [n_seq, n_res], chemistry.residues.HHBLITS_AA_TO_ID: 0..19, 20 X, 21 gap
    deletions: np.ndarray  # uint16 (int32 if one is larger) [n_seq, n_res], inserted residues left of each column
    # uint64 [n_seq, 2], digest of each row's letters. AlphaFold drops rows that repeat another letter by letter, and
    # `msa` no longer tells B from D, Z from E, U from C and J, O from X. None: equal codes mean equal letters.
    row_digests: np.ndarray | None = None
    query: str = ""  # residues of the first row as written in the file: `msa` does not tell U from C
    notes: tuple[str, ...] = ()  # one line for each thing in the file that was passed over; for the report

    @property
    def n_seq(self) -> int:
        return int(self.msa.shape[0])

    @property
    def n_res(self) -> int:
        return int(self.msa.shape[1])


@dataclass(frozen=True)
class TemplateHit:
    """One aligned segment of a PDB chain, as AlphaFold 2 reads it from hmmsearch's or HHsearch's. Indices count from 0.

    hmmsearch's have the query's residues as columns. HHsearch's have those of the aligned segment, and insertions.
    """

    index: int  # place in the alignment, from 1, counting the rows that are not protein too; HHsearch's number
    name: str  # such as 2q2k_A
    aligned_cols: int  # match columns with a residue
    sum_probs: float | None  # hmmsearch has none
    query: str  # the query's sequence; of HHsearch its aligned segment, '-' for insertions
    hit_sequence: str  # the row in upper case: match and insert columns, '-' for deletions
    indices_query: tuple[int, ...]  # residue of the query for each column, -1 for an insertion
    indices_hit: tuple[int, ...]  # residue of the chain for each column, -1 for deletions
    description: str = ""  # the entry's header after the name


@dataclass(frozen=True)
class TemplateUsed:
    """A template of the features."""

    name: str  # entry_chain such as 2q2k_A; of a user's file its name and chain
    identity: float  # share of the aligned residues that are the query's, 0-1
    coverage: float  # share of the query's residues that are aligned, 0-1
    release_date: date | None = None  # of the PDB entry; None where the file does not tell
    remark: str = ""  # such as "realigned to the sequence in the structure"
    chain: str = ""  # of a complex the first chain with the sequence that it belongs to

    @classmethod
    def of(
        cls, name: str, query: str, letters: str, release_date: date | None = None, remark: str = ""
    ) -> TemplateUsed:
        """letters: n_res of the template in the query's columns, "-" where nothing is aligned."""
        aligned = [(mine, its) for mine, its in zip(query, letters, strict=True) if its != "-"]
        same = sum(mine == its for mine, its in aligned)
        return cls(name, same / max(1, len(aligned)), len(aligned) / len(query), release_date, remark)


@dataclass(frozen=True)
class TemplateSkipped:
    """A hit of the template search that gives no template."""

    name: str
    reason: str
    chain: str = ""  # as in TemplateUsed

    @property
    def note(self) -> str:
        """One line for the console and the log."""
        return f"template {self.name} skipped: {self.reason}"


@dataclass(frozen=True)
class Templates:
    """Templates of one query, best first, as AlphaFold 2 names and shapes them; n_templ may be 0."""

    template_aatype: np.ndarray  # float32 [n_templ, n_res, 22], one-hot in HHblits' order (21 is a gap)
    template_all_atom_positions: np.ndarray  # float32 [n_templ, n_res, 37, 3], angstrom
    template_all_atom_masks: np.ndarray  # float32 [n_templ, n_res, 37]
    template_domain_names: np.ndarray  # bytes [n_templ], entry_chain such as b"2q2k_A"
    template_sequence: np.ndarray  # bytes [n_templ], in the query's columns, "-" where nothing is aligned
    template_sum_probs: np.ndarray  # float32 [n_templ, 1], HHsearch's score; 0 for hmmsearch
    notes: tuple[str, ...] = ()  # one line for each hit that was skipped or realigned
    used: tuple[TemplateUsed, ...] = ()  # [n_templ]
    skipped: tuple[TemplateSkipped, ...] = ()
