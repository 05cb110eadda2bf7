"""The nouns of the pipeline: frozen records that the stages hand to each other.

Sizes: n_res residues, n_seq MSA rows, n_extra extra MSA rows, n_templ templates. Coordinates are in angstrom.
Masks are 1.0 where something is and 0.0 where nothing is. Field names are AlphaFold 2's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from functools import cached_property, partial
from typing import Any

import numpy as np

from af2cpu.chain_ids import chain_id

CHAIN_BREAK = ":"  # between the sequences of a complex's chains, as ColabFold writes it


@dataclass(frozen=True)
class Chain:
    """One chain of a query."""

    id: str  # A, B, ... in the user's order
    sequence: str
    name: str  # the user's, such as the header of its own record


@dataclass(frozen=True)
class Query:
    """A protein or complex to predict, as a stage after `query/` may trust it: checked letters, a safe unique name."""

    name: str  # safe and unique in its batch: [A-Za-z0-9_.-], names files and folders
    sequence: str  # upper case as searched: the 20 letters and B J O U X Z; ':' between the chains of a complex
    description: str  # the header as given, without '>'
    source: str  # where it stood: "file, record n"
    chain_names: tuple[str, ...] = ()  # the user's, one for each chain; empty: the chains have no names of their own

    @property
    def n_res(self) -> int:
        """Residues of all chains."""
        return len(self.sequence) - self.sequence.count(CHAIN_BREAK)

    @property
    def n_chains(self) -> int:
        return self.sequence.count(CHAIN_BREAK) + 1

    @cached_property
    def chains(self) -> tuple[Chain, ...]:
        """In the user's order. A chain without a name of its own has the query's description."""
        sequences = self.sequence.split(CHAIN_BREAK)
        names = self.chain_names or [self.description] * len(sequences)
        return tuple(
            Chain(chain_id(k), letters, name) for k, (letters, name) in enumerate(zip(sequences, names, strict=True))
        )


@dataclass(frozen=True)
class Alignment:
    """Homologs of a query from one database, in the query's columns. The first row is the query."""

    database: str  # such as uniref90
    names: tuple[str, ...]  # n_seq row names, as in the file (a3m: the whole header)
    msa: np.ndarray  # uint8 [n_seq, n_res], chemistry.residues.HHBLITS_AA_TO_ID: 0..19, 20 X, 21 gap
    deletions: np.ndarray  # uint16 (int32 if one is larger) [n_seq, n_res], inserted residues left of each column
    # uint64 [n_seq, 2], digest of each row's letters. AlphaFold drops rows that repeat another letter by letter, and
    # `msa` no longer tells B from D, Z from E, U from C and J, O from X. None: equal codes mean equal letters.
    row_digests: np.ndarray | None = None
    query: str = ""  # residues of the first row as written in the file: `msa` does not tell U from C
    notes: tuple[str, ...] = ()  # one line for each thing in the file that was passed over; for the report

    @property
    def n_seq(self) -> int:
        return int(self.msa.shape[0])

    @property
    def n_res(self) -> int:
        return int(self.msa.shape[1])


@dataclass(frozen=True)
class TemplateHit:
    """One aligned segment of a PDB chain, as AlphaFold 2 reads it from hmmsearch's or HHsearch's. Indices count from 0.

    hmmsearch's have the query's residues as columns. HHsearch's have those of the aligned segment, and insertions.
    """

    index: int  # place in the alignment, from 1, counting the rows that are not protein too; HHsearch's number
    name: str  # such as 2q2k_A
    aligned_cols: int  # match columns with a residue
    sum_probs: float | None  # hmmsearch has none
    query: str  # the query's sequence; of HHsearch its aligned segment, '-' for insertions
    hit_sequence: str  # the row in upper case: match and insert columns, '-' for deletions
    indices_query: tuple[int, ...]  # residue of the query for each column, -1 for an insertion
    indices_hit: tuple[int, ...]  # residue of the chain for each column, -1 for deletions
    description: str = ""  # the entry's header after the name


@dataclass(frozen=True)
class TemplateUsed:
    """A template of the features."""

    name: str  # entry_chain such as 2q2k_A; of a user's file its name and chain
    identity: float  # share of the aligned residues that are the query's, 0-1
    coverage: float  # share of the query's residues that are aligned, 0-1
    release_date: date | None = None  # of the PDB entry; None where the file does not tell
    remark: str = ""  # such as "realigned to the sequence in the structure"
    chain: str = ""  # of a complex the first chain with the sequence that it belongs to

    @classmethod
    def of(
        cls, name: str, query: str, letters: str, release_date: date | None = None, remark: str = ""
    ) -> TemplateUsed:
        """letters: n_res of the template in the query's columns, "-" where nothing is aligned."""
        aligned = [(mine, its) for mine, its in zip(query, letters, strict=True) if its != "-"]
        same = sum(mine == its for mine, its in aligned)
        return cls(name, same / max(1, len(aligned)), len(aligned) / len(query), release_date, remark)


