# SPDX-License-Identifier: Apache-2.0
"""The pieces of the demo network's training: losses that are zero for the truth, the optimiser, the evolution."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from synthetic.evolution import LETTERS, random_letters, substituted
from training import losses
from training.draws import decoy, sample, strangers
from training.initial import initialise
from training.muon import Optimiser, orthogonalised
from training.proteins import Target, cropped, target_of
from training.violations import _clashes, violation_loss

from af2cpu.chemistry.residues import ATOM37_EXISTS, aatype_of
from af2cpu.features.config import SamplingConfig
from af2cpu.formats.chain import ProteinChain
from af2cpu.geometry.rigid import Rigid
from af2cpu.model.alphafold import AlphaFold
from af2cpu.model.atoms import compute_all_atom_coordinates
from af2cpu.model.config import model_config
from af2cpu.model.structure import Structure

SEQUENCE = "ACDEFGHIKLMNPQRSTVWYDEFYG"
HALF = 12


@pytest.fixture(scope="module")
def structure() -> Structure:
    """Residues of ideal geometry along a random backbone."""
    generator = torch.Generator().manual_seed(1)
    n = len(SEQUENCE)
    rot = torch.linalg.qr(torch.randn(n, 3, 3, generator=generator))[0]
    rot = rot * torch.sign(torch.det(rot))[:, None, None]
    backbone = Rigid(rot, torch.cumsum(2.2 * torch.randn(n, 3, generator=generator), 0))
    angles = torch.nn.functional.normalize(torch.randn(n, 7, 2, generator=generator), dim=-1)
    atoms = compute_all_atom_coordinates(backbone, angles, torch.as_tensor(aatype_of(SEQUENCE)).long())
    return Structure(atoms, torch.zeros(n, 8), (backbone,), (angles,))


@pytest.fixture(scope="module")
def target(structure: Structure) -> Target:
    return target_of([_chain(structure)])


def _chain(structure: Structure) -> ProteinChain:
    return ProteinChain("A", SEQUENCE, structure.atoms.atom37.numpy(), structure.atoms.atom37_mask.numpy())


@pytest.fixture(scope="module")
def halves(structure: Structure) -> Target:
    """The same residues as two chains."""
    chain = _chain(structure)
    return target_of([cropped(chain, slice(0, HALF)), cropped(chain, slice(HALF, None))])


def test_the_truth_has_no_loss(structure: Structure, target: Target) -> None:
    floor = math.sqrt(1e-4) / 10  # of the square root's epsilon
    assert losses.backbone_loss(structure.backbones[0], target, 0.1) == pytest.approx(floor, abs=1e-4)
    assert losses.all_atom_loss(structure, target, 0.1) == pytest.approx(floor, abs=1e-3)
    known = target.torsions.mask[..., None] > 0
    angles = torch.where(known, target.torsions.sin_cos, structure.angles[0])
    assert losses.torsion_loss(angles, target) < 1e-4
    atoms, mask = structure.atoms.atom14[:, 1], target.atom14_mask[:, 1]
    assert losses.lddt(atoms, target.atom14[:, 1], mask).min() == 1
    assert losses.rmsd(atoms, target.atom14[:, 1], mask) < 1e-3


def test_losses_do_not_see_where_a_structure_stands(structure: Structure, target: Target) -> None:
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(2)))[0]
    turn = turn * torch.sign(torch.det(turn))
    moved = Rigid(turn @ structure.backbones[0].rot, structure.backbones[0].trans @ turn.T + 5)
    assert losses.backbone_loss(moved, target, 0.1) < 0.002
    assert losses.aligned_error(moved, target).max() < 1e-3
    mirrored = Rigid(structure.backbones[0].rot, -structure.backbones[0].trans)
    assert losses.backbone_loss(mirrored, target, 0.1) > 0.2
    assert losses.rmsd(mirrored.trans, target.atom14[:, 1], target.atom14_mask[:, 1]) > 1  # no reflection


def test_symmetric_side_chains_have_two_names(structure: Structure, target: Target) -> None:
    """With the atoms of ASP, GLU, PHE and TYR named the other way nothing is lost."""
    other = target._replace(
        atom14=target.atom14_alt,
        atom14_alt=target.atom14,
        frames=target.frames_alt,
        frames_alt=target.frames,
    )
    assert (other.atom14 != target.atom14).any(-1).sum() == 2 * 2 + 2 * 2 + 2 * 4 + 2 * 4
    assert losses.all_atom_loss(structure, other, 0.1) == pytest.approx(
        float(losses.all_atom_loss(structure, target, 0.1))
    )
    without = other._replace(atom14_alt=other.atom14, frames_alt=other.frames)
    assert losses.all_atom_loss(structure, without, 0.1) > 0.01


def test_violations_have_gradients(structure: Structure) -> None:
    aatype = torch.as_tensor(aatype_of(SEQUENCE)).long()
    atoms = structure.atoms.atom14.clone().requires_grad_()
    chain = torch.zeros(len(SEQUENCE))
    loss = violation_loss(aatype, atoms, chain)
    loss.backward()
    assert loss > 0.1  # a random walk breaks every peptide bond
    assert atoms.grad is not None
    assert torch.isfinite(atoms.grad).all()
    with torch.no_grad():
        assert violation_loss(aatype, atoms - 0.01 * atoms.grad / atoms.grad.norm(), chain) < loss


def test_chains_have_no_bond_between_them(structure: Structure, target: Target, halves: Target) -> None:
    """The peptide link from one chain to the next is neither wanted nor free of clashes, and has no torsion angles."""
    atoms = structure.atoms.atom14.clone()
    apart = atoms + 100.0 * halves.chain[:, None, None]
    further = atoms + 200.0 * halves.chain[:, None, None]
    assert violation_loss(target.aatype, apart, halves.chain) == pytest.approx(
        float(violation_loss(target.aatype, further, halves.chain)), rel=1e-4
    )
    assert violation_loss(target.aatype, further, target.chain) > 1 + violation_loss(target.aatype, apart, target.chain)
    atoms[HALF, 0] = atoms[HALF - 1, 2] + torch.tensor([1.3, 0.0, 0.0])  # N at the distance of a bond from C
    clashes = [_clashes(target.aatype, atoms, chain) for chain in (target.chain, halves.chain)]
    assert clashes[1] > clashes[0] + 0.9
    assert target.torsions.mask[HALF, :2].tolist() == [1, 1]
    assert halves.torsions.mask[HALF, :2].tolist() == [0, 0]  # pre-omega and phi
    assert torch.equal(target.torsions.mask[:HALF], halves.torsions.mask[:HALF])


def test_an_error_between_chains_counts_more(structure: Structure, target: Target, halves: Target) -> None:
    """Up to 30 angstrom, within a chain up to 10."""
    moved = Rigid(structure.backbones[0].rot, structure.backbones[0].trans + 100.0 * halves.chain[:, None])
    n, m = HALF, len(SEQUENCE) - HALF
    between = 2 * n * m / (n + m) ** 2  # share of the pairs
    assert losses.backbone_loss(moved, target, 0.0) == pytest.approx(between, abs=2e-3)
    assert losses.backbone_loss(moved, halves, 0.0) == pytest.approx(3 * between, abs=2e-3)
    atoms = structure.atoms._replace(atom14=structure.atoms.atom14 + 100.0 * halves.chain[:, None, None])
    torn = replace(structure, atoms=atoms)
    assert losses.all_atom_loss(torn, halves, 0.0) > 1.5 * losses.all_atom_loss(torn, target, 0.0) > 0.3


def test_orthogonal_steps() -> None:
    generator = torch.Generator().manual_seed(0)
    for shape in ((5, 9), (9, 5)):
        matrix = torch.randn(shape, generator=generator)
        values = torch.linalg.svdvals(orthogonalised(matrix))
        assert ((values > 0.6) & (values < 1.3)).all()
        u, _, vt = torch.linalg.svd(matrix, full_matrices=False)
        assert torch.nn.functional.cosine_similarity((u @ vt).flatten(), orthogonalised(matrix).flatten(), dim=0) > 0.95


def test_the_optimiser_finds_a_minimum() -> None:
    torch.manual_seed(0)
    layer = torch.nn.Linear(6, 4)
    x, wanted = torch.randn(64, 6), torch.randn(4, 6)
    optimiser = Optimiser(layer.named_parameters(), 0.05, 0.05)
    for step in range(1, 401):
        ((layer(x) - x @ wanted.T) ** 2).mean().backward()
        optimiser.step(step, 1 - step / 401)
    assert torch.allclose(layer.weight, wanted, atol=0.05)
    assert layer.weight.grad is None


def test_a_new_network_moves_nothing(structure: Structure) -> None:
    """Residual branches start at zero: the first pass is that of the embedders alone. And a seed gives one network."""
    config = model_config("tiny")
    models = [AlphaFold(config) for _ in range(2)]
    for model in models:
        initialise(model, 3)
    first, second = (model.state_dict() for model in models)
    assert all(torch.equal(first[name], second[name]) for name in first)
    m, z = torch.randn(3, 5, config.c_m), torch.randn(5, 5, config.c_z)
    after = models[0].evoformer(m, z, torch.ones(3, 5), torch.ones(5, 5))
    assert torch.equal(after[0], m)
    assert torch.equal(after[1], z)


def test_draws_are_of_all_kinds(structure: Structure) -> None:
    config = SamplingConfig(32, 64, 4)
    chain = replace(_chain(structure), mask=ATOM37_EXISTS[aatype_of(SEQUENCE)])
    drawn = [sample(np.random.default_rng(seed), [chain], config) for seed in range(60)]
    rows = [len(one.msa_feat) + len(one.extra_msa) for one in drawn]
    assert min(rows) == 1
    assert max(rows) > 28
    assert {len(one.template_mask) for one in drawn} == {0, 1, 2}
    alone = [sample(np.random.default_rng(seed), [chain], config, 0.0) for seed in range(9)]
    assert all(len(one.msa_feat) == 1 and not len(one.template_mask) for one in alone)
    sequences = {decoy(np.random.default_rng(seed), [SEQUENCE]).sequence for seed in range(20)}
    assert len(sequences) == 20
    assert SEQUENCE not in sequences


def test_chains_are_drawn_together(structure: Structure) -> None:
    """Copies share their rows; different chains have rows of both, paired, and rows of one with gaps beside."""
    config = SamplingConfig(32, 64, 4, draw="multimer")
    whole = replace(_chain(structure), mask=ATOM37_EXISTS[aatype_of(SEQUENCE)])
    first, second = (cropped(whole, part) for part in (slice(0, HALF), slice(HALF, None)))
    gap = 21
    of_both, of_one = 0, 0
    for seed in range(40):
        drawn = sample(np.random.default_rng(seed), [first, second], config)
        assert drawn.asym_id.tolist() == [1] * HALF + [2] * (len(SEQUENCE) - HALF)
        gaps = np.stack([(drawn.extra_msa[:, part] == gap).all(axis=1) for part in (slice(0, HALF), slice(HALF, None))])
        of_both += int((~gaps.any(axis=0)).sum())
        of_one += int((gaps[0] ^ gaps[1]).sum())
        copies = sample(np.random.default_rng(seed), [first, first], config)
        assert np.array_equal(copies.extra_msa[:, :HALF], copies.extra_msa[:, HALF:])
        assert copies.sym_id.tolist() == [1] * HALF + [2] * HALF
    assert of_one > 20
    assert of_both > 0


def test_strangers_are_no_known_complex() -> None:
    known, others = [["AAAA", "CCCC"], ["DDDDD", "DDDDD"]], ["KLMNPQ"]
    drawn = [[c.sequence for c in strangers(np.random.default_rng(seed), known, others)] for seed in range(300)]
    assert {len(sequences) for sequences in drawn} == {1, 2, 3, 4}
    assert not [sequences for sequences in drawn if sorted(sequences) in known]
    assert ["AAAA", "AAAA"] in drawn
    assert ["AAAA", "CCCC"] * 2 in drawn
    assert ["DDDDD"] * 3 in drawn
    assert ["DDDDD"] in drawn
    assert [sequences for sequences in drawn if {"AAAA", "DDDDD"} <= set(sequences)]
    assert [sequences for sequences in drawn if "KLMNPQ" in sequences]
    assert [sequences for sequences in drawn if not set(sequences) & {"AAAA", "CCCC", "DDDDD", "KLMNPQ"}]


def test_relatives_are_like_their_ancestor() -> None:
    rng = np.random.default_rng(0)
    letters = random_letters(rng, 20_000)
    assert set(letters) == set(LETTERS)
    relative = substituted(rng, letters, 0.3)
    assert np.mean(relative != letters) == pytest.approx(0.3, abs=0.02)
    leucines = relative[(letters == ord("L")) & (relative != letters)]
    assert np.mean(np.isin(leucines, list(b"IVMF"))) > 0.35  # twice their share of all
    assert (substituted(rng, np.frombuffer(b"XBZ", np.uint8), 1.0) == np.frombuffer(b"XBZ", np.uint8)).all()
