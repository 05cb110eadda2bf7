# SPDX-License-Identifier: Apache-2.0
"""Which residues are relaxed and how they hang together: unbroken runs of whole residues within a chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from af2cpu.chemistry.residues import CA, RESNAMES, UNKNOWN, C, N
from af2cpu.formats.chain import bonded
from af2cpu.records import Protein

_SAME_PLACE = 1e-3  # angstrom, the last digit of a PDB file
_JUMP = 200  # between the running numbers of residues that are not bonded


@dataclass(frozen=True)
class Segment:
    """Rows start..stop-1 of a protein, bonded one to the next."""

    start: int
    stop: int
    chain_begins: bool  # its first residue is the chain's first
    chain_ends: bool


def running_index(protein: Protein) -> np.ndarray:
    """int [n_res]: differs by 1 between bonded neighbours and by more between all others, chains included.

    Neighbours in a chain are bonded if C and N are close. In a prediction (`numbers_bond`) they also are if their
    numbers follow each other: it may have torn them apart, and the bond is to be mended.
    """
    links = _same_chain(protein) & (_close(protein) | (_numbers_follow(protein) & protein.numbers_bond))
    return np.concatenate([[0], np.cumsum(np.where(links, 1, _JUMP))])


def _same_chain(protein: Protein) -> np.ndarray:
    """bool [n_res - 1], of each residue and the next."""
    return np.asarray(protein.chain_ids[1:] == protein.chain_ids[:-1])


def _numbers_follow(protein: Protein) -> np.ndarray:
    return np.diff(protein.residue_index) == 1


def _close(protein: Protein) -> np.ndarray:
    both = (protein.atom_mask[:-1, C] > 0) & (protein.atom_mask[1:, N] > 0)
    return both & bonded(protein.atom_positions[:-1, C], protein.atom_positions[1:, N])


def segments(protein: Protein) -> tuple[list[Segment], tuple[str, ...]]:
    """The segments to relax, and a line for each kind of residue that is left out.

    X has no force field, a residue without N, CA and C has no place to build on, and a residue alone, between two gaps
    or as a whole chain, would be both ends of a chain at once, which the force field doesn't know.
    """
    unknown = protein.aatype == UNKNOWN
    broken = ~unknown & ~(protein.atom_mask[:, [N, CA, C]] > 0).all(axis=1)
    index = running_index(protein)
    runs: list[Segment] = []
    alone: list[int] = []
    chains_of_one: list[int] = []
    for rows in _runs(np.flatnonzero(~unknown & ~broken), index):
        start, stop = int(rows[0]), int(rows[-1]) + 1
        begins = start == 0 or bool(protein.chain_ids[start - 1] != protein.chain_ids[start])
        ends = stop == protein.n_res or bool(protein.chain_ids[stop] != protein.chain_ids[start])
        if len(rows) > 1:
            runs.append(Segment(start, stop, begins, ends))
        else:
            (chains_of_one if begins and ends else alone).append(start)
    notes = (
        _left_out(protein, np.flatnonzero(unknown), "unknown to the force field"),
        _left_out(protein, np.flatnonzero(broken), "without N, CA or C"),
        _left_out(protein, alone, "alone between gaps"),
        _left_out(protein, chains_of_one, "a chain of one residue"),
        _gaps(protein, index),
    )
    return runs, tuple(note for note in notes if note)


def coinciding(protein: Protein) -> np.ndarray:
    """int, ascending: residues whose N, CA and C have the places of another residue's, as where a chain is twice in it.

    pdbfixer would look for places of their missing atoms without end.
    """
    whole = np.flatnonzero((protein.atom_mask[:, [N, CA, C]] > 0).all(axis=1))
    place = protein.atom_positions[whole][:, [N, CA, C]].reshape(-1, 9)
    order = np.argsort(place[:, 0], kind="stable")
    place = place[order]
    found = np.zeros(len(order), bool)
    for step in range(1, len(order)):
        apart = place[step:] - place[:-step]
        if apart[:, 0].min() > _SAME_PLACE:  # so are all that are farther apart in the order
            break
        same = (np.abs(apart) < _SAME_PLACE).all(axis=1)
        found[step:] |= same
        found[:-step] |= same
    return np.sort(whole[order[found]])


def _gaps(protein: Protein, index: np.ndarray) -> str:
    """A line for neighbours that are not bonded although their numbers follow each other."""
    whole: np.ndarray = np.all(protein.atom_mask[:, [N, C]] > 0, axis=1)
    rows = np.flatnonzero(
        _same_chain(protein) & _numbers_follow(protein) & (np.diff(index) > 1) & whole[1:] & whole[:-1]
    )
    if len(rows) == 0:
        return ""
    return f"no bond to the next residue, whose N is too far away; the gap is left open: {names(protein, rows)}"


def _runs(rows: np.ndarray, index: np.ndarray) -> list[np.ndarray]:
    if len(rows) == 0:
        return []
    follows = (np.diff(rows) == 1) & (np.diff(index[rows]) == 1)
    return np.split(rows, np.flatnonzero(~follows) + 1)


def _left_out(protein: Protein, rows: Sequence[int] | np.ndarray, why: str) -> str:
    if len(rows) == 0:
        return ""
    return f"left out of the relaxation and kept as given: {names(protein, rows)} ({why})"


def names(protein: Protein, rows: Sequence[int] | np.ndarray, most: int = 8) -> str:
    """Residues as text, such as 'A/12 UNK, A/40 UNK and 3 more'."""
    shown = [
        f"{protein.chain_ids[row]}/{protein.residue_index[row]}{protein.insertion_codes[row]} "
        f"{RESNAMES[protein.aatype[row]]}"
        for row in rows[:most]
    ]
    more = f" and {len(rows) - most} more" if len(rows) > most else ""
    return ", ".join(shown) + more