@dataclass(frozen=True)
class TemplateSkipped:
    """A hit of the template search that gives no template."""

    name: str
    reason: str
    chain: str = ""  # as in TemplateUsed

    @property
    def note(self) -> str:
        """One line for the console and the log."""
        return f"template {self.name} skipped: {self.reason}"


@dataclass(frozen=True)
class Templates:
    """Templates of one query, best first, as AlphaFold 2 names and shapes them; n_templ may be 0."""

    template_aatype: np.ndarray  # float32 [n_templ, n_res, 22], one-hot in HHblits' order (21 is a gap)
    template_all_atom_positions: np.ndarray  # float32 [n_templ, n_res, 37, 3], angstrom
    template_all_atom_masks: np.ndarray  # float32 [n_templ, n_res, 37]
    template_domain_names: np.ndarray  # bytes [n_templ], entry_chain such as b"2q2k_A"
    template_sequence: np.ndarray  # bytes [n_templ], in the query's columns, "-" where nothing is aligned
    template_sum_probs: np.ndarray  # float32 [n_templ, 1], HHsearch's score; 0 for hmmsearch
    notes: tuple[str, ...] = ()  # one line for each hit that was skipped or realigned
    used: tuple[TemplateUsed, ...] = ()  # [n_templ]
    skipped: tuple[TemplateSkipped, ...] = ()


@dataclass(frozen=True)
class Chains:
    """The chains of a complex, residue by residue. A protein is a complex of one chain.

    Numbers count from 1. Chains of one sequence are copies of one entity.
    """

    asym_id: np.ndarray  # int32 [n_res], number of the chain
    entity_id: np.ndarray  # int32 [n_res], number of the chain's sequence, by first appearance
    sym_id: np.ndarray  # int32 [n_res], number of the copy among the chains of that sequence

    @classmethod
    def of(cls, sequences: Sequence[str]) -> Chains:
        """Of chains with these sequences, in this order."""
        entities: dict[str, int] = {}
        copies: dict[str, int] = {}
        numbers = []
        for asym_id, sequence in enumerate(sequences, start=1):
            entity_id = entities.setdefault(sequence, len(entities) + 1)
            copies[sequence] = copies.get(sequence, 0) + 1
            numbers.append((asym_id, entity_id, copies[sequence]))
        lengths = [len(sequence) for sequence in sequences]
        asym_ids, entity_ids, sym_ids = np.repeat(np.array(numbers, np.int32).reshape(-1, 3), lengths, axis=0).T
        return cls(asym_ids, entity_ids, sym_ids)

    @classmethod
    def one(cls, n_res: int) -> Chains:
        return cls.of(["A" * n_res])

    @property
    def n_chains(self) -> int:
        return len(np.unique(self.asym_id))

    @property
    def ids(self) -> np.ndarray:
        """str [n_res], the chain that each residue belongs to: A, B, ..."""
        return np.array([chain_id(number - 1) for number in self.asym_id.tolist()])

    @property
    def spans(self) -> dict[str, range]:
        """The residues of each chain by its identifier, in order."""
        numbers, starts = np.unique(self.asym_id, return_index=True)
        ends = [*starts[1:].tolist(), len(self.asym_id)]
        pairs = zip(numbers.tolist(), starts.tolist(), ends[: len(numbers)], strict=True)
        return {chain_id(number - 1): range(start, end) for number, start, end in pairs}


_not_given = partial(np.zeros, 0, np.int32)


def _complete_chains(record: Features | Prediction, n_res: int) -> None:
    """Numbers of chains that were not given are those of one chain."""
    if not record.asym_id.size:
        for name, numbers in vars(Chains.one(n_res)).items():
            object.__setattr__(record, name, numbers)


@dataclass(frozen=True)
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
    asym_id: np.ndarray = field(default_factory=_not_given)  # int32 [n_res], as in Chains
    entity_id: np.ndarray = field(default_factory=_not_given)
    sym_id: np.ndarray = field(default_factory=_not_given)

    def __post_init__(self) -> None:
        _complete_chains(self, self.n_res)

    @property
    def chains(self) -> Chains:
        return Chains(self.asym_id, self.entity_id, self.sym_id)

    @property
    def n_res(self) -> int:
        return int(self.aatype.shape[0])

    @property
    def n_seq(self) -> int:
        return int(self.msa.shape[0])

    @property
    def n_templ(self) -> int:
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
    asym_id: np.ndarray = field(default_factory=_not_given)  # int32 [n_res], as in Chains; not given: one chain
    entity_id: np.ndarray = field(default_factory=_not_given)
    sym_id: np.ndarray = field(default_factory=_not_given)
    chain_pairs: ChainPairs | None = None  # None for one chain or without PAE

    def __post_init__(self) -> None:
        _complete_chains(self, len(self.aatype))

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


