# SPDX-License-Identifier: Apache-2.0
"""A structure of the user's as the recycled positions of the first pass.

As ColabFold's initial_guess and Bennett's af2_initial_guess (2023, https://doi.org/10.1038/s41467-023-38328-5), whose
files have all residues in the target's order; here chains are matched, and what a file lacks is left unknown.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from af2cpu.chemistry.residues import ATOM37, CA, CB, RESNAMES, RESTYPES, RIGID_GROUP_ATOMS, C, N, O, aatype_of
from af2cpu.errors import InputError
from af2cpu.features.own_template import Structure, read_template, resembles
from af2cpu.features.pairwise import aligned_pairs
from af2cpu.formats.chain import ProteinChain
from af2cpu.formats.streams import name_of
from af2cpu.records import Chain, InitialGuess, Query

_ONLY_OF_TYPE = [atom for atom in range(len(ATOM37)) if atom not in (N, CA, C, CB, O)]
_GLY = RESTYPES.index("G")


def _ideal_betas() -> np.ndarray:
    """[21, 3], angstrom, in the frame of the backbone; glycine and unknown residues have alanine's."""
    places = [{atom: place for atom, _, place in RIGID_GROUP_ATOMS[name]} for name in ("ALA", *RESNAMES)]
    return np.array([of_type.get("CB", places[0]["CB"]) for of_type in places[1:]], np.float32)


_IDEAL_BETA = _ideal_betas()


@dataclass(frozen=True)
class _Match:
    """A chain of the file for one of the target's."""

    chain: Chain
    start: int  # first residue of the chain in the target
    found: ProteinChain
    pairs: Sequence[tuple[int, int]]  # residue of the chain, of the found one


def read_initial_guess(path: str | os.PathLike[str], query: Query) -> InitialGuess:
    """The positions of a target's residues in a PDB or mmCIF file, plain or gzip.

    A chain of the target takes the chain of the file with its sequence, else one whose sequence is a relative's, else
    one of its length, residue by residue (a design whose letters have changed). Where that leaves a chain without one
    and the file has as many residues as the target in all, they are taken in their order. Residues that the file lacks
    are unknown. A missing C-beta, which distances are measured from, is put where N, CA and C have it.

    Raises InputError for a file that can't be read or fits no chain of the target.
    """
    structure = read_template(path)
    matches = _matches(query, structure)
    if not matches:
        lengths = ", ".join(f"{one.name} of {len(one.sequence)}" for one in structure.chains)
        ours = ", ".join(f"{one.id} of {len(one.sequence)}" for one in query.chains)
        raise InputError(
            f"{name_of(Path(path))}: fits no chain of {query.name} ({ours} residues): its chains ({lengths}) have "
            "other lengths and no similar sequence; give a structure of the target"
        )
    return _placed(query, matches, name_of(Path(path)))


_Found = tuple[ProteinChain, Sequence[tuple[int, int]]]  # a chain of the file, and residues of ours and of it


def _matches(query: Query, structure: Structure) -> list[_Match]:
    """At most one for each chain of the target, in its order."""
    found: dict[int, _Found] = {}
    left = list(structure.chains)
    for choose in (_same_sequence, _similar, _same_length):
        for k, chain in enumerate(query.chains):
            one = None if k in found else choose(chain, left)
            if one is not None:
                found[k] = one
                left = [other for other in left if other is not one[0]]
    if len(found) < query.n_chains and sum(len(one.sequence) for one in structure.chains) == query.n_res:
        return list(_in_order(query, structure))
    starts = _starts(query)
    return [_Match(query.chains[k], starts[k], *found[k]) for k in sorted(found)]


def _same_sequence(chain: Chain, left: Sequence[ProteinChain]) -> _Found | None:
    one = next((one for one in left if one.sequence == chain.sequence), None)
    return None if one is None else (one, _one_by_one(chain))


def _similar(chain: Chain, left: Sequence[ProteinChain]) -> _Found | None:
    """The best of those whose sequence certainly is a relative's, such as one with residues missing in the file."""
    query = Query(chain.id, chain.sequence, "", "")
    relatives = [one for one in left if resembles(query, Structure(Path(), [one], ()))]
    aligned = [(one, aligned_pairs(chain.sequence, one.sequence)) for one in relatives]
    best = max(aligned, key=lambda found: _agreeing(chain, *found), default=None)
    return best and _by_length(chain, *best)


def _by_length(chain: Chain, one: ProteinChain, pairs: Sequence[tuple[int, int]]) -> _Found:
    """Residue by residue where the lengths are equal, whatever the letters; else as aligned."""
    return one, _one_by_one(chain) if len(one.sequence) == len(chain.sequence) else pairs


