"""The MSA of the features as a3m text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from af2cpu.chemistry.residues import HHBLITS_ORDER
from af2cpu.records import Features

_QUERY = "101"  # ColabFold's name of the first chain


def a3m_text(features: Features, names: Sequence[str]) -> bytes:
    """All rows as ColabFold writes them: a line `#length<TAB>copies`, the query as 101, the hits by their names.

    names: n_seq row names; the first one, the query's, is not used. The letters of insertions are not kept in features:
    as many x are written. Reading the text gives the same codes and deletions. Raises ValueError for too few names.
    """
    letters = np.frombuffer(HHBLITS_ORDER.encode(), np.uint8)
    parts = [f"#{features.n_res}\t1\n".encode()]
    rows = zip((_QUERY, *names[1:]), features.msa, features.deletion_matrix_int, strict=True)
    for name, codes, deletions in rows:
        text = letters[codes]
        if deletions.any():
            places = np.repeat(np.arange(len(codes)), deletions)
            text = np.insert(text, places, ord("x"))
        parts.append(f">{name}\n".encode("utf-8", "surrogateescape") + text.tobytes() + b"\n")
    return b"".join(parts)


def numbered_names(job: str, n_seq: int) -> list[str]:
    """Names for rows whose own are not known."""
    return [f"{job}_{row}" for row in range(n_seq)]
