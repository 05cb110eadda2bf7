# SPDX-License-Identifier: Apache-2.0
"""Records that the tests of outputs make up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np

from af2cpu.chemistry.residues import ATOM37, HHBLITS_AA_TO_ID, aatype_of
from af2cpu.records import Atoms, Chains, Features, Prediction, Provenance, Relaxed

PROVENANCE = Provenance("a protein", "protein", "1.2.3", "params_model_1_ptm.npz", date(2026, 3, 4))


def features(sequence: str, n_seq: int, seed: int = 0) -> Features:
    """Features with an alignment of rows that keep some of the query's letters, begin and end somewhere."""
    rng = np.random.default_rng([seed, len(sequence), n_seq])
    n_res = len(sequence)
    query = np.array([HHBLITS_AA_TO_ID[letter] for letter in sequence], np.uint8)
    msa = np.where(rng.random((n_seq, n_res)) < rng.random((n_seq, 1)), query, rng.integers(0, 20, (n_seq, n_res)))
    bounds = np.sort(rng.integers(0, n_res + 1, (n_seq, 2)), axis=1)
    places = np.arange(n_res)
    msa[(places < bounds[:, :1]) | (places >= bounds[:, 1:])] = HHBLITS_AA_TO_ID["-"]
    msa[0] = query
    deletions = rng.poisson(0.2, (n_seq, n_res)).astype(np.uint8)
    deletions[0] = 0
    return Features(
        aatype=np.eye(21, dtype=np.float32)[aatype_of(sequence)],
        between_segment_residues=np.zeros(n_res, np.int32),
        domain_name=np.array([b"a protein"]),
        residue_index=np.arange(n_res, dtype=np.int32),
        seq_length=np.full(n_res, n_res, np.int32),
        sequence=np.array([sequence.encode()]),
        msa=msa.astype(np.uint8),
        deletion_matrix_int=deletions,
        num_alignments=np.full(n_res, n_seq, np.int32),
        msa_species_identifiers=np.array([b""] * n_seq),
        template_aatype=np.zeros((0, n_res, 22), np.float32),
        template_all_atom_positions=np.zeros((0, n_res, 37, 3), np.float32),
        template_all_atom_masks=np.zeros((0, n_res, 37), np.float32),
        template_domain_names=np.array([], np.bytes_),
        template_sequence=np.array([], np.bytes_),
        template_sum_probs=np.zeros((0, 1), np.float32),
    )


def complex_features(sequences: Sequence[str], n_paired: int, n_own: int) -> Features:
    """Features of a complex as `features.complex` lays them out: the queries, paired rows, each sequence's own rows.

    The first paired row lacks the last sequence where there are three or more. Copies have the same rows.
    """
    chains = Chains.of(sequences)
    distinct = list(dict.fromkeys(sequences))
    n_seq = n_paired + 1 + n_own * len(distinct)
    parts = {one: features(one, n_seq, seed) for seed, one in enumerate(distinct)}
    msa = np.concatenate([parts[one].msa for one in sequences], axis=1)
    deletions = np.concatenate([parts[one].deletion_matrix_int for one in sequences], axis=1)
    gaps = np.zeros(msa.shape, bool)
    for number in range(len(distinct)):
        first = n_paired + 1 + number * n_own
        gaps[first : first + n_own] = chains.entity_id != number + 1
    if len(distinct) > 2 and n_paired:
        gaps[1] = chains.entity_id == len(distinct)
    firsts = np.flatnonzero(np.diff(chains.asym_id, prepend=0))  # residues: no row happens to have gaps only
    msa[:, firsts] = 0
    msa[0] = np.concatenate([parts[one].msa[0] for one in sequences])
    msa[gaps], deletions[gaps] = HHBLITS_AA_TO_ID["-"], 0
    species = np.array([b"", *(b"SP%d" % k for k in range(n_paired)), *([b""] * (n_seq - n_paired - 1))])
    together = features("".join(sequences), n_seq)
    return replace(
        together,
        msa=msa,
        deletion_matrix_int=deletions,
        msa_species_identifiers=species,
        residue_index=np.concatenate([np.arange(len(one), dtype=np.int32) for one in sequences]),
        sequence=np.array([one.encode() for one in sequences]),
        domain_name=np.array([b"a chain"] * len(sequences)),
        **vars(chains),
    )


def with_hydrogens(prediction: Prediction, shift: float) -> Atoms:
    """The predicted atoms moved (angstrom), and a hydrogen HA for each residue that has atoms, at the moved N."""
    residue, slot = np.nonzero(prediction.atom_mask >= 0.5)
    position = prediction.atom_positions[residue, slot].astype(np.float64) + shift
    rows, first = np.unique(residue, return_index=True)
    order = np.argsort(np.concatenate([residue, rows]), kind="stable")
    name = np.concatenate([np.array(ATOM37)[slot], np.full(len(rows), "HA")])[order]
    return Atoms(
        residue=np.concatenate([residue, rows])[order],
        name=name,
        element=np.array([one[0] for one in name.tolist()]),
        position=np.concatenate([position, position[first]])[order],
    )


def relaxed(prediction: Prediction, *, works: bool = True) -> Relaxed:
    """A result of relaxation: everything moved by 1 A, one hydrogen more per residue, one violation left."""
    violations = np.zeros(len(prediction.aatype), bool)
    violations[-1] = True
    return Relaxed(
        relaxed=works,
        reason=None if works else "it would not",
        atom_positions=prediction.atom_positions + np.float32(1),
        atom_mask=prediction.atom_mask,
        atoms=with_hydrogens(prediction, 1.0),
        violations_before=violations,
        violations_after=violations,
        energy_before_kcal_mol=1.0,
        energy_after_kcal_mol=0.0,
        rmsd_heavy=1.7,
        rounds=1,
        steps=1,
        seconds=0.1,
    )