def _same_length(chain: Chain, left: Sequence[ProteinChain]) -> _Found | None:
    """The one with most of its letters; of equal ones the first."""
    fitting = [(one, _one_by_one(chain)) for one in left if len(one.sequence) == len(chain.sequence)]
    return max(fitting, key=lambda found: _agreeing(chain, *found), default=None)


def _agreeing(chain: Chain, one: ProteinChain, pairs: Sequence[tuple[int, int]]) -> int:
    return sum(chain.sequence[i] == one.sequence[j] for i, j in pairs)


def _one_by_one(chain: Chain) -> list[tuple[int, int]]:
    return [(i, i) for i in range(len(chain.sequence))]


def _starts(query: Query) -> list[int]:
    """The first residue of each chain."""
    lengths = [len(chain.sequence) for chain in query.chains]
    return [sum(lengths[:k]) for k in range(len(lengths))]


def _in_order(query: Query, structure: Structure) -> Iterator[_Match]:
    """All residues of the file for all of the target, whatever the chains."""
    whole = ProteinChain(
        name="",
        sequence="".join(one.sequence for one in structure.chains),
        positions=np.concatenate([one.positions for one in structure.chains]),
        mask=np.concatenate([one.mask for one in structure.chains]),
    )
    for start, chain in zip(_starts(query), query.chains, strict=True):
        yield _Match(chain, start, whole, [(i, start + i) for i in range(len(chain.sequence))])


@dataclass
class _Kinds:
    """Residues by what was done with them."""

    other_letter: int = 0
    placed_beta: int = 0
    alpha_as_beta: int = 0
    chains: list[str] = field(default_factory=list)  # of the target, that the file has nothing for


def _placed(query: Query, matches: Sequence[_Match], name: str) -> InitialGuess:
    aatype = aatype_of("".join(chain.sequence for chain in query.chains))
    positions, known = np.zeros((query.n_res, 37, 3), np.float32), np.zeros(query.n_res, bool)
    kinds = _Kinds(chains=[chain.id for chain in query.chains if chain not in [one.chain for one in matches]])
    for match in matches:
        for i, j in match.pairs:
            row, mask = match.start + i, match.found.mask[j].copy()
            if match.chain.sequence[i] != match.found.sequence[j]:
                kinds.other_letter += 1
                mask[_ONLY_OF_TYPE] = 0.0
            positions[row] = match.found.positions[j] * mask[:, None]
            known[row] = mask[CA] > 0
            if known[row] and not mask[CB] and aatype[row] != _GLY:
                positions[row, CB] = _beta(positions[row], mask, int(aatype[row]), kinds)
    if not known.any():
        raise InputError(f"{name}: has no C-alpha atoms; give a structure with the atoms of the backbone at least")
    positions[~known] = 0.0
    return InitialGuess(positions, known, tuple(f"initial guess {name}: {line}" for line in _lines(kinds, known)))


def _beta(positions: np.ndarray, mask: np.ndarray, aatype: int, kinds: _Kinds) -> np.ndarray:
    """[3], angstrom: the ideal place of C-beta in the frame of N, CA and C; without these CA."""
    x, y = _unit(positions[C] - positions[CA]), positions[N] - positions[CA]
    y = _unit(y - x * (x @ y))
    if not (mask[[N, CA, C]].all() and x.any() and y.any()):
        kinds.alpha_as_beta += 1
        return positions[CA]
    kinds.placed_beta += 1
    return positions[CA] + _IDEAL_BETA[aatype] @ np.stack([x, y, np.cross(x, y)])


def _unit(vector: np.ndarray) -> np.ndarray:
    """Zero where there is no direction."""
    length = np.linalg.norm(vector)
    return vector / length if length > 1e-3 else np.zeros_like(vector)


def _lines(kinds: _Kinds, known: np.ndarray) -> Iterator[str]:
    if kinds.chains:
        yield f"has nothing for chain {', '.join(kinds.chains)}; distances from there are unknown in the first pass"
    missing = int((~known).sum())
    if missing:
        yield f"lacks {missing} of {len(known)} residues; distances from there are unknown in the first pass"
    if kinds.other_letter:
        yield f"{kinds.other_letter} residues are of another type than the target's: their backbone counts"
    if kinds.placed_beta:
        yield f"C-beta of {kinds.placed_beta} residues is missing and put where the backbone has it"
    if kinds.alpha_as_beta:
        yield f"{kinds.alpha_as_beta} residues have no whole backbone: their C-alpha counts as C-beta"
