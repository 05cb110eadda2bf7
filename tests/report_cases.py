# SPDX-License-Identifier: Apache-2.0
"""Results folders that the tests of the report make up: an ideal bundle of helices with plausible confidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from output_cases import complex_features, features, relaxed
from prediction_cases import MAX_PAE, prediction

from af2cpu.chemistry.residues import CA, CB, aatype_of
from af2cpu.confidence import confidence_of, rank
from af2cpu.formats.features import write_features
from af2cpu.geometry.rigid import rigid_from_3_points
from af2cpu.model.atoms import compute_all_atom_coordinates
from af2cpu.outputs.layout import Layout, write_bytes
from af2cpu.outputs.write import write_done, write_prediction, write_ranking, write_relaxed, write_run
from af2cpu.records import CHAIN_BREAK, Chains, Features, Prediction, PredictionId, Provenance, Relaxed
from af2cpu.runs.records import PredictionScores, RelaxationRecord, TargetRun, from_json, record_bytes, to_json

MADE_UP = "MADE-UP RESULTS: ideal helices, not a prediction"
PROVENANCE = Provenance("a bundle of helices", "bundle", "1.2.3", "none", warning=MADE_UP)
HELIX, LOOP = "AEELLKKAEELLKKAEELLKKAEE", "GNGS"
_ALPHA = (-57.0, -47.0)  # phi, psi
_BONDS = ((1.329, 117.2), (1.458, 121.7), (1.525, 111.0))  # C-N, N-CA, CA-C in angstrom; the angle at the atom before


def bundle_sequence(n_helices: int) -> str:
    return LOOP.join([HELIX] * n_helices)


def bundle_atoms(sequence: str, seed: int = 0) -> np.ndarray:
    """Atoms [n_res, 37, 3], angstrom; of some tries for a loop the one that brings the next helix closest counts."""
    rng = np.random.default_rng(seed)
    torsions = np.array([_ALPHA] * len(sequence))
    for start in range(len(HELIX), len(sequence), len(HELIX) + len(LOOP)):
        tries = [_with_loop(torsions, start, rng) for _ in range(80)]
        torsions = min(tries, key=lambda one: _badness(_backbone(one[: start + len(LOOP) + len(HELIX)])[:, 1]))
    backbone = torch.as_tensor(_backbone(torsions), dtype=torch.float32)
    angles = np.zeros((len(sequence), 7))
    angles[:, 2], angles[:, 3:] = np.deg2rad(torsions[:, 1]), np.deg2rad([-65.0, 180.0, 180.0, 180.0])
    sin_cos = torch.as_tensor(np.stack([np.sin(angles), np.cos(angles)], -1), dtype=torch.float32)
    frames = rigid_from_3_points(backbone[:, 0], backbone[:, 1], backbone[:, 2])
    aatype = torch.as_tensor(aatype_of(sequence))
    return compute_all_atom_coordinates(frames, sin_cos, aatype).atom37.numpy()


def _with_loop(torsions: np.ndarray, start: int, rng: np.random.Generator) -> np.ndarray:
    tried = torsions.copy()
    phi, psi = rng.uniform(-150, -50, len(LOOP)), rng.uniform(-60, 170, len(LOOP))
    tried[start : start + len(LOOP)] = np.stack([phi, psi], axis=1)
    return tried


def _badness(ca: np.ndarray) -> float:
    """Radius of gyration, angstrom, and a penalty for atoms of different parts that come too close."""
    distances = np.linalg.norm(ca[:, None] - ca, axis=-1)
    apart = np.abs(np.subtract.outer(np.arange(len(ca)), np.arange(len(ca)))) > 3
    clashes = np.clip(7.0 - distances[apart], 0, None).sum()
    return float(np.sqrt(((ca - ca.mean(axis=0)) ** 2).sum(axis=1).mean()) + clashes)


def _backbone(torsions: np.ndarray) -> np.ndarray:
    """N, CA, C [n_res, 3, 3] from phi and psi, degrees, one atom after the other (omega 180)."""
    atoms = [np.array([0.0, 0.0, 0.0]), np.array([1.458, 0.0, 0.0]), np.array([2.009, 1.422, 0.0])]
    for k in range(1, len(torsions)):
        for angle, (length, bend) in zip((torsions[k - 1, 1], 180.0, torsions[k, 0]), _BONDS, strict=True):
            atoms.append(_next_atom(*atoms[-3:], length, np.deg2rad(bend), np.deg2rad(angle)))
    return np.array(atoms).reshape(-1, 3, 3)


def _next_atom(a: np.ndarray, b: np.ndarray, c: np.ndarray, length: float, bend: float, angle: float) -> np.ndarray:
    x = (c - b) / np.linalg.norm(c - b)
    z = np.cross(b - a, x)
    z /= np.linalg.norm(z)
    y = np.cross(z, x)
    return c + length * (-np.cos(bend) * x + np.sin(bend) * (np.cos(angle) * y + np.sin(angle) * z))


def complex_atoms(sequence: str) -> np.ndarray:
    """Atoms [n_res, 37, 3] of a complex AAA:BBB: bundles side by side around an axis, turned so that many residues are
    in contact."""
    sequences = sequence.split(CHAIN_BREAK)
    made = {one: _upright(bundle_atoms(one)) for one in dict.fromkeys(sequences)}
    chains = [made[one] for one in sequences]
    places = [_together([_turned(chain, turn) for chain in chains]) for turn in np.arange(0, 2 * np.pi, np.pi / 8)]
    return np.concatenate(max(places, key=_n_contacts)).astype(np.float32)


def _together(chains: list[np.ndarray]) -> list[np.ndarray]:
    """As near to the axis as their C-beta atoms allow."""
    angles = 2 * np.pi * np.arange(len(chains)) / len(chains)
    for radius in range(5, 100):
        placed = [_turned(chain + np.array([radius, 0, 0]), angle) for chain, angle in zip(chains, angles, strict=True)]
        if _distances(placed).min() > 4.5:
            break
    return placed


def _n_contacts(chains: list[np.ndarray]) -> int:
    return int((_distances(chains) < 8).sum())


def _distances(chains: list[np.ndarray]) -> np.ndarray:
    """Between C-beta atoms of different chains, angstrom."""
    pairs = [(a[:, CB], b[:, CB]) for k, a in enumerate(chains) for b in chains[:k]]
    return np.concatenate([np.linalg.norm(a[:, None] - b, axis=-1).ravel() for a, b in pairs])


def _upright(atoms: np.ndarray) -> np.ndarray:
    """The longest axis of the C-alpha atoms along z, their middle at 0."""
    ca = atoms[:, CA].astype(np.float64)
    _, _, axes = np.linalg.svd(ca - ca.mean(axis=0), full_matrices=False)
    turned = (atoms - ca.mean(axis=0)) @ np.stack([-axes[2] * np.linalg.det(axes), axes[1], axes[0]]).T
    return np.asarray(turned)


def _turned(atoms: np.ndarray, angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.asarray(atoms @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]]))


def plausible(sequence: str, positions: np.ndarray, plddt: np.ndarray, model: str, seed: int) -> Prediction:
    """The structure a little moved, PAE that grows with the distance and with what is unsure at both residues."""
    rng = np.random.default_rng([seed, len(sequence)])
    n_res = len(positions)
    bend = np.cumsum(rng.normal(0, 0.03, (n_res, 3)), axis=0) * seed
    ca = positions[:, 1]
    unsure = (100 - plddt) / 100
    distance = np.linalg.norm(ca[:, None] - ca, axis=-1)
    pae = 0.5 + 14 * (unsure[:, None] + 1.4 * unsure[None]) * (1 - np.exp(-distance / 12)) + 0.05 * distance
    chains = Chains.of(sequence.split(CHAIN_BREAK)).asym_id
    pae += np.where(chains[:, None] == chains, 0, 4 + 2 * seed)
    pae = np.clip(pae * rng.uniform(0.93, 1.07, (n_res, n_res)), 0.25, MAX_PAE).astype(np.float32)
    np.fill_diagonal(pae, 0.25)
    return prediction(
        sequence,
        model=model,
        atom_positions=(positions + bend[:, None]).astype(np.float32),
        plddt=np.clip(plddt - 1.5 * seed + rng.normal(0, 0.6, n_res), 5, 98.5).astype(np.float32),
        pae=pae,
        ptm=round(0.84 - 0.02 * seed, 3),
        changes=(0.0, 2.5, 0.6, 0.12 + 0.02 * seed),
        **({"iptm": round(0.78 - 0.03 * seed, 3)} if chains[-1] > 1 else {}),
    )


def bundle_plddt(sequence: str) -> np.ndarray:
    """High in helices, low in loops and at the ends of each chain."""
    if CHAIN_BREAK in sequence:
        return np.concatenate([bundle_plddt(one) for one in sequence.split(CHAIN_BREAK)])
    n_res = len(sequence)
    loop = np.array([letter in LOOP for letter in sequence], float)
    end = np.exp(-np.minimum(np.arange(n_res), np.arange(n_res)[::-1]) / 2.5)
    return 96 - 35 * np.convolve(loop, [0.2, 0.6, 0.2], "same") - 50 * end


def results(
    layout: Layout,
    work: Path,
    predictions: list[Prediction],
    sequence: str,
    *,
    given: Features | None = None,
    relax: Relaxed | None = None,
    **facts: Any,
) -> None:
    """The files of a run as the pipeline leaves them; `relax` for the best one: made up if it is None."""
    work.mkdir(parents=True, exist_ok=True)
    chains = sequence.split(CHAIN_BREAK)
    made = complex_features(chains, 10, 20) if len(chains) > 1 else features(sequence, 40)
    write_features(work / "features.npz", given or made)
    scored = {}
    for p in predictions:
        confidence = confidence_of(PredictionId(p.model, 0, 0), p)
        write_prediction(layout, p, confidence, PROVENANCE)
        scored[confidence.who.name] = p, confidence
    ranking = rank(confidence for _, confidence in scored.values())
    best = ranking.entries[0].who.name
    record = relax or relaxed(scored[best][0])
    write_relaxed(layout, scored[best][0], record, scored[best][1], PROVENANCE)
    write_ranking(layout, ranking, {best: record.violations_after})
    relaxation = RelaxationRecord(
        relaxed=True,
        reason=None,
        notes=(),
        violations_before=tuple(record.violations_before.astype(int).tolist()),
        violations_after=tuple(record.violations_after.astype(int).tolist()),
        energy_before_kcal_mol=None,
        energy_after_kcal_mol=None,
        rmsd_heavy_angstrom=None,
        rounds=1,
        steps=1,
        files={},
    )
    write_run(layout, from_json(TargetRun, _run(layout.job, sequence, ranking, scored) | facts))
    write_bytes(work / f"relax_{best}.json", record_bytes(relaxation))
    write_done(layout)


def _run(name: str, sequence: str, ranking: Any, scored: Mapping[str, Any]) -> dict[str, Any]:
    models = [c.who.model for c in ranking.entries]
    entries = [to_json(PredictionScores.of(c)) for c in ranking.entries]
    timings = {"features": 15.5, "search_uniref90": 12.5}
    timings |= {f"predict_and_compile_{who}": 40.0 + 3 * k for k, who in enumerate(scored)}
    database = {"name": "uniref90", "path": "/data/uniref90.fasta", "hash": "5f" * 16}
    database |= {"sequences": 4096, "residues": 1 << 20, "too_long_skipped": 0, "hits": 39, "rows": 40, "seconds": 12.5}
    return {
        "name": name,
        "sequence": sequence,
        "source": "bundle.fasta, record 1",
        "settings": {"models": models, "recycles": 3, "seed": 0, "relax": "best", "data_dir": None},
        "engine": "torch",
        "precision": "bf16",
        "threads": 2,
        "versions": {"af2cpu": "1.2.3", "torch": "2.13.0", "numpy": "2.4.6"},
        "parameters": {c.who.model: {"source": "made up", "fingerprint": "0" * 32} for c in ranking.entries},
        "databases": [database],
        "ranking": entries,
        "not_relaxed": {},
        "warnings": [MADE_UP],
        "notes": [],
        "timings": timings | {f"relax_{entries[0]['name']}": 8.5},
    }


def bundle_results(layout: Layout, work: Path, n_helices: int = 4, n_models: int = 5, **facts: Any) -> None:
    """A bundle of helices in a results folder."""
    sequence = bundle_sequence(n_helices)
    positions, plddt = bundle_atoms(sequence), bundle_plddt(sequence)
    models = [f"model_{k + 1}_ptm" for k in range(n_models)]
    predictions = [plausible(sequence, positions, plddt, model, seed) for seed, model in enumerate(models)]
    results(layout, work, predictions, sequence, **{"given": features(sequence, 60)} | facts)


def complex_results(
    layout: Layout, work: Path, sizes: str = "2:2", n_models: int = 2, names: tuple[str, ...] = (), **facts: Any
) -> str:
    """A complex of bundles in a results folder; sizes: helices of each chain. Gives its sequence."""
    sequence = CHAIN_BREAK.join(bundle_sequence(int(size)) for size in sizes.split(CHAIN_BREAK))
    positions, plddt = complex_atoms(sequence), bundle_plddt(sequence)
    models = [f"model_{k + 1}_multimer_v3" for k in range(n_models)]
    predictions = [plausible(sequence, positions, plddt, model, seed) for seed, model in enumerate(models)]
    given = complex_features(sequence.split(CHAIN_BREAK), 20, 40)
    if names:
        given = replace(given, domain_name=np.array([name.encode() for name in names]))
    results(layout, work, predictions, sequence, **{"given": given} | facts)
    return sequence
