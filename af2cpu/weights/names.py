"""The table from the names in DeepMind's parameter files to ours.

A row reads (Haiku scope, our module, kind). `*` in our module stands for the blocks that the file stacks on axis 0.
A kind lists (array in the scope, our parameter, whether it is transposed).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from ml_collections import ConfigDict

ROOT = "alphafold/alphafold_iteration"

Kind = tuple[tuple[str, str, bool], ...]
Row = tuple[str, str, Kind]

LINEAR: Kind = (("weights", "weight", True), ("bias", "bias", False))
NORM: Kind = (("scale", "weight", False), ("offset", "bias", False))
PAIR_BIAS: Kind = (("feat_2d_weights", "pair_weight", False),)
POINT_WEIGHTS: Kind = (("trainable_point_weights", "head_weights", False),)
OUTER: Kind = (("output_w", "out", False), ("output_b", "out_bias", False))
ATTENTION: Kind = (
    ("query_w", "q", False),
    ("key_w", "k", False),
    ("value_w", "v", False),
    ("output_w", "out", False),
    ("output_b", "out_bias", False),
)
GATED: Kind = (*ATTENTION, ("gating_w", "gate", False), ("gating_b", "gate_bias", False))


def _under(scope: str, module: str, rows: tuple[Row, ...]) -> tuple[Row, ...]:
    return tuple((f"{scope}/{s}".strip("/"), f"{module}.{m}".strip("."), kind) for s, m, kind in rows)


_GATED_ATTENTION = (("query_norm", "norm", NORM), ("attention", "heads", GATED))
_TRIANGLE_ATTENTION = (("", "", PAIR_BIAS), *_GATED_ATTENTION)
_TRIANGLE_MULTIPLICATION = (
    ("layer_norm_input", "norm", NORM),
    ("left_projection", "a", LINEAR),
    ("left_gate", "a_gate", LINEAR),
    ("right_projection", "b", LINEAR),
    ("right_gate", "b_gate", LINEAR),
    ("center_layer_norm", "center_norm", NORM),
    ("output_projection", "out", LINEAR),
    ("gating_linear", "gate", LINEAR),
)
# The two edges of a triangle change their roles: DeepMind's left edge is the paper's b in the incoming multiplication.
_SWAP = {"a": "b", "a_gate": "b_gate", "b": "a", "b_gate": "a_gate"}
_TRIANGLE_MULTIPLICATION_INCOMING = tuple((s, _SWAP.get(m, m), kind) for s, m, kind in _TRIANGLE_MULTIPLICATION)
_TRANSITION = (("input_layer_norm", "norm", NORM), ("transition1", "up", LINEAR), ("transition2", "down", LINEAR))

_PAIR_LAYERS = (
    *_under("triangle_multiplication_outgoing", "triangle_multiplication_outgoing", _TRIANGLE_MULTIPLICATION),
    *_under("triangle_multiplication_incoming", "triangle_multiplication_incoming", _TRIANGLE_MULTIPLICATION_INCOMING),
    *_under("triangle_attention_starting_node", "triangle_attention_starting", _TRIANGLE_ATTENTION),
    *_under("triangle_attention_ending_node", "triangle_attention_ending", _TRIANGLE_ATTENTION),
    *_under("pair_transition", "pair_transition", _TRANSITION),
)
_BLOCK = (
    ("msa_row_attention_with_pair_bias", "msa_row_attention", PAIR_BIAS),
    ("msa_row_attention_with_pair_bias/feat_2d_norm", "msa_row_attention.pair_norm", NORM),
    *_under("msa_row_attention_with_pair_bias", "msa_row_attention", _GATED_ATTENTION),
    *_under("msa_transition", "msa_transition", _TRANSITION),
    ("outer_product_mean/layer_norm_input", "outer_product_mean.norm", NORM),
    ("outer_product_mean/left_projection", "outer_product_mean.a", LINEAR),
    ("outer_product_mean/right_projection", "outer_product_mean.b", LINEAR),
    ("outer_product_mean", "outer_product_mean", OUTER),
    *_PAIR_LAYERS,
)
_EVOFORMER_BLOCK = (*_BLOCK, *_under("msa_column_attention", "msa_column_attention", _GATED_ATTENTION))
_EXTRA_BLOCK = (*_BLOCK, *_under("msa_column_global_attention", "msa_column_attention", _GATED_ATTENTION))

_TRUNK = (
    ("preprocess_1d", "input_embedder.target_m", LINEAR),
    ("preprocess_msa", "input_embedder.msa", LINEAR),
    ("left_single", "input_embedder.a", LINEAR),
    ("right_single", "input_embedder.b", LINEAR),
    ("pair_activiations", "input_embedder.relative_position.linear", LINEAR),
    ("prev_msa_first_row_norm", "recycling_embedder.m_norm", NORM),
    ("prev_pair_norm", "recycling_embedder.z_norm", NORM),
    ("prev_pos_linear", "recycling_embedder.distance", LINEAR),
    ("extra_msa_activations", "extra_msa_embedder.linear", LINEAR),
    *_under("extra_msa_stack", "extra_msa_stack.blocks.*", _EXTRA_BLOCK),
    *_under("evoformer_iteration", "evoformer.blocks.*", _EVOFORMER_BLOCK),
    ("single_activations", "evoformer.single", LINEAR),
)
_TEMPLATE_PAIR = (
    ("embedding2d", "linear", LINEAR),
    ("output_layer_norm", "stack.norm", NORM),
    *_under("template_pair_stack/__layer_stack_no_state", "stack.blocks.*", _PAIR_LAYERS),
)
_TEMPLATES = (
    *_under("template_embedding/single_template_embedding", "template_embedder.pair", _TEMPLATE_PAIR),
    ("template_embedding/attention", "template_embedder.attention", ATTENTION),
    ("template_single_embedding", "template_embedder.torsion.up", LINEAR),
    ("template_projection", "template_embedder.torsion.out", LINEAR),
)
_IPA = (
    ("q_scalar", "q", LINEAR),
    ("kv_scalar", "kv", LINEAR),
    ("q_point_local", "q_points", LINEAR),
    ("kv_point_local", "kv_points", LINEAR),
    ("attention_2d", "pair_bias", LINEAR),
    ("", "", POINT_WEIGHTS),
    ("output_projection", "out", LINEAR),
)
_SIDECHAIN = (
    ("input_projection", "s", LINEAR),
    ("input_projection_1", "s_initial", LINEAR),
    ("resblock1", "up.0", LINEAR),
    ("resblock2", "down.0", LINEAR),
    ("resblock1_1", "up.1", LINEAR),
    ("resblock2_1", "down.1", LINEAR),
    ("unnormalized_angles", "angles", LINEAR),
)
_STRUCTURE_MODULE = (
    ("single_layer_norm", "s_norm", NORM),
    ("pair_layer_norm", "z_norm", NORM),
    ("initial_projection", "initial", LINEAR),
    *_under("fold_iteration/invariant_point_attention", "ipa", _IPA),
    ("fold_iteration/attention_layer_norm", "ipa_norm", NORM),
    ("fold_iteration/transition", "transition.0", LINEAR),
    ("fold_iteration/transition_1", "transition.1", LINEAR),
    ("fold_iteration/transition_2", "transition.2", LINEAR),
    ("fold_iteration/transition_layer_norm", "transition_norm", NORM),
    ("fold_iteration/affine_update", "backbone_update.linear", LINEAR),
    *_under("fold_iteration/rigid_sidechain", "torsion_angles", _SIDECHAIN),
)
_HEADS = (
    ("distogram_head/half_logits", "distogram.half_logits", LINEAR),
    ("masked_msa_head/logits", "masked_msa.logits", LINEAR),
    ("experimentally_resolved_head/logits", "experimentally_resolved.logits", LINEAR),
    ("predicted_lddt_head/input_layer_norm", "predicted_lddt.norm", NORM),
    ("predicted_lddt_head/act_0", "predicted_lddt.layer_0", LINEAR),
    ("predicted_lddt_head/act_1", "predicted_lddt.layer_1", LINEAR),
    ("predicted_lddt_head/logits", "predicted_lddt.logits", LINEAR),
)
_ALIGNED_ERROR = (("predicted_aligned_error_head/logits", "predicted_aligned_error.logits", LINEAR),)


class Target(NamedTuple):
    """Where one array of the file goes."""

    parameter: str  # our name, with * where blocks are counted
    transpose: bool  # the last two axes

    @property
    def stacked(self) -> bool:
        return "*" in self.parameter


def parameter_table(config: ConfigDict) -> dict[str, Target]:
    """The arrays that a model of this configuration takes, by their name in the file."""
    rows = [*_under("evoformer", "", _TRUNK), *_under("structure_module", "structure_module", _STRUCTURE_MODULE)]
    rows += _under("", "heads", _HEADS)
    if config.template_embedder.enabled:
        rows += _under("evoformer", "", _TEMPLATES)
    if config.heads.predicted_aligned_error.enabled:
        rows += _under("", "heads", _ALIGNED_ERROR)
    return {
        f"{ROOT}/{scope}//{array}": Target(f"{module}.{parameter}".strip("."), transpose)
        for scope, module, kind in rows
        for array, parameter, transpose in kind
    }


def file_shapes(table: Mapping[str, Target], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The shape of each array in the file, from the shapes of our parameters."""
    blocks: dict[str, int] = {}
    for name in shapes:
        if (counted := re.search(r"^(.*?blocks)\.(\d+)\.", name)) is not None:
            blocks[counted[1]] = max(blocks.get(counted[1], 0), int(counted[2]) + 1)
    expected = {}
    for name, target in table.items():
        shape = shapes[target.parameter.replace("*", "0")]
        if target.transpose:
            shape = (*shape[:-2], shape[-1], shape[-2])
        if target.stacked:
            shape = (blocks[target.parameter.split(".*")[0]], *shape)
        expected[name] = shape
    return expected
