# SPDX-License-Identifier: Apache-2.0
"""The chains of a complex."""

from __future__ import annotations

import numpy as np

from af2cpu.records import Chain, Chains, Query


def test_chains_of_a_complex() -> None:
    """Numbers count from 1; entities by first appearance, copies within their entity."""
    chains = Chains.of(["MKV", "GG", "MKV"])
    assert chains.asym_id.tolist() == [1, 1, 1, 2, 2, 3, 3, 3]
    assert chains.entity_id.tolist() == [1, 1, 1, 2, 2, 1, 1, 1]
    assert chains.sym_id.tolist() == [1, 1, 1, 1, 1, 2, 2, 2]
    assert chains.asym_id.dtype == np.int32


def test_a_protein_is_a_complex_of_one_chain() -> None:
    assert all((numbers == 1).all() and len(numbers) == 5 for numbers in vars(Chains.one(5)).values())


def test_residues_know_the_identifiers_of_their_chains() -> None:
    assert Chains.of(["MKV", "GG"]).ids.tolist() == ["A", "A", "A", "B", "B"]


def test_chains_know_their_residues() -> None:
    assert Chains.of(["MKV", "G", "MKV"]).spans == {"A": range(3), "B": range(3, 4), "C": range(4, 7)}
    assert Chains.one(2).spans == {"A": range(2)}
    assert Chains.one(0).spans == {}


def test_a_query_has_its_chains_in_the_users_order() -> None:
    query = Query("ab", "MKV:GG", "a receptor", "file")
    assert query.chains == (Chain("A", "MKV", "a receptor"), Chain("B", "GG", "a receptor"))
    assert (query.n_chains, query.n_res) == (2, 5)
    named = Query("ab", "MKV:GG", "", "file", ("bait", "prey"))
    assert [chain.name for chain in named.chains] == ["bait", "prey"]


def test_a_protein_is_a_query_of_one_chain() -> None:
    query = Query("a", "MKV", "a protein", "file")
    assert query.chains == (Chain("A", "MKV", "a protein"),)
    assert (query.n_chains, query.n_res) == (1, 3)
