# SPDX-License-Identifier: Apache-2.0
"""What the network sees in training: features as in a prediction, of many made-up alignments and templates.

The alignments and templates of a run are not known here, so that the network is shown all kinds: none, few and many
relatives, near and far ones, with gaps; templates that are true, distorted, parts, or of another fold. Relatives of
different chains are paired or not, as in an alignment by species.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from synthetic.evolution import random_letters, substituted

from af2cpu.chemistry.residues import ATOM37_EXISTS, HHBLITS_AA_TO_ID, HHBLITS_ORDER, aatype_of
from af2cpu.features.complex import merge_chains, pair_by_species
from af2cpu.features.config import SamplingConfig
from af2cpu.features.raw import make_features
from af2cpu.features.sample import Sampler
from af2cpu.formats.chain import ProteinChain
from af2cpu.records import Alignment, Features, ProcessedFeatures, Query, Templates

_MAX_STRANGERS = 140  # residues of all chains
_GAP = HHBLITS_ORDER.index("-")
_TO_ROW = np.zeros(256, np.uint8)  # letter -> code of an MSA row
for _letter, _code in HHBLITS_AA_TO_ID.items():
    _TO_ROW[ord(_letter)] = _code


def sample(
    rng: np.random.Generator, chains: Sequence[ProteinChain], config: SamplingConfig, variety: float = 1.0
) -> ProcessedFeatures:
    """One draw of the features of chains, with made-up relatives and templates in a share `variety` of the cases."""
    parts = [_features(rng, chain, config, variety) for chain in chains]
    if len(parts) == 1:
        return Sampler(parts[0], config).draw(rng)
    n_pairs = int(config.msa_rows * rng.random()) if rng.random() < 0.5 * variety else 0
    to_pair = {chain.sequence: _to_pair(rng, chain, n_pairs) for chain in chains}
    paired = pair_by_species([chain.sequence for chain in chains], to_pair)
    return Sampler(merge_chains(parts, paired), config).draw(rng)


def _features(rng: np.random.Generator, chain: ProteinChain, config: SamplingConfig, variety: float) -> Features:
    query = Query("training", chain.sequence, "training", "training")
    rows = _rows(rng, chain.sequence, config if rng.random() < variety else None)
    alignment = Alignment("uniref90", ("",) * len(rows), rows, np.zeros(rows.shape, np.uint16))
    templates = _templates(rng, chain) if rng.random() < 0.3 * variety else None
    return make_features(query, [alignment], templates)


def _to_pair(rng: np.random.Generator, chain: ProteinChain, n_rows: int) -> Alignment:
    """The query and a relative from each of some species, which are the same for all chains."""
    letters = _letters(chain.sequence)
    rows = [letters] + [substituted(rng, letters, rng.uniform(0.05, 0.75)) for _ in range(n_rows)]
    names = ["query"] + [f"tr|A{k:05d}|A{k:05d}_{k:05d}" for k in range(n_rows)]
    return Alignment("uniprot", tuple(names), _TO_ROW[np.array(rows)], np.zeros((len(rows), len(letters)), np.uint16))


def decoy(rng: np.random.Generator, known: Sequence[str]) -> ProteinChain:
    """A chain without a structure: random, or a known one's residues in another order."""
    if rng.random() < 0.5:
        letters = random_letters(rng, int(rng.integers(16, 90)))
    else:
        letters = rng.permutation(_letters(known[rng.integers(len(known))]))[: rng.integers(16, 90)]
    return _without_structure(letters.tobytes().decode())


def strangers(
    rng: np.random.Generator, known: Sequence[Sequence[str]], others: Sequence[str]
) -> tuple[ProteinChain, ...]:
    """Chains without a structure that are none of the known complexes.

    One to three, many of them chains of these; or all of a known complex and more. known: the sequences of each
    complex; others: those of real proteins.
    """
    chains = sorted({sequence for sequences in known for sequence in sequences})
    complexes = [sorted(sequences) for sequences in known]
    while True:
        drawn = [_stranger(rng, chains, others) for _ in range(int(rng.choice(3, p=[0.15, 0.7, 0.15])) + 1)]
        if rng.random() < 0.3:
            drawn[1:] = drawn[:1] * (len(drawn) - 1)  # copies
        if rng.random() < 0.4:
            drawn = _with_more(rng, list(known[rng.integers(len(known))]), drawn)
        if sorted(drawn) not in complexes and sum(map(len, drawn)) <= _MAX_STRANGERS:
            return tuple(_without_structure(sequence) for sequence in drawn)


