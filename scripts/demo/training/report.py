# SPDX-License-Identifier: Apache-2.0
"""How well a demo network knows its proteins or complexes, and how little it trusts itself with others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations_with_replacement

import numpy as np
import torch
from synthetic.evolution import random_letters
from synthetic.predicted import predict

from af2cpu.model.alphafold import AlphaFold
from af2cpu.records import CHAIN_BREAK, Prediction
from af2cpu.relax.violations import find_violations
from training.losses import lddt, superposed
from training.proteins import Target

_CA = 1


def tm_score(distances: torch.Tensor) -> float:
    """TM-score of a superposition (Zhang and Skolnick 2004); the search for the best one is left out."""
    d0 = max(1.24 * max(len(distances) - 15, 0) ** (1 / 3) - 1.8, 0.5)
    return float((1 / (1 + (distances / d0) ** 2)).mean())


def table(model: AlphaFold, known: Iterable[tuple[str, str, Target]], others: Iterable[tuple[str, str, Target]]) -> str:
    """A line for each protein or complex: from its sequences alone, three recycles. bf16 beside float32."""
    lines = ["protein        residues  RMSD/A  lDDT  pLDDT    TM   pTM  ipTM  violations  bf16: RMSD/A  pLDDT"]
    for name, sequence, target in [*known, *others]:
        full, half = (predict(model.set_precision(precision), sequence) for precision in ("fp32", "bf16"))
        n_res = len(target.aatype)
        lines.append(f"{name:<15}{n_res:>8}{_against(full, target)}{_chemistry(full)}{_precision(full, half)}")
    return "\n".join(lines)


def of_random(model: AlphaFold) -> str:
    """A line about sequences that mean nothing."""
    rng = np.random.default_rng(0)
    scores = [predict(model, random_letters(rng, n).tobytes().decode()).plddt.mean() for n in (20, 50, 100)]
    return "pLDDT of random sequences: " + ", ".join(f"{score:.1f}" for score in scores)


def of_pairs(model: AlphaFold, known: Sequence[str], sequences: Sequence[str]) -> str:
    """A line about the pairs of these sequences, copies too, that are none of the known complexes."""
    complexes = [sorted(sequence.split(CHAIN_BREAK)) for sequence in known]
    pairs = [pair for pair in combinations_with_replacement(sequences, 2) if sorted(pair) not in complexes]
    predictions = [predict(model, CHAIN_BREAK.join(pair)) for pair in pairs]
    iptm = max(prediction.iptm or 0.0 for prediction in predictions)
    plddt = max(prediction.plddt.mean() for prediction in predictions)
    return f"of {len(pairs)} pairs that are no complex the best: ipTM {iptm:.2f}, mean pLDDT {plddt:.1f}"


def _against(prediction: Prediction, target: Target) -> str:
    atoms, mask = torch.from_numpy(prediction.atom_positions[:, _CA]), target.atom14_mask[:, _CA]
    distances = superposed(atoms, target.atom14[:, _CA], mask)
    score = lddt(atoms, target.atom14[:, _CA], mask)[mask > 0].mean()
    rmsd = float(distances.square().mean().sqrt())
    plddt, tm = prediction.plddt.mean(), tm_score(distances)
    return f"{rmsd:>8.2f}{100 * score:>6.1f}{plddt:>7.1f}{tm:>6.2f}{prediction.ptm:>6.2f}{prediction.iptm or 0.0:>6.2f}"


def _chemistry(prediction: Prediction) -> str:
    numbers = prediction.residue_index + 10_000 * prediction.asym_id  # none twice
    found = find_violations(prediction.aatype, prediction.atom_positions, prediction.atom_mask, numbers)
    return f"{found.count:>12}"


def _precision(full: Prediction, half: Prediction) -> str:
    one, other = (torch.from_numpy(p.atom_positions[:, _CA]) for p in (full, half))
    distances = superposed(one, other, torch.ones(len(one)))
    return f"{float(distances.square().mean().sqrt()):>14.3f}{half.plddt.mean() - full.plddt.mean():>7.2f}"
