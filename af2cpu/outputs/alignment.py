"""The MSA of the features as a3m text."""

from __future__ import annotations

import numpy as np

from af2cpu.chemistry.residues import HHBLITS_ORDER
from af2cpu.records import Features


def a3m_text(features: Features, name: str) -> bytes:
    """All rows, the query first under its name. What was inserted is known by its length only: as many x.

    Reading it gives the same codes and deletions.
    """
    letters = np.frombuffer(HHBLITS_ORDER.encode(), np.uint8)
    lines = []
    for row, (codes, deletions) in enumerate(zip(features.msa, features.deletion_matrix_int, strict=True)):
        text = letters[codes]
        if deletions.any():
            places = np.repeat(np.arange(len(codes)), deletions)
            text = np.insert(text, places, ord("x"))
        lines.append(f">{name if row == 0 else f'{name}_{row}'}\n".encode() + text.tobytes() + b"\n")
    return b"".join(lines)
