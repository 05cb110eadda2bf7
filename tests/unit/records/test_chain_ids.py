# SPDX-License-Identifier: Apache-2.0
"""Identifiers of chains."""

from af2cpu.records.chain_ids import MAX_IN_PDB, chain_id


def test_one_character_for_as_many_chains_as_a_pdb_file_has_room_for() -> None:
    assert [chain_id(k) for k in (0, 25, 26, 51, 52, 61)] == ["A", "Z", "a", "z", "0", "9"]
    assert MAX_IN_PDB == 62


def test_two_letters_after_that() -> None:
    assert [chain_id(k) for k in (62, 63, 87, 88)] == ["AA", "BA", "ZA", "AB"]


def test_no_two_chains_share_one() -> None:
    ids = [chain_id(k) for k in range(2000)]
    assert len(set(ids)) == len(ids)
    assert {len(one) for one in ids} == {1, 2, 3}
