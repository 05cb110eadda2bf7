# SPDX-License-Identifier: Apache-2.0
"""What a model says about a target, how sure it is, and the order of predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from af2cpu.records.chains import Chains, complete_chains, not_given


@dataclass(frozen=True)
class ChainPairs:
    """TM-scores that the network expects of chains and pairs of chains; model/chain_pairs.py has the definitions.

    Arrays are float32 [n_chains, n_chains], symmetric, 0-1, in the order of the chains.
    """

    chain_pair_iptm: np.ndarray  # of two chains alone; on the diagonal pTM of one (AlphaFold 3's name)
    pairwise_iptm: np.ndarray  # the same on the scale of the whole complex; zeros on the diagonal (ColabFold's names)
    pairwise_actifptm: np.ndarray  # of the residues in contact; zeros on the diagonal
    actifptm: float  # of all contacts between chains


@dataclass(frozen=True)
class Prediction:
    """What one model says about one protein."""

    model: str  # preset, such as model_1_ptm
    aatype: np.ndarray  # int [n_res]
    residue_index: np.ndarray  # int [n_res]
    atom_positions: np.ndarray  # float32 [n_res, 37, 3], angstrom
    atom_mask: np.ndarray  # float32 [n_res, 37]
    plddt: np.ndarray  # float32 [n_res], 0-100
    pae: np.ndarray | None  # float32 [n_res, n_res], angstrom; row: the residue aligned on; only ptm models
    max_pae: float | None  # the largest value that pae can take, angstrom
    ptm: float | None  # 0-1
    passes: int  # passes through the network: recycles done + 1
    changes: tuple[float, ...]  # angstrom: change of the C-alpha distances from pass to pass, one per pass
    extras: Mapping[str, Any] = field(default_factory=dict)  # logits and representations when asked for
    iptm: float | None = None  # 0-1, of the pairs of residues in different chains; None for one chain or without PAE
    asym_id: np.ndarray = field(default_factory=not_given)  # int32 [n_res], as in Chains; not given: one chain
    entity_id: np.ndarray = field(default_factory=not_given)
    sym_id: np.ndarray = field(default_factory=not_given)
    chain_pairs: ChainPairs | None = None  # None for one chain or without PAE

    def __post_init__(self) -> None:
        complete_chains(self, len(self.aatype))

    @property
    def chains(self) -> Chains:
        return Chains(self.asym_id, self.entity_id, self.sym_id)


@dataclass(frozen=True)
class PredictionId:
    """Which of a protein's predictions: the model and the number of its draw of random numbers."""

    model: str  # preset, such as model_1_ptm
    index: int  # from 0
    seed: int  # that the user gave for this draw; ColabFold's file names show it

    @property
    def name(self) -> str:
        """AlphaFold 2's name, in its file names and its ranking_debug.json."""
        return f"{self.model}_pred_{self.index}"


@dataclass(frozen=True)
class Interface:
    """Scores of a pair of chains in a prediction; confidence/interfaces.py has the definitions.

    Fields with two numbers hold both directions: aligned on (or of) chain a, then chain b.
    """

    a: str  # id of a chain
    b: str  # id of a later one
    iptm: float | None  # 0-1, of these two chains alone; None where the prediction has no pairwise numbers
    ipsae: float  # 0-1, the better direction
    ipsae_both: tuple[float, float]
    pdockq: float  # 0-1; 0 without contacts
    pdockq2: float  # 0-1, the better direction; 0 without contacts
    pdockq2_both: tuple[float, float]
    lis: float  # 0-1, mean of both directions
    lis_both: tuple[float, float]
    lia: tuple[int, int]  # pairs of residues that count in LIS
    mean_pae: float  # angstrom, of all pairs of residues in different chains, both directions
    min_pae: float  # angstrom
    contacts: int  # pairs of residues
    contact_residues: tuple[int, int]  # of each chain
    contact_pae: float | None  # angstrom, mean over the contacts, both directions; None without contacts
    mean_plddt: float | None  # 0-100, of the residues in contact; None without contacts


def best_interface(interfaces: Sequence[Interface]) -> Interface | None:
    """The one with the highest ipSAE, of equal ones that with the highest ipTM; None if there are none."""
    return max(interfaces, key=lambda one: (one.ipsae, one.iptm or 0.0), default=None)


def pair_score(iptm: float | None, interfaces: Sequence[Interface]) -> float | None:
    """What complexes are ordered by when they compete: ipTM plus the best ipSAE, 0-2; None for a single chain.

    ipTM tells how sure the model is of whole chains; ipSAE counts only the residues that meet, so that disordered tails
    do not hide an interface.
    """
    best = best_interface(interfaces)
    return None if iptm is None or best is None else iptm + best.ipsae


@dataclass(frozen=True)
class ChainConfidence:
    """How sure a model is of one chain of a complex."""

    id: str
    mean_plddt: float  # 0-100
    ptm: float | None  # 0-1, of this chain alone; None where the prediction has no pairwise numbers


@dataclass(frozen=True)
class Confidence:
    """How sure a model is of a prediction as a whole."""

    who: PredictionId
    mean_plddt: float  # 0-100
    ptm: float | None  # 0-1
    score: float  # what predictions of one protein are ranked by; NaN if the network gave numbers that are none
    iptm: float | None = None  # 0-1
    label: str = "plddts"  # of the score, in AlphaFold 2's words
    chains: tuple[ChainConfidence, ...] = ()  # of a complex, in its order
    interfaces: tuple[Interface, ...] = ()  # of a complex, each pair of chains once: A B, A C, B C

    @property
    def out_of_100(self) -> float:
        """The score as ColabFold gives it: the mean pLDDT of one chain, 80 ipTM + 20 pTM of a complex."""
        return self.mean_plddt if self.iptm is None else 80 * self.iptm + 20 * (self.ptm or 0.0)


@dataclass(frozen=True)
class Ranking:
    """The predictions of one protein, best first."""

    label: str  # what the scores are, as AlphaFold 2 says it: plddts or iptm+ptm
    entries: tuple[Confidence, ...]
