# SPDX-License-Identifier: Apache-2.0
"""The MSA of the features as a3m text, of a complex in ColabFold's form.

Columns of a complex's a3m are those of its distinct sequences, one after the other; copies of a chain have the same
rows. A row with residues of several sequences is paired: below the queries side by side come the paired rows, then for
each sequence its query and its own rows, with gaps in the columns of the others (ColabFold's colabfold/input.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from af2cpu.chemistry.residues import HHBLITS_AA_TO_ID, HHBLITS_ORDER
from af2cpu.records import Features

_FIRST_QUERY = 101  # ColabFold's name of the first sequence; the others count on
_GAP = HHBLITS_AA_TO_ID["-"]
_BETWEEN_NAMES, _NAMELESS = "\t", "-"  # of the parts of a paired row
_Row = tuple[str, int, np.ndarray | None]  # name, row of the MSA, columns outside of which it has gaps


def a3m_text(features: Features, names: Sequence[Sequence[str]], *, paired_only: bool = False) -> bytes:
    """All rows as ColabFold writes them: a line `#lengths<TAB>copies`, the query as 101, the hits by their names.

    names: for each distinct sequence those of its n_seq rows, empty where it has gaps; the first one, the query's, is
    not used. The letters of insertions are not kept in features: as many x are written. Reading the text gives the same
    codes and deletions; rows of a complex without a residue are left out. paired_only: without the sequences' own rows.
    Raises ValueError for too few names.
    """
    columns, copies = _distinct(features)
    if [len(one) for one in names] != [features.n_seq] * len(columns):
        raise ValueError(f"the names are not those of {features.n_seq} rows of {len(columns)} sequences")
    head = ",".join(str(len(one)) for one in columns), ",".join(map(str, copies))
    order = _rows_of_protein(names[0]) if len(columns) == 1 else _rows_of_complex(features, names, columns, paired_only)
    together = np.concatenate(columns)
    text = [f"#{_BETWEEN_NAMES.join(head)}\n".encode()]
    text += [_row_text(name, features, row, together, shown) for name, row, shown in order]
    return b"".join(text)


def _rows_of_protein(names: Sequence[str]) -> Iterator[_Row]:
    yield str(_FIRST_QUERY), 0, None
    for row, name in enumerate(names[1:], start=1):
        yield name, row, None


def _rows_of_complex(
    features: Features, names: Sequence[Sequence[str]], columns: Sequence[np.ndarray], paired_only: bool
) -> Iterator[_Row]:
    queries = [str(_FIRST_QUERY + k) for k in range(len(columns))]
    yield _BETWEEN_NAMES.join(queries), 0, None
    for row in paired_rows(features):
        yield _name_of_pair([of_sequence[row] for of_sequence in names]), row, None
    covered = entities_covered(features)
    alone = covered.sum(axis=1) == 1
    for entity, query in enumerate([] if paired_only else queries):
        yield query, 0, columns[entity]
        for row in np.flatnonzero(alone & covered[:, entity]).tolist():
            yield names[entity][row], row, None


def numbered_names(job: str, features: Features) -> list[list[str]]:
    """Names for rows whose own are not known."""
    return [[f"{job}_{row}" for row in range(features.n_seq)] for _ in np.unique(features.entity_id)]


def _name_of_pair(parts: Sequence[str]) -> str:
    """ColabFold takes a name for each part, so that none may be empty."""
    return _BETWEEN_NAMES.join(" ".join(part.split()) or _NAMELESS for part in parts)


def paired_rows(features: Features) -> list[int]:
    """The rows of a complex's MSA that have residues of several of its sequences; the queries' not counted."""
    return (np.flatnonzero(entities_covered(features)[1:].sum(axis=1) > 1) + 1).tolist()


def entities_covered(features: Features) -> np.ndarray:
    """bool [n_seq, n_entities], of which sequences each row has residues."""
    aligned = features.msa != _GAP
    return np.stack([aligned[:, columns].any(axis=1) for columns in _distinct(features)[0]], axis=1)


def _distinct(features: Features) -> tuple[list[np.ndarray], list[int]]:
    """The columns of each distinct sequence, in its first copy, and how many copies it has."""
    numbers, chains = features.entity_id, features.chains
    first = [np.flatnonzero((numbers == one) & (chains.sym_id == 1)) for one in np.unique(numbers).tolist()]
    copies = [int(chains.sym_id[numbers == one].max()) for one in np.unique(numbers).tolist()]
    return first, copies


def _row_text(name: str, features: Features, row: int, columns: np.ndarray, shown: np.ndarray | None) -> bytes:
    letters = np.frombuffer(HHBLITS_ORDER.encode(), np.uint8)
    codes, deletions = features.msa[row, columns], features.deletion_matrix_int[row, columns]
    if shown is not None:
        hidden = ~np.isin(columns, shown)
        codes[hidden], deletions[hidden] = _GAP, 0
    text = letters[codes]
    if deletions.any():
        places = np.repeat(np.arange(len(codes)), deletions)
        text = np.insert(text, places, ord("x"))
    return f">{name}\n".encode("utf-8", "surrogateescape") + text.tobytes() + b"\n"
