# SPDX-License-Identifier: Apache-2.0
"""Predictions that tests make up: whole residues of ideal atoms, strewn about, with random confidence."""

from __future__ import annotations

from typing import Any

import numpy as np

from af2cpu.chemistry.residues import ATOM37_EXISTS, aatype_of
from af2cpu.records import ChainPairs, Chains, Prediction

MAX_PAE = 31.75  # angstrom, of AlphaFold 2's head


def prediction(
    sequence: str, *, seed: int = 0, model: str = "model_1_ptm", ptm: float | None = 0.625, **changes: Any
) -> Prediction:
    """A prediction of `sequence`, of a complex `AAA:BBB`; without `ptm` there is no PAE either. `changes` replace
    fields."""
    parts = sequence.split(":")
    letters = "".join(parts)
    rng = np.random.default_rng([seed, len(letters)])
    n_res = len(letters)
    aatype = aatype_of(letters)
    centres = np.cumsum(rng.normal(0, 2.2, (n_res, 1, 3)), axis=0)
    fields: dict[str, Any] = {
        "model": model,
        "aatype": aatype,
        "residue_index": np.concatenate([np.arange(len(part), dtype=np.int32) for part in parts]),
        "atom_positions": (centres + rng.normal(0, 1.5, (n_res, 37, 3))).astype(np.float32),
        "atom_mask": ATOM37_EXISTS[aatype],
        "plddt": rng.uniform(20, 99, n_res).astype(np.float32),
        "pae": None if ptm is None else rng.uniform(0.25, MAX_PAE, (n_res, n_res)).astype(np.float32),
        "max_pae": None if ptm is None else MAX_PAE,
        "ptm": ptm,
        "passes": 4,
        "changes": (0.0, 3.5, 1.25, 0.5),
        **vars(Chains.of(parts)),
    }
    if len(parts) > 1 and ptm is not None:
        fields |= {"iptm": 0.375, "chain_pairs": chain_pairs(rng, len(parts))}
    return Prediction(**fields | changes)


def chain_pairs(rng: np.random.Generator, n_chains: int) -> ChainPairs:
    """Symmetric matrices of random scores."""
    upper = np.triu(rng.uniform(0.1, 0.9, (3, n_chains, n_chains)), 1).astype(np.float32)
    alone, together, active = upper + upper.transpose(0, 2, 1)
    return ChainPairs(alone + np.diag(rng.uniform(0.1, 0.9, n_chains)).astype(np.float32), together, active, 0.5)
