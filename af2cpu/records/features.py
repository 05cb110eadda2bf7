# SPDX-License-Identifier: Apache-2.0
"""The features of a target, before and after a random draw. Names and shapes are AlphaFold 2's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import numpy as np

from af2cpu.records.chains import Chains, complete_chains, not_given
from af2cpu.words import counted


@dataclass(frozen=True, repr=False)
class Features:
    """AlphaFold 2's raw features of a protein or complex, before anything is drawn at random: its names and shapes.

    Given without the numbers of chains it is one chain.
    `msa` and `deletion_matrix_int` are kept in the smallest unsigned type that holds them (AlphaFold 2: int32).
    """

    aatype: np.ndarray  # float32 [n_res, 21], one-hot, 20 for X
    between_segment_residues: np.ndarray  # int32 [n_res], zeros
    domain_name: np.ndarray  # bytes [n_chains], the query's description
    residue_index: np.ndarray  # int32 [n_res], from 0 in each chain
    seq_length: np.ndarray  # int32 [n_res], n_res
    sequence: np.ndarray  # bytes [n_chains]
    msa: np.ndarray  # uint8 [n_seq, n_res], chemistry.residues.HHBLITS_AA_TO_ID; the first row is the query
    deletion_matrix_int: np.ndarray  # unsigned [n_seq, n_res], inserted residues left of each column
    num_alignments: np.ndarray  # int32 [n_res], n_seq
    msa_species_identifiers: np.ndarray  # bytes [n_seq], empty where the row's name has none
    template_aatype: np.ndarray  # the rest as in Templates
    template_all_atom_positions: np.ndarray
    template_all_atom_masks: np.ndarray
    template_domain_names: np.ndarray
    template_sequence: np.ndarray
    template_sum_probs: np.ndarray
    asym_id: np.ndarray = field(default_factory=not_given)  # int32 [n_res], as in Chains
    entity_id: np.ndarray = field(default_factory=not_given)
    sym_id: np.ndarray = field(default_factory=not_given)

    def __post_init__(self) -> None:
        complete_chains(self, self.n_res)

    def __repr__(self) -> str:
        sizes = ((self.n_seq, "row"), (self.n_templ, "template"))
        counts = "".join(f", {counted(number, one)}" for number, one in sizes)
        chains = counted(self.chains.n_chains, "chain")
        return f"<Features: {counted(self.n_res, 'residue')} in {chains}{counts}>"

    @property
    def chains(self) -> Chains:
        """Numbers of chain, distinct sequence and copy, residue by residue."""
        return Chains(self.asym_id, self.entity_id, self.sym_id)

    @property
    def n_res(self) -> int:
        """Residues of all chains."""
        return int(self.aatype.shape[0])

    @property
    def n_seq(self) -> int:
        """Rows of the MSA; the query is one of them."""
        return int(self.msa.shape[0])

    @property
    def n_templ(self) -> int:
        """Templates; the network takes the first four at the most."""
        return int(self.template_aatype.shape[0])


@dataclass(frozen=True)
class ProcessedFeatures:
    """One draw of the network's input: what AlphaFold 2's data pipeline makes for one pass of one ensemble member.

    Rows, templates and trailing residues whose mask is zero are padding; the network never computes them.
    """

    aatype: np.ndarray  # int [n_res], 20 for X
    residue_index: np.ndarray  # int [n_res], position in the chain
    asym_id: np.ndarray  # int [n_res], as in Chains
    entity_id: np.ndarray  # int [n_res]
    sym_id: np.ndarray  # int [n_res]
    target_feat: np.ndarray  # float [n_res, 22], supplement 1.2.9; [n_res, 21] for multimer models: the residue type
    msa_feat: np.ndarray  # float [n_seq, n_res, 49], clustered MSA
    msa_mask: np.ndarray  # float [n_seq, n_res]
    seq_mask: np.ndarray  # float [n_res]
    extra_msa: np.ndarray  # int [n_extra, n_res], 0..22
    extra_has_deletion: np.ndarray  # float [n_extra, n_res]
    extra_deletion_value: np.ndarray  # float [n_extra, n_res]
    extra_msa_mask: np.ndarray  # float [n_extra, n_res]
    template_aatype: np.ndarray  # int [n_templ, n_res], 0..21
    template_all_atom_positions: np.ndarray  # float [n_templ, n_res, 37, 3], angstrom
    template_all_atom_masks: np.ndarray  # float [n_templ, n_res, 37]
    template_pseudo_beta: np.ndarray  # float [n_templ, n_res, 3], angstrom
    template_pseudo_beta_mask: np.ndarray  # float [n_templ, n_res]
    template_mask: np.ndarray  # float [n_templ]

    @property
    def n_res(self) -> int:
        """Residues of all chains."""
        return int(self.aatype.shape[0])

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> ProcessedFeatures:
        """From AlphaFold 2's processed features of one draw (no leading axis).

        Template arrays may be absent, and the numbers of the chains where there is one chain. Raises ValueError that
        lists the arrays that are missing.
        """
        arrays = dict(arrays)
        n_res = int(np.shape(arrays["aatype"])[0]) if "aatype" in arrays else 0
        if "template_aatype" not in arrays:
            arrays |= _no_templates(n_res)
        if not arrays.keys() & {"asym_id", "entity_id", "sym_id"}:
            arrays |= vars(Chains.one(n_res))
        missing = [f.name for f in fields(cls) if f.name not in arrays]
        if missing:
            raise ValueError(f"processed features lack the arrays {', '.join(missing)}")
        return cls(**{f.name: np.asarray(arrays[f.name]) for f in fields(cls)})


def _no_templates(n_res: int) -> dict[str, np.ndarray]:
    return {
        "template_aatype": np.zeros((0, n_res), np.int32),
        "template_all_atom_positions": np.zeros((0, n_res, 37, 3), np.float32),
        "template_all_atom_masks": np.zeros((0, n_res, 37), np.float32),
        "template_pseudo_beta": np.zeros((0, n_res, 3), np.float32),
        "template_pseudo_beta_mask": np.zeros((0, n_res), np.float32),
        "template_mask": np.zeros((0,), np.float32),
    }
