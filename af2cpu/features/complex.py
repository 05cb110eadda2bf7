# SPDX-License-Identifier: Apache-2.0
"""The features of a complex from those of its chains.

As AlphaFold-Multimer's feature_processing.py: paired rows on top, below them each entity's own rows in a block with
gaps beside it, its copies side by side. DEVIATION: chains keep the user's order, where AlphaFold 2 groups copies; the
network does not depend on it. tests/parity/features/test_complex.py
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from af2cpu.chemistry.residues import HHBLITS_AA_TO_ID
from af2cpu.features.msa import msa_features, row_digests, row_names, species
from af2cpu.features.pairing import GAP, NamedRows, paired_rows
from af2cpu.formats.chain_templates import joined_names
from af2cpu.records import Alignment, Chains, Features

_MAX_ROWS = 2048  # of each chain, paired and own
_MAX_PAIRED = 1024
_MAX_TEMPLATES = 4


def merge_chains(chains: Sequence[Features], paired: Sequence[NamedRows] = ()) -> Features:
    """The features of a complex of these chains, in their order; chains of one sequence are copies. One chain is
    returned as it is.

    paired: for each chain the rows that are side by side in the complex's MSA, the first one the query; as
    `pair_by_species` and `pair_as_given` make them. Empty: the queries alone. Not used where all chains are copies.
    """
    if len(chains) == 1:
        return chains[0]
    msa = _stack(_choose([_rows(chain) for chain in chains], paired, _first_copies(chains)))
    n_seq, n_res = msa.msa.shape
    return Features(
        aatype=np.concatenate([chain.aatype for chain in chains]),
        between_segment_residues=np.concatenate([chain.between_segment_residues for chain in chains]),
        domain_name=np.concatenate([chain.domain_name for chain in chains]),
        residue_index=np.concatenate([chain.residue_index for chain in chains]),
        seq_length=np.full(n_res, n_res, np.int32),
        sequence=np.concatenate([chain.sequence for chain in chains]),
        msa=msa.msa,
        deletion_matrix_int=msa.deletions,
        num_alignments=np.full(n_res, n_seq, np.int32),
        msa_species_identifiers=msa.species,
        **_templates(chains),
        **vars(Chains.of(_sequences(chains))),
    )


def names_of_rows(
    chains: Sequence[Features], names: Sequence[Sequence[str]], paired: Sequence[NamedRows] = ()
) -> list[list[str]]:
    """For each distinct sequence the names of its rows in the MSA that `merge_chains` makes of the same chains; empty
    where it has gaps. names: for each chain those of the rows of its features."""
    if len(chains) == 1:
        return [list(names[0])]
    rows = [_rows(chain, of_chain) for chain, of_chain in zip(chains, names, strict=True)]
    chosen = _choose(rows, paired, _first_copies(chains))
    found = []
    for k in chosen.own:
        of_sequence = chosen.paired[k].names.tolist() if chosen.paired else []
        for other, block in chosen.own.items():
            of_sequence += block.names.tolist() if other == k else [""] * len(block.names)
        found.append(of_sequence)
    return found


def _sequences(chains: Sequence[Features]) -> list[str]:
    return [bytes(chain.sequence[0]).decode() for chain in chains]


def _first_copies(chains: Sequence[Features]) -> list[int]:
    """For each chain the number of the first one with its sequence."""
    sequences = _sequences(chains)
    return [sequences.index(sequence) for sequence in sequences]


def _rows(chain: Features, names: Sequence[str] = ()) -> NamedRows:
    named = np.array([*names] or [""] * chain.n_seq, object)
    return NamedRows(chain.msa, chain.deletion_matrix_int, chain.msa_species_identifiers, named)


class _Chosen(NamedTuple):
    """The rows of a complex's MSA."""

    paired: Sequence[NamedRows]  # of each chain; empty where all are copies
    own: dict[int, NamedRows]  # of each distinct sequence, by the number of its first chain, in order
    first: Sequence[int]  # for each chain the number of the first one with its sequence


def _choose(rows: Sequence[NamedRows], paired: Sequence[NamedRows], first: Sequence[int]) -> _Chosen:
    """AlphaFold-Multimer's deduplication and crop. rows: of each chain, its own."""
    own = {k: rows[k] for k in sorted(set(first))}
    if len(own) == 1:
        paired = ()
    else:
        paired = paired or [of_chain.part(slice(1)) for of_chain in rows]
        own = {k: _without(of_chain, paired[k]) for k, of_chain in own.items()}
        paired = [of_chain.part(slice(_MAX_PAIRED)) for of_chain in paired]
    rooms = {k: _MAX_ROWS - (_n_real(paired[k]) if paired else 0) for k in own}
    return _Chosen(paired, {k: of_chain.part(slice(rooms[k])) for k, of_chain in own.items()}, first)


def pair_by_species(sequences: Sequence[str], alignments: Mapping[str, Alignment]) -> list[NamedRows]:
    """For each chain its rows of the paired MSA.

    alignments: by sequence, with species in the names of their rows (UniProt's). A sequence without one has no row but
    itself. Raises InputError where an alignment belongs to another sequence.
    """
    named = {
        sequence: _named_rows(sequence, alignments[sequence]) if sequence in alignments else _alone(sequence)
        for sequence in dict.fromkeys(sequences)
    }
    chains = [named[sequence] for sequence in sequences]
    pairs = paired_rows(chains)
    return [rows.take(pairs[:, chain]) for chain, rows in enumerate(chains)]


