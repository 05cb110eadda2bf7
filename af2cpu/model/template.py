"""Templates: pair stack, pointwise attention, torsion rows (Algorithms 16 and 17, Algorithm 2 lines 7-13)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from ml_collections import ConfigDict
from torch import Tensor, nn

from af2cpu.chemistry import residues
from af2cpu.geometry.distance import distogram, squared_distances
from af2cpu.geometry.torsion import torsions_from_atoms
from af2cpu.model.layers import LayerNorm, Linear, parameter
from af2cpu.model.pair import PairLayers
from af2cpu.ops.slicing import build_rows
from af2cpu.ops.template_attention import (
    TemplateAttentionWeights,
    add_templates,
    gather_template,
    nothing_gathered,
)
from af2cpu.shapes import Float

N_CLASSES = 22  # 20 amino acids, unknown, gap


class Templates(NamedTuple):
    """The template features of one draw."""

    aatype: Tensor  # [t, i]
    positions: Tensor  # [t, i, 37, 3], angstrom
    atom_mask: Tensor  # [t, i, 37]
    beta: Tensor  # [t, i, 3], pseudo C-beta, angstrom
    beta_mask: Tensor  # [t, i]
    mask: Tensor  # [t]

    def one(self, t: int) -> Templates:
        return Templates(*(x[t] for x in self))


class TemplatePairBlock(PairLayers):
    """One block of the template pair stack: attention first, then multiplication."""

    def forward(self, t: Float[Tensor, "i i c_t"], mask: Float[Tensor, "i i"]) -> Float[Tensor, "i i c_t"]:
        t = self.triangle_attention_starting(t, mask)
        t = self.triangle_attention_ending(t, mask)
        t = self.triangle_multiplication_outgoing(t, mask)
        t = self.triangle_multiplication_incoming(t, mask)
        return self.pair_transition(t)


class TemplatePairStack(nn.Module):
    """Algorithm 16 TemplatePairStack: n_blocks blocks, then a layer norm. t [n_res, n_res, c_t] -> t."""

    def __init__(self, c_t: int, config: ConfigDict) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(TemplatePairBlock(c_t, config) for _ in range(config.n_blocks))
        self.norm = LayerNorm(c_t)

    def forward(self, t: Float[Tensor, "i i c_t"], mask: Float[Tensor, "i i"]) -> Float[Tensor, "i i c_t"]:
        for block in self.blocks:
            t = block(t, mask)
        return self.norm(t)


class TemplatePairEmbedder(nn.Module):
    """Algorithm 2 lines 9-11 for one template: pair features, linear, pair stack. -> [n_res, n_res, c_t].

    DEVIATION from the paper, as the published models: the three channels of the unit vector are zero, and a pair
    counts only where both backbones (N, C-alpha, C) are known; tests/parity/network/test_modules.py pins it.
    """

    N_UNIT_VECTOR = 3

    def __init__(self, config: ConfigDict) -> None:
        super().__init__()
        self.bins = config.dgram
        self.linear = Linear(config.dgram.n_bins + 1 + 2 * N_CLASSES + self.N_UNIT_VECTOR + 1, config.c_t)
        self.stack = TemplatePairStack(config.c_t, config)

    def forward(self, template: Templates, pair_mask: Float[Tensor, "i i"]) -> Float[Tensor, "i i c_t"]:
        n_res, width = template.aatype.shape[0], self.linear.in_features
        dtype = self.linear.weight.dtype
        letters = F.one_hot(template.aatype.long(), N_CLASSES).to(dtype)
        backbone = template.atom_mask[:, [residues.N, residues.CA, residues.C]].prod(-1)

        def embed(rows: slice) -> Tensor:
            shape = letters[rows].shape[0], n_res
            both_backbones = (backbone[rows, None] * backbone).to(dtype)[..., None]
            features = [
                distogram(squared_distances(template.beta[rows], template.beta), **self.bins).to(dtype),
                (template.beta_mask[rows, None] * template.beta_mask).to(dtype)[..., None],
                letters[None].expand(*shape, N_CLASSES),
                letters[rows, None].expand(*shape, N_CLASSES),
                letters.new_zeros(*shape, self.N_UNIT_VECTOR),
                both_backbones,
            ]
            return self.linear(torch.cat(features, dim=-1) * both_backbones)

        return self.stack(build_rows(n_res, 4 * n_res * width * 4, embed), pair_mask)


class TemplatePointwiseAttention(nn.Module):
    """Algorithm 17 TemplatePointwiseAttention: z_ij += sum_t softmax_t(q_ij k_tij / sqrt(c)) v_tij, not gated.

    DEVIATION from the paper, as DeepMind's code: z is not normalised; tests/parity/network/test_modules.py pins it.
    t [n_res, n_res, c_t] for each template, asked for one after the other; z [n_res, n_res, c_z] -> z.
    """

    def __init__(self, c_z: int, c_t: int, config: ConfigDict) -> None:
        super().__init__()
        shape = (config.n_heads, config.head_dim)
        self.q = parameter(c_z, *shape)
        self.k = parameter(c_t, *shape)
        self.v = parameter(c_t, *shape)
        self.out = parameter(*shape, c_z)
        self.out_bias = parameter(c_z)

    def forward(
        self, templates: Iterable[Float[Tensor, "i i c_t"]], z: Float[Tensor, "i i c_z"]
    ) -> Float[Tensor, "i i c_z"]:
        weights = TemplateAttentionWeights(self.q, self.k, self.v, self.out, self.out_bias)
        state = nothing_gathered(z, weights)
        for t in templates:
            state = gather_template(state, z, t, weights)
            del t  # it is large, and the next one is made before the loop would let go of it
        return add_templates(z, state, weights)


class TemplateTorsionEmbedder(nn.Module):
    """Algorithm 2 lines 7-8: one MSA row per template from its residue types and torsion angles.

    m_ti = W relu(W' concat(one_hot, torsions, alternative torsions, mask)). -> m [n_templ, n_res, c_m], its mask.
    """

    def __init__(self, c_m: int) -> None:
        super().__init__()
        self.up = Linear(N_CLASSES + 2 * 14 + 7, c_m)
        self.out = Linear(c_m, c_m)

    def forward(self, templates: Templates) -> tuple[Float[Tensor, "t i c_m"], Float[Tensor, "t i"]]:
        torsions = torsions_from_atoms(templates.aatype, templates.positions, templates.atom_mask)
        letters = F.one_hot(templates.aatype.long(), N_CLASSES).float()
        features = [letters, torsions.sin_cos.flatten(-2), torsions.alt_sin_cos.flatten(-2), torsions.mask]
        m = self.out(F.relu(self.up(torch.cat(features, dim=-1).to(self.up.weight.dtype))))
        psi_mask = torsions.mask[..., 2]  # psi needs the backbone atoms of this residue alone
        return m, psi_mask.to(m.dtype)


class TemplateEmbedder(nn.Module):
    """All that templates do: z += pair attention over those that exist, and `torsion` makes rows for m."""

    def __init__(self, c_m: int, c_z: int, config: ConfigDict) -> None:
        super().__init__()
        self.pair = TemplatePairEmbedder(config)
        self.attention = TemplatePointwiseAttention(c_z, config.c_t, config.pointwise_attention)
        self.torsion = TemplateTorsionEmbedder(c_m)

    def forward(
        self, templates: Templates, z: Float[Tensor, "i i c_z"], pair_mask: Float[Tensor, "i i"]
    ) -> Float[Tensor, "i i c_z"]:
        exist = [k for k, mask in enumerate(templates.mask) if mask > 0]
        if not exist:
            return z
        return self.attention((self.pair(templates.one(k), pair_mask) for k in exist), z)
