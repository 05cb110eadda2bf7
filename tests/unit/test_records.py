"""The chains of a complex."""

from __future__ import annotations

import numpy as np

from af2cpu.records import Chains


def test_chains_of_a_complex() -> None:
    """Numbers count from 1; entities by first appearance, copies within their entity."""
    chains = Chains.of(["MKV", "GG", "MKV"])
    assert chains.asym_id.tolist() == [1, 1, 1, 2, 2, 3, 3, 3]
    assert chains.entity_id.tolist() == [1, 1, 1, 2, 2, 1, 1, 1]
    assert chains.sym_id.tolist() == [1, 1, 1, 1, 1, 2, 2, 2]
    assert chains.asym_id.dtype == np.int32


def test_a_protein_is_a_complex_of_one_chain() -> None:
    assert all((numbers == 1).all() and len(numbers) == 5 for numbers in vars(Chains.one(5)).values())