@dataclass(frozen=True)
class NetworkTemplate:
    """A template that the network was given for one chain."""

    name: str  # entry_chain, such as 2q2k_A
    sequence: str  # letters in the chain's columns, "-" where nothing is aligned
    chain: str = "A"  # of the query


@dataclass(frozen=True)
class Provenance:
    """What structure files tell of where they come from. Nothing of it is read off a clock."""

    description: str  # of the protein: the header as the user gave it
    entry: str  # identifier of the entry: safe letters only
    version: str  # of af2cpu
    parameters: str  # such as params_model_1_ptm.npz
    date: date | None = None  # of the model; from the settings
    templates: bool = True  # whether templates were searched
    warning: str | None = None  # first in the title: that the parameters are synthetic or for trying out
    software: tuple[tuple[str, str], ...] = ()  # name and version of libraries and programs that took part
    network_templates: tuple[NetworkTemplate, ...] = ()  # chain by chain, best first
    own_templates: tuple[str, ...] = ()  # chains whose templates are files of the user's, not entries of the PDB
    chain_names: tuple[str, ...] = ()  # the user's, one for each chain; empty: the chains have no names of their own


@dataclass(frozen=True)
class Protein:
    """Atoms of one or more protein chains and what a structure file says of each residue."""

    aatype: np.ndarray  # int [n_res], 20 for X
    atom_positions: np.ndarray  # float32 [n_res, 37, 3], angstrom
    atom_mask: np.ndarray  # float32 [n_res, 37]
    residue_index: np.ndarray  # int [n_res], the number in the file; predictions count from 1 there
    insertion_codes: np.ndarray  # str [n_res], mostly empty
    chain_ids: np.ndarray  # str [n_res]; the residues of a chain are neighbours
    b_factors: np.ndarray  # float32 [n_res], the pLDDT (0-100) of a prediction
    # Whether residues of a chain are bonded wherever their numbers follow each other. So it is in a prediction: the
    # network may tear a bond, and the relaxation mends it. In a file residues may be missing: only distance tells.
    numbers_bond: bool = False

    @property
    def n_res(self) -> int:
        return int(self.aatype.shape[0])

    @classmethod
    def from_prediction(cls, prediction: Prediction) -> Protein:
        """Its chains A, B, ..., each numbered from 1 as in AlphaFold 2's files, with pLDDT as B-factors."""
        n_res = len(prediction.aatype)
        return cls(
            aatype=prediction.aatype,
            atom_positions=prediction.atom_positions,
            atom_mask=prediction.atom_mask,
            residue_index=prediction.residue_index + 1,
            insertion_codes=np.full(n_res, ""),
            chain_ids=prediction.chains.ids,
            b_factors=prediction.plddt,
            numbers_bond=True,
        )


@dataclass(frozen=True)
class Atoms:
    """Atoms of a structure, hydrogens included, residue by residue."""

    residue: np.ndarray  # int [n_atoms], row of the residue in its Protein or Prediction, ascending
    name: np.ndarray  # str [n_atoms], such as CA
    element: np.ndarray  # str [n_atoms], such as C
    position: np.ndarray  # float64 [n_atoms, 3], angstrom


@dataclass(frozen=True)
class Relaxed:
    """What the relaxation made of a protein, the same residues in the same frame; unchanged if `relaxed` is false."""

    relaxed: bool
    reason: str | None  # one line: why it is not relaxed, or what ended it before its time; None where all went well
    atom_positions: np.ndarray  # float32 [n_res, 37, 3], angstrom
    atom_mask: np.ndarray  # float32 [n_res, 37], atoms that the clean-up added included (OXT of chain ends too)
    atoms: Atoms  # all atoms with hydrogens; those of a residue that was not relaxed as they were given
    violations_before: np.ndarray  # bool [n_res], residues with structural violations
    violations_after: np.ndarray  # bool [n_res]
    energy_before_kcal_mol: float | None  # of the force field, without restraints, hydrogens just placed
    energy_after_kcal_mol: float | None
    rmsd_heavy: float | None  # angstrom, given heavy atoms against themselves, without superposition
    rounds: int  # minimisations whose result counts
    steps: int  # of L-BFGS in these rounds
    seconds: float  # wall time of all of it
    notes: tuple[str, ...] = ()  # one line for each thing that the clean-up changed or left out
