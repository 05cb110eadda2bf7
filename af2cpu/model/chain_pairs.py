# SPDX-License-Identifier: Apache-2.0
"""TM-scores that the aligned-error head expects of single chains and of pairs of chains.

A frame i and a chain b have one distribution of aligned errors: the mean over the residues j of b of the head's. Every
score is the expectation of 1 / (1 + (e / d0)^2) under such a distribution, at the best frame; they differ in the
residues that count and in the size of the protein that d0 is taken from (Zhang & Skolnick 2004, 10.1002/prot.20264).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from af2cpu.model.heads import Distogram, PredictedAlignedError, tm_scale
from af2cpu.ops.slicing import slices
from af2cpu.records import ChainPairs
from af2cpu.shapes import Float, Int

_CONTACT = 8.0  # angstrom between C-betas
_SURE = 0.6  # probability of a contact that counts


def chain_pairs(
    aligned_error: PredictedAlignedError,
    distogram: Distogram,
    z: Float[Tensor, "i i c_z"],
    mask: Float[Tensor, " i"],
    asym: Int[Tensor, " i"],
) -> ChainPairs | None:
    """Scores of each pair of chains; None where all residues are in one.

    chain_pair_iptm: AlphaFold 3's (Abramson et al. 2024, 10.1038/s41586-024-07487-w): AlphaFold-Multimer's ipTM of two
    chains as if they were alone, d0 of their residues; on the diagonal a chain's pTM, d0 of its residues.

    pairwise_iptm, pairwise_actifptm, actifptm: ColabFold's, d0 of all residues of the complex. actifpTM (Varga et al.
    2025, 10.1093/bioinformatics/btaf107) counts only residues that are in contact by the distogram.
    """
    chain = torch.unique(asym, return_inverse=True)[1]
    n_chains = int(chain.max()) + 1
    if n_chains == 1:
        return None
    member = torch.nn.functional.one_hot(chain, n_chains).float() * mask[:, None]  # [j, b]
    touches = _touches(distogram, z, member)
    errors = (_errors(aligned_error, z, a, rows, member, touches) for a, rows in _rows(chain, mask))
    centers = aligned_error.bin_centers()

    def expected(distribution: Tensor, sizes: Tensor) -> Tensor:
        """[i, b] from distributions [i, b, bins] and the sizes [b] that d0 is taken from."""
        terms = 1 / (1 + (centers / tm_scale(sizes)[:, None]) ** 2)
        return (distribution * terms).sum(-1)

    sizes, everyone = member.sum(0), mask.sum().expand(n_chains)
    alone, together, active = (torch.zeros(n_chains, n_chains) for _ in range(3))
    best_active = torch.zeros(())
    for frames in errors:
        a, here = frames.chain, touches[frames.rows]
        pair_sizes = sizes + sizes[a] * (torch.arange(n_chains) != a)
        alone[a] = expected(frames.all, pair_sizes).amax(0)
        together[a] = expected(frames.all, everyone).amax(0)
        tm = expected(frames.active, everyone)
        active[a] = (tm * here).amax(0)
        weight = here * frames.n_active
        best_active = torch.maximum(best_active, ((tm * weight).sum(1) / weight.sum(1).clamp(min=1)).max())
    off_diagonal = 1 - torch.eye(n_chains)
    return ChainPairs(
        chain_pair_iptm=torch.maximum(alone, alone.T).numpy(),
        pairwise_iptm=(torch.maximum(together, together.T) * off_diagonal).numpy(),
        pairwise_actifptm=torch.maximum(active, active.T).numpy(),
        actifptm=float(best_active),
    )


class _Errors(NamedTuple):
    """The aligned errors of a chain's frames."""

    chain: int
    rows: Tensor  # [r], its residues
    all: Tensor  # [r, b, bins], mean distribution over the residues of chain b
    active: Tensor  # [r, b, bins], over those in contact with this chain
    n_active: Tensor  # [b], how many these are


def _rows(chain: Tensor, mask: Tensor) -> Iterator[tuple[int, Tensor]]:
    """The residues of each chain that are not masked."""
    for a in range(int(chain.max()) + 1):
        rows = torch.nonzero((chain == a) & (mask > 0))[:, 0]
        if len(rows):
            yield a, rows


def _errors(head: PredictedAlignedError, z: Tensor, a: int, rows: Tensor, member: Tensor, touches: Tensor) -> _Errors:
    """Computed by rows, so that memory never holds all logits."""
    near = member * touches[:, a : a + 1]
    weights = torch.cat([x / x.sum(0).clamp(min=1) for x in (member, near)], dim=1)
    both = torch.empty(len(rows), weights.shape[1], head.n_bins)
    for part in slices(len(rows), z.shape[1] * (z.shape[2] + 3 * head.n_bins) * 4):
        probabilities = torch.softmax(head(z[rows[part]].float()), dim=-1)
        both[part] = torch.einsum("rjk,jb->rbk", probabilities, weights)
    everyone, active = both.chunk(2, dim=1)
    return _Errors(a, rows, everyone, active, near.sum(0))


def _touches(distogram: Distogram, z: Tensor, member: Tensor) -> Tensor:
    """[i, b]: 1 where residue i is in contact with a residue of chain b, another than its own."""
    edges = torch.cat([torch.zeros(1), distogram.breaks()])
    close = int((edges < _CONTACT).sum())  # bins that begin below the distance, as in ColabFold
    touches = torch.empty_like(member)
    for rows in slices(len(member), z.shape[1] * (2 * z.shape[2] + 3 * len(edges)) * 4):
        probability = torch.softmax(distogram.rows(z, rows), dim=-1)[..., :close].sum(-1)
        touches[rows] = ((probability >= _SURE).float() @ member > 0).float()
    return touches * (1 - (member > 0).float()) * member.sum(1, keepdim=True)
