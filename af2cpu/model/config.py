# SPDX-License-Identifier: Apache-2.0
"""Configuration of the network: the tree of modules, presets as differences from model 5.

Supplement Table 5 names the five models; the `_ptm` ones are fine-tuned from them with a head for aligned errors. The
`_multimer_v3` ones are AlphaFold-Multimer's (Evans et al. 2021, in the version of December 2022).
"""

from __future__ import annotations

from functools import cache

from ml_collections import ConfigDict, FrozenConfigDict

from af2cpu.errors import InputError


def _pair_layers(c: int, head_dim: int, factor: int) -> dict:
    """Of its own for each stack: ConfigDict keeps shared dictionaries shared."""
    return {
        "triangle_multiplication": {"c": c, "dropout": 0.25},  # rates: supplement 1.11.6, DeepMind's configuration
        "triangle_attention": {"n_heads": 4, "head_dim": head_dim, "dropout": 0.25},
        "pair_transition": {"factor": factor},
    }


# The models whose parameters come with the program: of single chains, of complexes.
DEMO, DEMO_MULTIMER = "demo", "demo_multimer"

_MODEL_5 = {
    "c_m": 256,
    "c_z": 128,
    "c_s": 384,
    "recycling_embedder": {"min_bin": 3.25, "max_bin": 20.75, "n_bins": 15},
    "input_embedder": {
        "n_target_features": 22,  # a break before the residue, its type
        "max_relative_position": 32,
        "chains": {"enabled": False, "max_relative_chain": 2},  # relative positions tell chains apart
    },
    "template_embedder": {
        "enabled": False,
        "combine": "attention",  # or mean: how the pair representation takes up the templates
        "multiplication_first": False,  # in a block, before the attention
        "chi_only": False,  # of the torsion angles in the rows for the MSA
        "c_t": 64,
        "dgram": {"min_bin": 3.25, "max_bin": 50.75, "n_bins": 39},
        "n_blocks": 2,
        **_pair_layers(c=64, head_dim=16, factor=2),
        "pointwise_attention": {"n_heads": 4, "head_dim": 16},
    },
    "extra_msa_stack": {
        "c_e": 64,
        "n_blocks": 4,
        "outer_product_first": False,  # in a block, before the MSA layers
        "msa_row_attention": {"n_heads": 8, "head_dim": 8, "dropout": 0.15},
        "msa_column_global_attention": {"n_heads": 8, "head_dim": 8},
        "msa_transition": {"factor": 4},
        "outer_product_mean": {"c": 32},
        **_pair_layers(c=128, head_dim=32, factor=4),
    },
    "evoformer": {
        "n_blocks": 48,
        "outer_product_first": False,
        "msa_row_attention": {"n_heads": 8, "head_dim": 32, "dropout": 0.15},
        "msa_column_attention": {"n_heads": 8, "head_dim": 32},
        "msa_transition": {"factor": 4},
        "outer_product_mean": {"c": 32},
        **_pair_layers(c=128, head_dim=32, factor=4),
    },
    "structure_module": {
        "n_layers": 8,
        "n_transition_layers": 3,
        "position_scale": 10.0,  # angstrom in the network's unit of length
        "ipa": {
            "n_heads": 12,
            "c": 16,
            "n_query_points": 4,
            "n_value_points": 8,
            "scalar_bias": True,  # of the projections to scalar queries, keys and values
            "clamp_norms": False,  # squares of point norms: True: at least 1e-16, False: 1e-8 is added
        },
        "sidechain": {"c": 128, "n_blocks": 2},
    },
    "heads": {
        "distogram": {"n_bins": 64},
        "masked_msa": {"n_classes": 23},
        "experimentally_resolved": {"n_atoms": 37},
        "predicted_lddt": {"c": 128, "n_bins": 50},
        "predicted_aligned_error": {"enabled": False, "n_bins": 64, "max_error": 31.0},
    },
    # What the features must look like; the network itself works on any number of rows.
    "data": {"draw": "monomer", "max_msa_clusters": 512, "max_extra_msa": 1024, "max_templates": 0},
    "parameter_names": "monomer",  # of the arrays in the parameter file; or multimer_v3
    "ranking": "plddt",  # or iptm+ptm: 0.8 ipTM + 0.2 pTM
    # Defaults of a run. Recycling ends early at a change under the tolerance, angstrom; 0: never.
    "recycles": 3,
    "recycle_tolerance": 0.0,
    "ensembles": 1,
}

_TEMPLATES = {"template_embedder.enabled": True, "data.max_templates": 4}
_EXTRA = {"data.max_extra_msa": 5120}
_PTM = {"heads.predicted_aligned_error.enabled": True}

_OFFICIAL = {
    "model_1": _EXTRA | _TEMPLATES,  # Table 5, 1.1.1
    "model_2": _TEMPLATES,  # 1.1.2
    "model_3": _EXTRA,  # 1.2.1
    "model_4": _EXTRA,  # 1.2.2
    "model_5": {},  # 1.2.3
}

