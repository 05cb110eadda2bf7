# SPDX-License-Identifier: Apache-2.0
"""Templates: pair stack, pointwise attention, torsion rows (Algorithms 16 and 17, Algorithm 2 lines 7-13).

AlphaFold-Multimer averages over the templates instead of attending to them, and embeds other features. Its templates
are templates of single chains: distances and directions between chains are zero.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from ml_collections import ConfigDict
from torch import Tensor, nn

from af2cpu.chemistry import residues
from af2cpu.geometry.distance import distogram, squared_distances
from af2cpu.geometry.rigid import Rigid, rigid_from_3_points
from af2cpu.geometry.torsion import torsions_from_atoms
from af2cpu.model.dropout import Dropout
from af2cpu.model.embed import ChainNumbers
from af2cpu.model.layers import Layer, LayerNorm, Linear, Weights, parameter
from af2cpu.model.pair import PairLayers
from af2cpu.ops.dispatch import release_memory
from af2cpu.ops.linear import LinearWeights, linear
from af2cpu.ops.slicing import build_rows, update_rows
from af2cpu.ops.template_attention import (
    TemplateAttentionWeights,
    add_templates,
    gather_template,
    nothing_gathered,
)
from af2cpu.ops.weights import ready
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

    @classmethod
    def empty(cls, n_res: int) -> Templates:
        """One empty template, all zeros, as the padding of multimer models."""
        zeros = torch.zeros
        shapes = (n_res, 37, 3), (n_res, 37), (n_res, 3), (n_res,), ()
        return cls(zeros(n_res, dtype=torch.long), *(zeros(shape) for shape in shapes))


class TemplatePairBlock(PairLayers):
    """One block of the template pair stack: attention first, then multiplication; the reverse in multimer models."""

    def __init__(self, c_t: int, config: ConfigDict) -> None:
        super().__init__(c_t, config)
        self.multiplication_first = config.multiplication_first

    def forward(self, t: Float[Tensor, "i i c_t"], mask: Float[Tensor, "i i"]) -> Float[Tensor, "i i c_t"]:
        attention = self.triangle_attention_starting, self.triangle_attention_ending
        multiplication = self.triangle_multiplication_outgoing, self.triangle_multiplication_incoming
        layers = (*multiplication, *attention) if self.multiplication_first else (*attention, *multiplication)
        for layer in layers:
            t = layer(t, mask)
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
        release_memory()
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
        n_res, width = template.aatype.shape[0], self.linear.weight.shape[1]
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


class TemplateAndPairEmbedder(nn.Module):
    """AlphaFold-Multimer's pair features of one template, with the pair representation. -> [n_res, n_res, c_t].

    t_ij = a sum of linear layers, one for each feature: distance bins, whether both pseudo C-beta are known, residue
    type of j, of i, the three coordinates of the direction of j's C-alpha in i's frame, whether both backbones are
    known, LN(z_ij); then the pair stack. The geometric features are zero between chains.
    DEVIATION from DeepMind's code: the direction of a residue from itself is zero; there it is rounding noise blown up
    to length 1 (validate.reference.clean_directions). tests/parity/network/test_multimer.py pins it.
    """

    def __init__(self, c_z: int, config: ConfigDict) -> None:
        super().__init__()
        self.bins = config.dgram
        sizes = (config.dgram.n_bins, 1, N_CLASSES, N_CLASSES, 1, 1, 1, 1, c_z)
        self.linears = nn.ModuleList(nn.Linear(size, config.c_t) for size in sizes)
        self.z_norm = LayerNorm(c_z)
        self.stack = TemplatePairStack(config.c_t, config)

    def forward(
        self, template: Templates, z: Float[Tensor, "i i c_z"], pair_mask: Float[Tensor, "i i"], chains: ChainNumbers
    ) -> Float[Tensor, "i i c_t"]:
        n_res, dtype = template.aatype.shape[0], z.dtype
        letters = F.one_hot(template.aatype.long(), N_CLASSES).to(dtype)
        n, ca, c = (template.positions[:, k] for k in (residues.N, residues.CA, residues.C))
        frames = rigid_from_3_points(n, ca, c)
        backbone = template.atom_mask[:, [residues.N, residues.CA, residues.C]].prod(-1)
        linears = [cast(nn.Linear, layer) for layer in self.linears]
        *of_features, of_pair = linears
        weight = torch.cat([layer.weight for layer in of_features], dim=1)  # their sum is one product
        bias = torch.stack([layer.bias for layer in linears]).sum(0)
        width = weight.shape[1] + z.shape[2]
        features_weights, pair_weights = ready(LinearWeights(weight, bias)), ready(LinearWeights(of_pair.weight))

        def embed(rows: slice) -> Tensor:
            same_chain = chains.same_chain(rows)
            both_betas = (template.beta_mask[rows, None] * template.beta_mask * same_chain)[..., None]
            both_backbones = (backbone[rows, None] * backbone * same_chain)[..., None]
            bins = distogram(squared_distances(template.beta[rows], template.beta), **self.bins)
            there = Rigid(frames.rot[rows, None], frames.trans[rows, None]).apply_inverse(ca)
            direction = there / there.square().sum(-1, keepdim=True).clamp(min=1e-12).sqrt()
            shape = len(both_betas), n_res, N_CLASSES
            features = [
                (bins * both_betas).to(dtype),
                both_betas.to(dtype),
                letters[None].expand(shape),
                letters[rows, None].expand(shape),
                (direction * both_backbones).to(dtype),
                both_backbones.to(dtype),
            ]
            return linear(torch.cat(features, dim=-1), features_weights) + linear(self.z_norm(z[rows]), pair_weights)

        return self.stack(build_rows(n_res, 4 * n_res * width * 4, embed), pair_mask)


class TemplatePointwiseAttention(Layer):
    """Algorithm 17 TemplatePointwiseAttention: z_ij += sum_t softmax_t(q_ij k_tij / sqrt(c)) v_tij, not gated.

    DEVIATION from the paper, as DeepMind's code: z is not normalised; tests/parity/network/test_modules.py pins it.
    t [n_res, n_res, c_t] for each template, asked for one after the other; z [n_res, n_res, c_z] -> z.
    """

    weights = Weights(TemplateAttentionWeights)

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
        state = nothing_gathered(z, self.weights)
        for t in templates:
            state = gather_template(state, z, t, self.weights)
            del t  # it is large: freed before the iterator makes the next one
        return add_templates(z, state, self.weights)


class TemplateMean(nn.Module):
    """z_ij += W relu(mean_t t_tij), as in AlphaFold-Multimer.

    For each template t [n_res, n_res, c_t] and its number of copies; z [n_res, n_res, c_z] -> z.
    """

    def __init__(self, c_z: int, c_t: int) -> None:
        super().__init__()
        self.out = Linear(c_t, c_z)

    def forward(
        self, templates: Iterable[tuple[Float[Tensor, "i i c_t"], int]], z: Float[Tensor, "i i c_z"]
    ) -> Float[Tensor, "i i c_z"]:
        total, n_templ = z.new_zeros(*z.shape[:2], self.out.weight.shape[1]), 0
        for t, count in templates:
            total = total + count * t if torch.is_grad_enabled() else total.add_(t, alpha=count)
            n_templ += count
            del t  # it is large: freed before the iterator makes the next one
        bytes_per_row = z.shape[1] * (2 * total.shape[2] + z.shape[2]) * 4
        return update_rows(z, bytes_per_row, lambda rows: self.out(F.relu(total[rows] / n_templ)))


class TemplateTorsionEmbedder(nn.Module):
    """Algorithm 2 lines 7-8: one MSA row per template from its residue types and torsion angles.

    m_ti = W relu(W' concat(one_hot, torsions, alternative torsions, mask)). -> m [n_templ, n_res, c_m], its mask.
    With chi angles only, as in the multimer models: concat(one_hot, sin chi, cos chi, mask), zero where the mask is.
    """

    def __init__(self, c_m: int, chi_only: bool) -> None:
        super().__init__()
        self.chi_only = chi_only
        self.up = Linear(N_CLASSES + (3 * 4 if chi_only else 2 * 14 + 7), c_m)
        self.out = Linear(c_m, c_m)

    def forward(self, templates: Templates) -> tuple[Float[Tensor, "t i c_m"], Float[Tensor, "t i"]]:
        torsions = torsions_from_atoms(templates.aatype, templates.positions, templates.atom_mask)
        letters = F.one_hot(templates.aatype.long(), N_CLASSES).float()
        if self.chi_only:
            mask = torsions.mask[..., 3:]
            sin, cos = (torsions.sin_cos[..., 3:, :] * mask[..., None]).unbind(-1)
            features, rows_mask = [letters, sin, cos, mask], mask[..., 0]
        else:
            features = [letters, torsions.sin_cos.flatten(-2), torsions.alt_sin_cos.flatten(-2), torsions.mask]
            rows_mask = torsions.mask[..., 2]  # psi needs the backbone atoms of this residue alone
        m = self.out(F.relu(self.up(torch.cat(features, dim=-1).to(self.up.weight.dtype))))
        return m, rows_mask.to(m.dtype)


class TemplateEmbedder(nn.Module):
    """All uses of templates: `forward` updates z, and `torsion` makes rows for m.

    The update is attention over the templates that exist (their mask is 1), or the mean over all of them, `n_empty`
    empty ones included. Without dropout the empty templates are equal, so that one is computed and counted `n_empty`
    times. Without any template the mean is over one empty template.
    """

    def __init__(self, c_m: int, c_z: int, config: ConfigDict) -> None:
        super().__init__()
        self.takes_mean = {"attention": False, "mean": True}[config.combine]
        self.torsion = TemplateTorsionEmbedder(c_m, config.chi_only)
        self.pair: TemplatePairEmbedder | TemplateAndPairEmbedder
        if self.takes_mean:
            self.pair = TemplateAndPairEmbedder(c_z, config)
            self.mean = TemplateMean(c_z, config.c_t)
        else:
            self.pair = TemplatePairEmbedder(config)
            self.attention = TemplatePointwiseAttention(c_z, config.c_t, config.pointwise_attention)

    @property
    def _has_dropout(self) -> bool:
        return any(isinstance(layer, Dropout) and layer.is_on for layer in self.modules())

    def forward(
        self,
        templates: Templates,
        n_empty: int,
        z: Float[Tensor, "i i c_z"],
        pair_mask: Float[Tensor, "i i"],
        chains: ChainNumbers,
    ) -> Float[Tensor, "i i c_z"]:
        n_templ = len(templates.aatype)
        if self.takes_mean:
            given = [(templates.one(k), 1) for k in range(n_templ)]
            if n_empty or not given:
                copies = [1] * max(n_empty, 1) if self._has_dropout else [max(n_empty, 1)]
                given += [(Templates.empty(z.shape[0]), count) for count in copies]
            return self.mean(((self.pair(t, z, pair_mask, chains), count) for t, count in given), z)
        exist = [k for k in range(n_templ) if templates.mask[k] > 0]
        if not exist:
            return z
        return self.attention((self.pair(templates.one(k), pair_mask) for k in exist), z)