def _with_more(rng: np.random.Generator, whole: list[str], others: list[str]) -> list[str]:
    """A complex twice, or with another copy of a chain, or with a stranger."""
    kind = rng.random()
    more = whole if kind < 0.25 else [whole[rng.integers(len(whole))]] if kind < 0.75 else others[:1]
    return whole + more


def _stranger(rng: np.random.Generator, known: Sequence[str], others: Sequence[str]) -> str:
    kind = rng.random()
    if kind < 0.5:
        return known[rng.integers(len(known))]
    return others[rng.integers(len(others))] if kind < 0.65 else decoy(rng, known).sequence


def _without_structure(sequence: str) -> ProteinChain:
    n_res = len(sequence)
    return ProteinChain("A", sequence, np.zeros((n_res, 37, 3), np.float32), np.zeros((n_res, 37), np.float32))


def _rows(rng: np.random.Generator, sequence: str, config: SamplingConfig | None) -> np.ndarray:
    """uint8 [n_seq, n_res]: the query and its relatives, in HHblits' codes. Mostly few: they cost time."""
    n_rows = 0
    if config is not None:
        most = (0, config.msa_rows // 3, config.msa_rows, config.msa_rows + config.max_extra_msa)
        n_rows = int(most[rng.choice(4, p=[0.25, 0.4, 0.2, 0.15])] * rng.random())
    letters = _letters(sequence)
    rows = [_TO_ROW[letters]]
    for _ in range(n_rows):
        row = _TO_ROW[substituted(rng, letters, rng.uniform(0.05, 0.75))]
        for _ in range(rng.poisson(0.7)):
            start = rng.integers(-len(row) // 2, len(row))
            row[max(start, 0) : max(start + rng.integers(1, len(row) // 2), 0)] = _GAP
        rows.append(row)
    return np.array(rows)


def _letters(sequence: str) -> np.ndarray:
    return np.frombuffer(sequence.encode(), np.uint8)


def _templates(rng: np.random.Generator, chain: ProteinChain) -> Templates:
    """One or two templates with the residues of relatives: the chain itself distorted, or a walk that means nothing."""
    made = [_template(rng, chain) for _ in range(1 + (rng.random() < 0.4))]
    sequences, positions, masks = zip(*made, strict=True)
    n = len(made)
    return Templates(
        template_aatype=np.array([_one_hot(sequence) for sequence in sequences], np.float32),
        template_all_atom_positions=np.array(positions, np.float32),
        template_all_atom_masks=np.array(masks, np.float32),
        template_domain_names=np.array([b"none"] * n),
        template_sequence=np.array([sequence.encode() for sequence in sequences]),
        template_sum_probs=np.zeros((n, 1), np.float32),
    )


def _one_hot(sequence: str) -> np.ndarray:
    return np.eye(22, dtype=np.float32)[[HHBLITS_AA_TO_ID[letter] for letter in sequence]]


def _template(rng: np.random.Generator, chain: ProteinChain) -> tuple[str, np.ndarray, np.ndarray]:
    n_res = len(chain.sequence)
    relative = substituted(rng, _letters(chain.sequence), rng.uniform(0.0, 0.6)).tobytes().decode()
    mask = chain.mask * ATOM37_EXISTS[aatype_of(relative)]
    if rng.random() < 0.25 or not mask.any():
        walk = np.cumsum(rng.normal(0, 2.2, (n_res, 1, 3)), axis=0)
        positions = walk + rng.normal(0, 1.2, (n_res, 37, 3))
        mask = np.array(ATOM37_EXISTS[aatype_of(relative)])
    else:
        bend = np.cumsum(rng.normal(0, 1.0, (n_res, 1, 3)), axis=0) * rng.uniform(0, 0.3)
        positions = chain.positions + bend + rng.normal(0, 0.3, (n_res, 37, 3)) * rng.random()
    kept = np.ones(n_res)
    for _ in range(rng.poisson(0.5)):
        start = rng.integers(n_res)
        kept[start : start + rng.integers(1, n_res // 2)] = 0
    return relative, positions, mask * kept[:, None]
