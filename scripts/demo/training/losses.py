# SPDX-License-Identifier: Apache-2.0
"""The losses of supplement 1.9, differentiable, for a protein or complex. Lengths in angstrom."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from af2cpu.geometry.distance import pseudo_beta
from af2cpu.geometry.rigid import Rigid
from af2cpu.model.structure import Structure
from training.proteins import Target

_CA14 = 1  # slot of C-alpha in every residue
# Angstrom, of FAPE. Between chains an atom's error counts up to 30 (Evans et al. 2021, AlphaFold-Multimer).
_CLAMP, _CLAMP_BETWEEN, _SCALE = 10.0, 30.0, 10.0


class Posed(NamedTuple):
    """Frames [f] and atoms [a, 3] of one structure."""

    frames: Rigid
    atoms: Tensor


class Known(NamedTuple):
    """Which frames or atoms the experiment has, and their chains: [f] or [a]."""

    mask: Tensor
    chain: Tensor


def fape(predicted: Posed, true: Posed, frames: Known, atoms: Known, unclamped: float) -> Tensor:
    """Algorithm 28 computeFAPE, of all frames against all atoms; what the masks leave out is not computed.

    `unclamped`: share of the loss without the clamp; AlphaFold 2 takes it for a tenth of its batches.
    """
    use, seen = frames.mask > 0, atoms.mask > 0

    def local(posed: Posed) -> Tensor:
        rigid = Rigid(posed.frames.rot[use], posed.frames.trans[use])
        return rigid.unsqueeze(-1).apply_inverse(posed.atoms[seen])

    distance = torch.sqrt((local(predicted) - local(true)).square().sum(-1) + 1e-4)
    same_chain = frames.chain[use][:, None] == atoms.chain[seen]
    limit = torch.where(same_chain, _CLAMP, _CLAMP_BETWEEN)
    return ((1 - unclamped) * torch.minimum(distance, limit) + unclamped * distance).mean() / _SCALE


def backbone_loss(backbone: Rigid, target: Target, unclamped: float) -> Tensor:
    """FAPE of C-alpha atoms in the backbone frames of one layer (Algorithm 20 line 17)."""
    seen = Known(target.frames_mask[:, 0], target.chain)
    true = Rigid(target.frames.rot[:, 0], target.frames.trans[:, 0])
    return fape(Posed(backbone, backbone.trans), Posed(true, true.trans), seen, seen, unclamped)


def with_better_names(structure: Structure, target: Target) -> tuple[Rigid, Tensor]:
    """Algorithm 26 renameSymmetricGroundTruthAtoms: true frames and atoms under the names that fit better."""
    atoms, mask = structure.atoms.atom14.detach(), target.atom14_mask
    ambiguous = ((target.atom14 - target.atom14_alt).abs().sum(-1) > 0).float() * mask
    fixed = (mask - ambiguous).flatten() > 0
    rows = ambiguous.sum(-1) > 0
    if not rows.any():
        return target.frames, target.atom14
    predicted = torch.cdist(atoms[rows].flatten(0, 1), atoms.flatten(0, 1)[fixed])

    def error(names: Tensor) -> Tensor:
        true = torch.cdist(names[rows].flatten(0, 1), target.atom14.flatten(0, 1)[fixed])
        return ((predicted - true).abs().sum(-1) * ambiguous[rows].flatten()).unflatten(0, (-1, 14)).sum(-1)

    turned = torch.zeros(len(mask), dtype=torch.bool)
    turned[rows] = error(target.atom14_alt) < error(target.atom14)
    atom14 = torch.where(turned[:, None, None], target.atom14_alt, target.atom14)
    rot = torch.where(turned[:, None, None, None], target.frames_alt.rot, target.frames.rot)
    return Rigid(rot, target.frames.trans), atom14


def all_atom_loss(structure: Structure, target: Target, unclamped: float) -> Tensor:
    """FAPE of all atoms in all rigid groups (Algorithm 20 line 28)."""
    frames, atom14 = with_better_names(structure, target)
    predicted = structure.atoms

    def flat(rigid: Rigid) -> Rigid:
        return Rigid(rigid.rot.flatten(0, 1), rigid.trans.flatten(0, 1))

    def known(mask: Tensor) -> Known:
        return Known(mask.flatten(), target.chain.repeat_interleave(mask.shape[1]))

    return fape(
        Posed(flat(predicted.frames), predicted.atom14.flatten(0, 1)),
        Posed(flat(frames), atom14.flatten(0, 1)),
        known(target.frames_mask),
        known(target.atom14_mask),
        unclamped,
    )


def torsion_loss(angles: Tensor, target: Target) -> Tensor:
    """Algorithm 27 torsionAngleLoss: angles [i, 7, 2], not normalised."""
    length = angles.norm(dim=-1)
    unit = angles / length.clamp(min=1e-6)[..., None]
    true = target.torsions
    error = torch.minimum((unit - true.sin_cos).square().sum(-1), (unit - true.alt_sin_cos).square().sum(-1))
    return (error * true.mask).sum() / true.mask.sum() + 0.02 * (length - 1).abs().mean()


def distogram_loss(logits: Tensor, target: Target) -> Tensor:
    """Supplement 1.9.8: C-beta distances, 64 bins from 2 to 22 angstrom."""
    beta = pseudo_beta(target.aatype, target.atom37)
    mask = _beta_mask(target)
    bins = torch.bucketize(torch.cdist(beta, beta), torch.linspace(2.3125, 21.6875, logits.shape[-1] - 1))
    pairs = mask[:, None] * mask[None, :] > 0
    return F.cross_entropy(logits[pairs], bins[pairs])


def _beta_mask(target: Target) -> Tensor:
    return pseudo_beta(target.aatype, target.atom37_mask[..., None].expand(-1, -1, 3))[:, 0]


def lddt(predicted: Tensor, true: Tensor, mask: Tensor) -> Tensor:
    """lDDT of C-alpha atoms, 0-1, for each residue (supplement 1.9.6). predicted, true [i, 3], mask [i]."""
    true_distance, distance = torch.cdist(true, true), torch.cdist(predicted, predicted)
    scored = (true_distance < 15) * mask[:, None] * mask[None, :] * (1 - torch.eye(len(mask)))
    error = (true_distance - distance).abs()
    kept = torch.stack([(error < limit).float() for limit in (0.5, 1, 2, 4)]).mean(0)
    return (scored * kept).sum(-1) / scored.sum(-1).clamp(min=1e-6)


def aligned_error(backbone: Rigid, target: Target) -> Tensor:
    """[i, i] error of the C-alpha of j when aligned on the frame of i (supplement 1.9.7)."""
    true = Rigid(target.frames.rot[:, 0], target.frames.trans[:, 0])
    local = backbone.unsqueeze(-1).apply_inverse(backbone.trans) - true.unsqueeze(-1).apply_inverse(true.trans)
    return local.norm(dim=-1)


def plddt_loss(logits: Tensor, structure: Structure, target: Target) -> Tensor:
    """Cross-entropy of the binned lDDT of this very prediction."""
    mask = target.atom14_mask[:, _CA14]
    score = lddt(structure.atoms.atom14[:, _CA14].detach(), target.atom14[:, _CA14], mask)
    n_bins = logits.shape[-1]
    bins = (score * n_bins).long().clamp(max=n_bins - 1)
    return F.cross_entropy(logits[mask > 0], bins[mask > 0])


def pae_loss(logits: Tensor, structure: Structure, target: Target, max_error: float) -> Tensor:
    """Cross-entropy of the binned aligned errors of this very prediction."""
    backbone = structure.backbones[-1]
    error = aligned_error(Rigid(backbone.rot.detach(), backbone.trans.detach()), target)
    edges = torch.linspace(0, max_error, logits.shape[-1] - 1)[1:]
    bins = torch.bucketize(error, torch.cat([edges, edges[-1:] + edges[0]]))
    mask = target.frames_mask[:, 0]
    pairs = mask[:, None] * mask[None, :] > 0
    return F.cross_entropy(logits[pairs], bins[pairs].clamp(max=logits.shape[-1] - 1))


def superposed(predicted: Tensor, true: Tensor, mask: Tensor) -> Tensor:
    """Distances after the best superposition of what the mask has, angstrom (Kabsch). [i, 3], mask [i]."""
    p, q = predicted[mask > 0].double(), true[mask > 0].double()
    p, q = p - p.mean(0), q - q.mean(0)
    u, _, vt = torch.linalg.svd(p.T @ q)
    turn = torch.ones(3, dtype=p.dtype)
    turn[2] = torch.sign(torch.det(u) * torch.det(vt))
    return ((p @ (u * turn) @ vt) - q).norm(dim=-1)


def rmsd(predicted: Tensor, true: Tensor, mask: Tensor) -> float:
    """Root mean square of these distances, angstrom."""
    return float(superposed(predicted, true, mask).square().mean().sqrt())
