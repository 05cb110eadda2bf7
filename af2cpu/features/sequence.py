# SPDX-License-Identifier: Apache-2.0
"""AlphaFold 2's features of the sequence alone (supplement 1.2.1, Table 1)."""

from __future__ import annotations

import numpy as np

from af2cpu.chemistry.residues import RESTYPES_WITH_X, aatype_of
from af2cpu.errors import InputError


def sequence_features(sequence: str, description: str) -> dict[str, np.ndarray]:
    """Arrays of `records.Features` that follow from the sequence; letters outside the 20 count as X.

    Raises InputError for an empty sequence or anything that is not an upper-case letter.
    """
    if not sequence:
        raise InputError("the sequence is empty")
    for position, letter in enumerate(sequence, start=1):
        if not "A" <= letter <= "Z":
            raise InputError(f"the sequence has {letter!r} at position {position}; upper-case letters are expected")
    n_res = len(sequence)
    return {
        "aatype": np.eye(len(RESTYPES_WITH_X), dtype=np.float32)[aatype_of(sequence)],
        "between_segment_residues": np.zeros(n_res, np.int32),
        "domain_name": np.array([description.encode()]),
        "residue_index": np.arange(n_res, dtype=np.int32),
        "seq_length": np.full(n_res, n_res, np.int32),
        "sequence": np.array([sequence.encode()]),
    }