_MULTIMER = (
    _TEMPLATES
    | _PTM
    | {
        "input_embedder.n_target_features": 21,
        "input_embedder.chains.enabled": True,
        "template_embedder.combine": "mean",
        "template_embedder.multiplication_first": True,
        "template_embedder.chi_only": True,
        "extra_msa_stack.outer_product_first": True,
        "evoformer.outer_product_first": True,
        "structure_module.position_scale": 20.0,
        "structure_module.ipa.scalar_bias": False,
        "structure_module.ipa.clamp_norms": True,
        "heads.masked_msa.n_classes": 22,
        "data.draw": "multimer",
        "parameter_names": "multimer_v3",
        "ranking": "iptm+ptm",
        "recycles": 20,
        "recycle_tolerance": 0.5,
    }
)
_MULTIMER_EXTRA = {1: 2048, 2: 2048, 3: 2048, 4: 1152, 5: 1152}

_TINY_TRIANGLES = {
    "triangle_multiplication.c": 16,
    "triangle_attention.n_heads": 2,
    "triangle_attention.head_dim": 8,
    "pair_transition.factor": 2,
}
_TINY_MSA = {
    "n_blocks": 2,
    "msa_row_attention.n_heads": 4,
    "msa_row_attention.head_dim": 8,
    "msa_transition.factor": 2,
    "outer_product_mean.c": 8,
    **_TINY_TRIANGLES,
}


def _under(prefix: str, values: dict) -> dict:
    return {f"{prefix}.{key}": value for key, value in values.items()}


# Every kind of layer of model_1_ptm in a network of two blocks, for tests that take seconds.
_TINY = (
    _TEMPLATES
    | _PTM
    | {"c_m": 32, "c_z": 24, "c_s": 40, "template_embedder.c_t": 16, "extra_msa_stack.c_e": 16}
    | _under("template_embedder", {**_TINY_TRIANGLES, "pointwise_attention.n_heads": 2})
    | _under("template_embedder", {"pointwise_attention.head_dim": 8})
    | _under("extra_msa_stack", _TINY_MSA | {"msa_row_attention.head_dim": 4})
    | _under("extra_msa_stack.msa_column_global_attention", {"n_heads": 4, "head_dim": 4})
    | _under("evoformer", _TINY_MSA | {"msa_column_attention.n_heads": 4, "msa_column_attention.head_dim": 8})
    | _under("structure_module", {"n_layers": 2, "ipa.n_heads": 4, "sidechain.c": 24})
    | {"heads.predicted_lddt.c": 24, "data.max_msa_clusters": 32, "data.max_extra_msa": 64}
)

_DEMO_TRIANGLES = {
    "triangle_multiplication.c": 32,
    "triangle_attention.n_heads": 2,
    "triangle_attention.head_dim": 16,
    "pair_transition.factor": 2,
}
# All layers of model_1_ptm, small enough to be shipped: the networks of the demo parameters (scripts/demo/train.py).
_DEMO = (
    _TEMPLATES
    | _PTM
    | {"c_m": 96, "c_z": 32, "c_s": 128, "template_embedder.c_t": 16, "extra_msa_stack.c_e": 16}
    | _under("template_embedder", {**_DEMO_TRIANGLES, "n_blocks": 1, "triangle_multiplication.c": 16})
    | _under("template_embedder.pointwise_attention", {"n_heads": 2, "head_dim": 16})
    | _under("extra_msa_stack", {"n_blocks": 1, "outer_product_mean.c": 8, **_DEMO_TRIANGLES})
    | _under("extra_msa_stack.msa_row_attention", {"n_heads": 2, "head_dim": 8})
    | _under("extra_msa_stack.msa_column_global_attention", {"n_heads": 2, "head_dim": 8})
    | _under("evoformer", {"n_blocks": 4, "outer_product_mean.c": 12, **_DEMO_TRIANGLES})
    | _under("evoformer.msa_row_attention", {"n_heads": 8, "head_dim": 12})
    | _under("evoformer.msa_column_attention", {"n_heads": 4, "head_dim": 16})
    | _under("structure_module", {"n_layers": 4, "ipa.n_heads": 8, "sidechain.c": 64})
    | {"heads.predicted_lddt.c": 64, "data.max_msa_clusters": 32, "data.max_extra_msa": 64}
)

PRESETS: dict[str, dict] = {
    **_OFFICIAL,
    **{f"{name}_ptm": difference | _PTM for name, difference in _OFFICIAL.items()},
    **{f"model_{k}_multimer_v3": _MULTIMER | {"data.max_extra_msa": rows} for k, rows in _MULTIMER_EXTRA.items()},
    "tiny": _TINY,
    "tiny_multimer": _MULTIMER | _TINY,
    DEMO: _DEMO,
    DEMO_MULTIMER: _MULTIMER | _DEMO,
}

OFFICIAL_MODELS = tuple(name for name in PRESETS if name.startswith("model_"))


@cache
def model_config(name: str) -> FrozenConfigDict:
    """The configuration of a preset. Raises InputError for an unknown name, KeyError for a key that does not exist."""
    if name not in PRESETS:
        raise InputError(f"unknown model {name!r}: choose one of {', '.join(PRESETS)}")
    config = ConfigDict(_MODEL_5 | {"name": name}).lock()
    config.update_from_flattened_dict(PRESETS[name])
    return FrozenConfigDict(config)