def pair_as_given(sequences: Sequence[str], alignments: Mapping[str, Alignment]) -> list[NamedRows]:
    """For each chain its rows of the paired MSA, from rows that are paired already; the first one is the queries'.

    alignments: by sequence, as many rows each: row k of one belongs to row k of the others. Rows that repeat an earlier
    one letter by letter in all sequences are left out, as in every alignment.
    """
    distinct = list(dict.fromkeys(sequences))
    digests = np.concatenate([row_digests(alignments[sequence]) for sequence in distinct], axis=1)
    _, first = np.unique(digests, axis=0, return_index=True)
    kept = np.sort(first)
    named = {sequence: _chosen_rows(alignments[sequence], kept) for sequence in distinct}
    return [named[sequence] for sequence in sequences]


def _chosen_rows(alignment: Alignment, kept: np.ndarray) -> NamedRows:
    deletions = alignment.deletions[kept]
    return NamedRows(
        alignment.msa[kept],
        deletions.astype(np.min_scalar_type(int(deletions.max()))),
        np.array([species(alignment.names[row]).encode() for row in kept.tolist()]),
        np.array([alignment.names[row] for row in kept.tolist()], object),
    )


def _alone(sequence: str) -> NamedRows:
    codes = np.array([[HHBLITS_AA_TO_ID[letter] for letter in sequence]], np.uint8)
    return NamedRows(codes, np.zeros_like(codes), np.array([b""]), np.array([""], object))


def _named_rows(sequence: str, alignment: Alignment) -> NamedRows:
    features, names = msa_features(sequence, [alignment]), np.array(row_names([alignment]), object)
    return NamedRows(features["msa"], features["deletion_matrix_int"], features["msa_species_identifiers"], names)


def _without(rows: NamedRows, paired: NamedRows) -> NamedRows:
    """Rows that no paired row of this chain equals."""
    known = {row.tobytes() for row in paired.msa}
    keep = np.array([row.tobytes() not in known for row in rows.msa], bool)
    return rows.part(keep)


def _n_real(rows: NamedRows) -> int:
    return int((rows.msa != GAP).any(axis=1).sum())


def _stack(chosen: _Chosen) -> NamedRows:
    """All rows of the complex, without their names."""
    paired, own, first = chosen
    lengths = [own[k].msa.shape[1] for k in first]
    ends = np.cumsum(lengths)
    columns = [slice(end - length, end) for end, length in zip(ends, lengths, strict=True)]
    n_paired = len(paired[0].msa) if paired else 0
    n_rows = n_paired + sum(len(rows.msa) for rows in own.values())
    deletions_type = np.result_type(*(rows.deletions for rows in (*paired, *own.values())))
    msa = np.full((n_rows, ends[-1]), GAP, np.uint8)
    deletions = np.zeros(msa.shape, deletions_type)
    species = [_species(paired)]
    for chain, rows in enumerate(paired):
        msa[:n_paired, columns[chain]], deletions[:n_paired, columns[chain]] = rows.msa, rows.deletions
    start = n_paired
    for k, rows in own.items():
        block = slice(start, start + len(rows.msa))
        for chain in (chain for chain, one in enumerate(first) if one == k):
            msa[block, columns[chain]], deletions[block, columns[chain]] = rows.msa, rows.deletions
        species.append(rows.species)
        start = block.stop
    return NamedRows(msa, deletions, np.concatenate(species), np.full(n_rows, "", object))


def _species(paired: Sequence[NamedRows]) -> np.ndarray:
    """Of each paired row, from any chain that has residues there."""
    if not paired:
        return np.array([], np.bytes_)
    return np.array([max(row) for row in zip(*(rows.species.tolist() for rows in paired), strict=True)], np.bytes_)


def _templates(chains: Sequence[Features]) -> dict[str, np.ndarray]:
    """Template k of each chain in row k: a chain with fewer has zeros there."""
    n_templ = min(_MAX_TEMPLATES, max(chain.n_templ for chain in chains))

    def padded(array: np.ndarray) -> np.ndarray:
        array = array[:n_templ]
        return np.pad(array, [(0, n_templ - len(array))] + [(0, 0)] * (array.ndim - 1))

    arrays = ("template_aatype", "template_all_atom_positions", "template_all_atom_masks")
    joined = {name: np.concatenate([padded(getattr(chain, name)) for chain in chains], axis=1) for name in arrays}
    names, texts = [], []
    for k in range(n_templ):
        names.append(
            joined_names([bytes(chain.template_domain_names[k]) if k < chain.n_templ else b"" for chain in chains])
        )
        texts.append(
            b"".join(bytes(chain.template_sequence[k]) if k < chain.n_templ else b"-" * chain.n_res for chain in chains)
        )
    return joined | {
        "template_domain_names": np.array(names, None if n_templ else "S1"),
        "template_sequence": np.array(texts, None if n_templ else "S1"),
        "template_sum_probs": np.zeros((n_templ, 1), np.float32),
    }
