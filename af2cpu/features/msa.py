# SPDX-License-Identifier: Apache-2.0
"""AlphaFold 2's features of the alignments (supplement 1.2.2, 1.2.3 and Table 1)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from af2cpu.chemistry.residues import HHBLITS_AA_TO_ID, HHBLITS_ORDER
from af2cpu.errors import InputError
from af2cpu.formats.rows import digest, digest_weights
from af2cpu.records import Alignment

# AlphaFold 2 joins the alignments in this order; those of other databases follow as they are given.
_ORDER = {"uniref90": 0, "small_bfd": 1, "bfd": 1, "bfd_uniref": 1, "bfd_uniclust": 1, "mgnify": 2}

# UniProt's names, db|accession|ENTRY_SPECIES; small BFD adds a last number.
_UNIPROT_NAME = re.compile(r"(?:tr|sp)\|[A-Za-z0-9]{6,10}(?:_\d)?\|[A-Za-z0-9]+_([A-Za-z0-9]{1,5})(?:_\d+)?")


def msa_features(sequence: str, alignments: Sequence[Alignment]) -> dict[str, np.ndarray]:
    """Join the alignments of one query and drop rows that repeat an earlier one letter by letter.

    The first occurrence stays, over the databases in AlphaFold 2's order: UniRef90, (small) BFD, MGnify.
    Returns the arrays of `records.Features` about the MSA. Raises InputError for no alignment, an empty one, or one of
    another query.
    """
    if not alignments:
        raise InputError("no alignment was given; a search without hits gives one row, the query")
    for alignment in alignments:
        _check(sequence, alignment)
    alignments = _in_order(alignments)
    kept = _first_occurrences(alignments)
    names = _names(alignments, kept)
    n_seq, n_res = len(names), len(sequence)
    return {
        "msa": _join([a.msa for a in alignments], kept, np.dtype(np.uint8)),
        "deletion_matrix_int": _join([a.deletions for a in alignments], kept, _deletions_dtype(alignments)),
        "num_alignments": np.full(n_res, n_seq, np.int32),
        "msa_species_identifiers": np.array([species(name).encode() for name in names]),
    }


def row_names(alignments: Sequence[Alignment]) -> list[str]:
    """Names of the rows that `msa_features` keeps of some alignments, in its order; none of no alignment."""
    if not alignments:
        return []
    alignments = _in_order(alignments)
    return _names(alignments, _first_occurrences(alignments))


def _in_order(alignments: Sequence[Alignment]) -> list[Alignment]:
    return sorted(alignments, key=lambda a: _ORDER.get(a.database, len(_ORDER)))


def _names(alignments: Sequence[Alignment], kept: Sequence[np.ndarray]) -> list[str]:
    return [a.names[row] for a, rows in zip(alignments, kept, strict=True) for row in rows]


def species(name: str) -> str:
    """UniProt's species mnemonic in a row's name, such as STAAU in tr|A0A2W3M096|A0A2W3M096_STAAU; else empty."""
    words = name.split()
    match = _UNIPROT_NAME.fullmatch(words[0].partition("/")[0]) if words else None
    return match.group(1) if match else ""


def _check(sequence: str, alignment: Alignment) -> None:
    where = f"the alignment from {alignment.database}"
    if alignment.msa.ndim != 2 or alignment.n_seq == 0:
        raise InputError(f"{where} has no row; the query itself must be the first")
    if alignment.deletions.shape != alignment.msa.shape or len(alignment.names) != alignment.n_seq:
        raise InputError(f"{where} has {alignment.n_seq} rows, but not as many names or rows of deletions")
    if alignment.n_res != len(sequence):
        raise InputError(f"{where} has {alignment.n_res} columns, but the query has {len(sequence)} residues")
    expected = np.array([HHBLITS_AA_TO_ID[letter] for letter in sequence])
    differs = np.flatnonzero(alignment.msa[0] != expected)
    if differs.size:
        raise InputError(f"{where} belongs to another query: its first row differs at position {differs[0] + 1}")


def _first_occurrences(alignments: Sequence[Alignment]) -> list[np.ndarray]:
    """For each alignment the rows (ascending) that no earlier row of it or of an earlier alignment equals."""
    digests = np.concatenate([row_digests(a) for a in alignments])
    _, first = np.unique(digests.view("V16").reshape(-1), return_index=True)
    ends = np.cumsum([a.n_seq for a in alignments])
    parts = np.split(np.sort(first), np.searchsorted(np.sort(first), ends[:-1]))
    return [rows - (end - a.n_seq) for rows, end, a in zip(parts, ends, alignments, strict=True)]


def row_digests(alignment: Alignment) -> np.ndarray:
    """uint64 [n_seq, 2], of the rows' letters; where the reader kept none, code and letter are one to one."""
    if alignment.row_digests is not None:
        return np.ascontiguousarray(alignment.row_digests)
    letters = np.frombuffer(HHBLITS_ORDER.encode(), np.uint8)
    weights = digest_weights(alignment.n_res)
    blocks = range(0, alignment.n_seq, 1024)
    return np.concatenate([digest(letters[alignment.msa[start : start + 1024]], weights) for start in blocks])


def _deletions_dtype(alignments: Sequence[Alignment]) -> np.dtype:
    """One byte, two where a row has an insertion over 255: a cell of the features costs 2 or 3 bytes, not 8."""
    return np.min_scalar_type(max(int(a.deletions.max(initial=0)) for a in alignments))


def _join(arrays: Sequence[np.ndarray], rows: Sequence[np.ndarray], dtype: np.dtype) -> np.ndarray:
    if len(arrays) == 1 and len(rows[0]) == len(arrays[0]) and arrays[0].dtype == dtype:
        return arrays[0]  # nothing to drop: no second copy of a large MSA
    joined = np.empty((sum(map(len, rows)), arrays[0].shape[1]), dtype)
    start = 0
    for array, keep in zip(arrays, rows, strict=True):
        for row in keep:  # row by row: no temporary the size of the MSA
            joined[start] = array[row]
            start += 1
    return joined
