# SPDX-License-Identifier: Apache-2.0
"""Which chains of two predictions of one complex correspond: copies of a chain may have changed places."""

from __future__ import annotations

import numpy as np

from af2cpu.chemistry.residues import CA
from af2cpu.geometry.superposition import apply, rmsd, superpose
from af2cpu.records import Chains, Prediction


def corresponding(moving: Prediction, fixed: Prediction) -> np.ndarray:
    """For each residue of `fixed` the residue of `moving` that takes its place, int [n_res]; predictions of one query.

    Copies are matched as in AlphaFold-Multimer's loss (Evans et al. 2021, permutation alignment): one chain of `fixed`
    is superposed with each of its copies in `moving` in turn, then every other chain takes the copy whose centre is
    nearest; the matching of the lowest C-alpha RMSD counts, and the given order if none is lower.
    """
    order = np.arange(len(fixed.aatype))
    copies = _copies(fixed.chains)
    present = fixed.atom_mask[:, CA] > 0  # X has no atoms
    if len(copies) == fixed.chains.n_chains or not present.any():
        return order
    at, to = (one.atom_positions[:, CA].astype(np.float64) for one in (moving, fixed))
    matchings = [order, *_matchings(copies, at, to, present)]
    return min(matchings, key=lambda one: round(rmsd(at[one][present], to[present]), 6))


def _copies(chains: Chains) -> list[list[np.ndarray]]:
    """The residues of each chain, by its sequence: int [length] each."""
    found: dict[int, list[np.ndarray]] = {}
    for number in dict.fromkeys(chains.asym_id.tolist()):
        residues = np.flatnonzero(chains.asym_id == number)
        found.setdefault(int(chains.entity_id[residues[0]]), []).append(residues)
    return list(found.values())


def _matchings(
    copies: list[list[np.ndarray]], moving: np.ndarray, fixed: np.ndarray, present: np.ndarray
) -> list[np.ndarray]:
    """One for each copy of the chain that has the fewest copies; of several such chains the longest."""
    seen = [[chain[present[chain]] for chain in chains] for chains in copies]
    anchor = min((k for k, chains in enumerate(seen) if len(chains[0])), key=lambda k: (len(seen[k]), -len(seen[k][0])))
    matchings = []
    for candidate in seen[anchor]:
        frame = superpose(moving[candidate], fixed[seen[anchor][0]], np.ones(len(candidate)))
        order = np.empty(len(fixed), int)
        for chains, visible in zip(copies, seen, strict=True):
            for k, taken in enumerate(_nearest(apply(frame, moving), fixed, visible)):
                order[chains[k]] = chains[taken]
        matchings.append(order)
    return matchings


def _nearest(moving: np.ndarray, fixed: np.ndarray, chains: list[np.ndarray]) -> list[int]:
    """For each chain the copy whose centre is nearest and that no chain before has taken."""
    if len(chains) == 1 or not len(chains[0]):
        return list(range(len(chains)))
    centres = np.stack([moving[chain].mean(axis=0) for chain in chains])
    taken: list[int] = []
    for chain in chains:
        distances = np.linalg.norm(centres - fixed[chain].mean(axis=0), axis=1)
        distances[taken] = np.inf
        taken.append(int(distances.argmin()))
    return taken
