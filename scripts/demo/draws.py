"""What the network sees in training: features as in a prediction, of many made-up alignments and templates.

The alignments and templates of a run are not known here, so that the network is shown all kinds: none, few and many
relatives, near and far ones, with gaps; templates that are true, distorted, parts, or of another fold.
"""

from __future__ import annotations

import numpy as np

from af2cpu.chemistry.residues import ATOM37_EXISTS, HHBLITS_AA_TO_ID, HHBLITS_ORDER, aatype_of
from af2cpu.features.config import SamplingConfig
from af2cpu.features.raw import make_features
from af2cpu.features.sample import Sampler
from af2cpu.formats.chain import ProteinChain
from af2cpu.records import Alignment, ProcessedFeatures, Query, Templates
from demo.evolution import random_letters, substituted

_GAP = HHBLITS_ORDER.index("-")
_TO_ROW = np.zeros(256, np.uint8)  # letter -> code of an MSA row
for _letter, _code in HHBLITS_AA_TO_ID.items():
    _TO_ROW[ord(_letter)] = _code


def sample(
    rng: np.random.Generator, chain: ProteinChain, config: SamplingConfig, variety: float = 1.0
) -> ProcessedFeatures:
    """One draw of the features of a chain, in a share `variety` of the cases with made-up relatives and templates."""
    query = Query("training", chain.sequence, "training", "training")
    rows = _rows(rng, chain.sequence, config if rng.random() < variety else None)
    alignment = Alignment("uniref90", ("",) * len(rows), rows, np.zeros(rows.shape, np.uint16))
    templates = _templates(rng, chain) if rng.random() < 0.3 * variety else None
    return Sampler(make_features(query, [alignment], templates), config).draw(rng)


def decoy(rng: np.random.Generator, known: list[str]) -> ProteinChain:
    """A chain without a structure: random, or a known one's residues in another order."""
    if rng.random() < 0.5:
        letters = random_letters(rng, int(rng.integers(16, 90)))
    else:
        letters = rng.permutation(_letters(known[rng.integers(len(known))]))[: rng.integers(16, 90)]
    sequence, n_res = letters.tobytes().decode(), len(letters)
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
