# SPDX-License-Identifier: Apache-2.0
"""Clean-up: missing atoms, hydrogens, ends of chains, disulphide bonds, and the same every time."""

from __future__ import annotations

import random
import sys
import threading
from dataclasses import replace

import numpy as np
from relax_cases import crowded_ends, helix, placed, without

from af2cpu.chemistry.residues import ATOM37_INDEX
from af2cpu.records import Protein
from af2cpu.relax import cleanup
from af2cpu.relax.cleanup import Cleaned, clean
from af2cpu.relax.segments import segments


def _cleaned(protein: Protein, seed: int = 0) -> Cleaned:
    return clean(protein, segments(protein)[0], seed)


def _names(cleaned: Cleaned, row: int) -> set[str]:
    return {atom.name for atom in cleaned.topology.atoms() if cleaned.row[atom.index] == row}


def test_given_atoms_do_not_move_by_a_bit() -> None:
    protein = helix()
    protein = replace(
        protein, atom_positions=protein.atom_positions + np.float32(0.00003)
    )  # finer than a file's digits
    cleaned = _cleaned(protein)
    given = cleaned.given
    assert given.sum() == protein.atom_mask.sum()
    expected = protein.atom_positions[cleaned.row[given], cleaned.atom37[given]]
    np.testing.assert_array_equal(cleaned.positions[given].astype(np.float32), expected)


def test_ends_of_chains_and_protons() -> None:
    cleaned = _cleaned(helix("SAKDHG"))
    assert {"H", "H2", "H3"} <= _names(cleaned, 0)
    assert "OXT" in _names(cleaned, 5)
    assert {"HZ1", "HZ2", "HZ3"} <= _names(cleaned, 2)  # charged at pH 7
    assert "HD2" not in _names(cleaned, 3)
    assert len({"HD1", "HE2"} & _names(cleaned, 4)) == 1
    assert not cleaned.artificial.any()
    assert cleaned.notes == ()


def test_ends_at_a_gap_are_artificial() -> None:
    cleaned = _cleaned(helix("SAKXDRE"))
    artificial = {
        (int(cleaned.row[atom.index]), atom.name) for atom in cleaned.topology.atoms() if cleaned.artificial[atom.index]
    }
    assert artificial == {(2, "OXT"), (4, "H2"), (4, "H3")}


def test_missing_atoms_are_added_and_named() -> None:
    cleaned = _cleaned(without(helix(), 6, "CG", "CD1", "CD2"))
    assert cleaned.notes == ("3 missing heavy atoms added: A/7 LEU",)
    assert {"CG", "CD1", "CD2"} <= _names(cleaned, 6)
    cg = [atom.index for atom in cleaned.topology.atoms() if atom.name == "CG" and cleaned.row[atom.index] == 6]
    assert not cleaned.given[cg].any()


def test_near_sulphurs_are_bonded_two_by_two() -> None:
    protein = helix("ACAACAACAAG")
    at = protein.atom_positions[1, ATOM37_INDEX["SG"]]
    protein = placed(protein, 4, "SG", at + np.float32([0.0, 0.0, 1.0]))
    protein = placed(protein, 7, "SG", at + np.float32([0.0, 0.0, 2.5]))
    cleaned = _cleaned(protein)
    bonds = [bond for bond in cleaned.topology.bonds() if bond[0].name == bond[1].name == "SG"]
    assert len(bonds) == 1
    assert sum("HG" in _names(cleaned, row) for row in (1, 4, 7)) == 1


def test_seed_decides_and_python_s_generator_is_left_alone() -> None:
    random.seed(11)
    expected = random.random()
    random.seed(11)
    first = _cleaned(helix(), seed=3)
    assert random.random() == expected
    np.testing.assert_array_equal(first.positions, _cleaned(helix(), seed=3).positions)
    assert not np.array_equal(first.positions, _cleaned(helix(), seed=4).positions)


def test_draws_of_other_threads_change_nothing() -> None:
    """The event loop of a dask worker draws from Python's global generator while a task runs."""
    expected = _cleaned(helix())
    ended = threading.Event()

    def draw() -> None:
        while not ended.wait(1e-5):
            random.random()

    thread = threading.Thread(target=draw)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread.start()
    try:
        found = _cleaned(helix())
    finally:
        ended.set()
        thread.join()
        sys.setswitchinterval(interval)
    np.testing.assert_array_equal(found.positions, expected.positions)


def test_seed_decides_where_random_dynamics_ends() -> None:
    """OpenMM takes another seed each time if it is given 0, which is the default of the settings."""
    first, again, other = (_cleaned(crowded_ends(), seed) for seed in (0, 0, 1))
    added = ~first.given & (first.atom37 >= 0)
    np.testing.assert_array_equal(first.positions, again.positions)
    assert not np.array_equal(first.positions[added], other.positions[added])


def test_openmm_takes_any_seed_of_the_settings() -> None:
    assert cleanup._openmm_seed(0) == 1
    assert cleanup._openmm_seed(2**31 - 2) == 2**31 - 1  # the greatest int of 32 bits
    assert cleanup._openmm_seed(2**70) in range(1, 2**31)
