# SPDX-License-Identifier: Apache-2.0
"""What a pass through the network costs in floating point operations: matrix products, two operations each.

`tests/unit/model/test_cost.py` holds the formulas against what PyTorch counts.
"""

from __future__ import annotations

from dataclasses import dataclass

from ml_collections import ConfigDict


@dataclass(frozen=True)
class Sizes:
    """Of one protein as the network sees it."""

    n_res: int
    n_seq: int  # clustered MSA rows, without the templates' ones
    n_extra: int
    n_templ: int


def full_sizes(config: ConfigDict, n_res: int) -> Sizes:
    """The most that a model takes for a protein of this length."""
    data = config.data
    return Sizes(n_res, data.max_msa_clusters - data.max_templates, data.max_extra_msa, data.max_templates)


def pass_flops(config: ConfigDict, sizes: Sizes) -> int:
    """Operations of one pass with one ensemble member."""
    n, z = sizes.n_res, config.c_z
    n_templ = sizes.n_templ if config.template_embedder.enabled else 0
    total = 2 * sizes.n_seq * n * 49 * config.c_m + 2 * n**2 * config.recycling_embedder.n_bins * z
    total += _template_flops(config, n, n_templ)
    extra, evoformer = config.extra_msa_stack, config.evoformer
    total += extra.n_blocks * _block_flops(extra, extra.c_e, z, sizes.n_extra, n)
    total += evoformer.n_blocks * _block_flops(evoformer, config.c_m, z, sizes.n_seq + n_templ, n)
    return total + _structure_flops(config, n) + _head_flops(config, n)


def _attention_flops(config: ConfigDict, c: int, c_pair: int, rows: int, length: int) -> int:
    """Gated attention along `length` for each of `rows`; the pair bias, if any, over length squared."""
    width = config.n_heads * config.head_dim
    projections = 5 * 2 * rows * length * c * width
    return projections + 4 * rows * length**2 * width + 2 * length**2 * c_pair * config.n_heads


def _transition_flops(factor: int, c: int, positions: int) -> int:
    return 4 * positions * factor * c**2


def _pair_flops(config: ConfigDict, c: int, n: int) -> int:
    """The five pair layers of a block."""
    edge = config.triangle_multiplication.c
    multiplication = 2 * n**2 * (4 * c * edge + edge * c + c * c) + 2 * n**3 * edge
    attention = _attention_flops(config.triangle_attention, c, c, n, n)
    return 2 * multiplication + 2 * attention + _transition_flops(config.pair_transition.factor, c, n**2)


def _block_flops(config: ConfigDict, c: int, c_z: int, s: int, n: int) -> int:
    outer = config.outer_product_mean.c
    flops = _transition_flops(config.msa_transition.factor, c, s * n)
    flops += 4 * s * n * c * outer + 2 * s * n**2 * outer**2 + 2 * n**2 * outer**2 * c_z + 2 * s * n**2
    if s:
        flops += _attention_flops(config.msa_row_attention, c, c_z, s, n)
        flops += _column_flops(config, c, s, n)
    return flops + _pair_flops(config, c_z, n)


def _column_flops(config: ConfigDict, c: int, s: int, n: int) -> int:
    if "msa_column_attention" in config:
        return _attention_flops(config.msa_column_attention, c, 0, n, s)
    h, d = config.msa_column_global_attention.n_heads, config.msa_column_global_attention.head_dim
    return 2 * n * s * c * (2 * d + 2 * h * d + 1) + 2 * n * c * h * d + 4 * n * s * h * d


def _template_flops(config: ConfigDict, n: int, n_templ: int) -> int:
    t = config.template_embedder
    takes_mean = t.enabled and t.combine == "mean"
    embedded = max(1, n_templ) if takes_mean else n_templ  # the mean counts a template of zeros where there is none
    if not embedded:
        return 0
    features = t.dgram.n_bins + 49  # two residue types, two masks, three coordinates of a direction
    each = 2 * n**2 * features * t.c_t + t.n_blocks * _pair_flops(t, t.c_t, n)
    once = 0
    if takes_mean:
        each += 2 * n**2 * config.c_z * t.c_t
        once += 2 * n**2 * t.c_t * config.c_z
    else:
        width = t.pointwise_attention.n_heads * t.pointwise_attention.head_dim
        each += 2 * n**2 * (config.c_z + 2 * t.c_t + 1) * width
        once += 2 * n**2 * config.c_z * width
    torsions = 2 * n * ((34 if t.chi_only else 57) + config.c_m) * config.c_m
    return embedded * each + n_templ * torsions + once


def _structure_flops(config: ConfigDict, n: int) -> int:
    """Without the point distances, which are no matrix products."""
    module, ipa, c_s = config.structure_module, config.structure_module.ipa, config.c_s
    h, c, p, r = ipa.n_heads, ipa.c, ipa.n_query_points, ipa.n_value_points
    projections = 2 * n * c_s * h * (3 * c + 3 * (2 * p + r)) + 2 * n * h * (c + 4 * r + config.c_z) * c_s
    attention = 2 * n**2 * h * (2 * c + 3 * r + config.c_z)
    side = module.sidechain.c
    torsions = 2 * n * (2 * c_s * side + 2 * module.sidechain.n_blocks * side**2 + side * 14)
    transition = 2 * n * c_s**2 * module.n_transition_layers + 2 * n * c_s * 6
    return (
        module.n_layers * (projections + attention + torsions + transition) + 2 * n * c_s**2 + 2 * n**2 * config.c_z * h
    )


def _head_flops(config: ConfigDict, n: int) -> int:
    lddt = config.heads.predicted_lddt
    flops = 2 * n * (config.c_s * lddt.c + lddt.c**2 + lddt.c * lddt.n_bins)
    if config.heads.predicted_aligned_error.enabled:
        flops += 2 * n**2 * config.heads.predicted_aligned_error.n_bins * (config.c_z + 2)
    return flops
