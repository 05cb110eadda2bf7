"""How well the demo network knows its proteins, and how little it trusts itself with others."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from af2cpu.model.alphafold import AlphaFold
from af2cpu.records import Prediction
from af2cpu.relax.violations import find_violations
from demo.evolution import random_letters
from demo.losses import lddt, superposed
from demo.predicted import predict
from demo.proteins import Target

_CA = 1


def tm_score(distances: torch.Tensor) -> float:
    """TM-score of a superposition (Zhang and Skolnick 2004); the search for the best one is left out."""
    d0 = max(1.24 * max(len(distances) - 15, 0) ** (1 / 3) - 1.8, 0.5)
    return float((1 / (1 + (distances / d0) ** 2)).mean())


def table(model: AlphaFold, known: Iterable[tuple[str, str, Target]], others: Iterable[tuple[str, str, Target]]) -> str:
    """A line for each protein: from its sequence alone, three recycles. bf16 beside float32."""
    lines = ["protein        residues  RMSD/A  lDDT  pLDDT    TM   pTM  violations  bf16: RMSD/A  pLDDT"]
    for name, sequence, target in [*known, *others]:
        full, half = (predict(model.set_precision(precision), sequence) for precision in ("fp32", "bf16"))
        lines.append(f"{name:<15}{len(sequence):>8}{_against(full, target)}{_chemistry(full)}{_precision(full, half)}")
    rng = np.random.default_rng(0)
    scores = [predict(model, random_letters(rng, n).tobytes().decode()).plddt.mean() for n in (20, 50, 100)]
    return "\n".join([*lines, "pLDDT of random sequences: " + ", ".join(f"{score:.1f}" for score in scores)])


def _against(prediction: Prediction, target: Target) -> str:
    atoms, mask = torch.from_numpy(prediction.atom_positions[:, _CA]), target.atom14_mask[:, _CA]
    distances = superposed(atoms, target.atom14[:, _CA], mask)
    score = lddt(atoms, target.atom14[:, _CA], mask)[mask > 0].mean()
    rmsd = float(distances.square().mean().sqrt())
    plddt, tm = prediction.plddt.mean(), tm_score(distances)
    return f"{rmsd:>8.2f}{100 * score:>6.1f}{plddt:>7.1f}{tm:>6.2f}{prediction.ptm:>6.2f}"


def _chemistry(prediction: Prediction) -> str:
    found = find_violations(
        prediction.aatype, prediction.atom_positions, prediction.atom_mask, prediction.residue_index
    )
    return f"{found.count:>12}"


def _precision(full: Prediction, half: Prediction) -> str:
    one, other = (torch.from_numpy(p.atom_positions[:, _CA]) for p in (full, half))
    distances = superposed(one, other, torch.ones(len(one)))
    return f"{float(distances.square().mean().sqrt()):>14.3f}{half.plddt.mean() - full.plddt.mean():>7.2f}"
