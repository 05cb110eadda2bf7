# SPDX-License-Identifier: Apache-2.0
"""The table from the names in DeepMind's parameter files to ours.

A row reads (Haiku scope, our module, kind). `*` in our module stands for the blocks that the file stacks on axis 0.
A kind lists (arrays in the scope, our parameters in the module, transform). Which rows a model has is named in its
configuration, `parameter_names`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ml_collections import ConfigDict

from af2cpu.weights.transforms import (
    AS_IT_IS,
    COLUMN,
    SPLIT_BIASES,
    SPLIT_WEIGHTS,
    TRANSPOSED,
    Transform,
    head_weights,
    point_biases,
    point_weights,
)

if TYPE_CHECKING:  # planning a run needs no PyTorch
    from torch import Tensor

ROOT = "alphafold/alphafold_iteration"


class Entry(NamedTuple):
    """Arrays below a scope and our parameters below a module; array names are scope//array where they are deeper."""

    arrays: tuple[str, ...]
    parameters: tuple[str, ...]
    transform: Transform = AS_IT_IS


Kind = tuple[Entry, ...]
Row = tuple[str, str, Kind]


def _entry(array: str, parameter: str, transform: Transform = AS_IT_IS) -> Entry:
    return Entry((array,), (parameter,), transform)


LINEAR: Kind = (_entry("weights", "weight", TRANSPOSED), _entry("bias", "bias"))
SCALAR: Kind = (_entry("weights", "weight", COLUMN), _entry("bias", "bias"))  # a linear layer of one input
NORM: Kind = (_entry("scale", "weight"), _entry("offset", "bias"))
PAIR_BIAS: Kind = (_entry("feat_2d_weights", "pair_weight"),)
POINT_WEIGHTS: Kind = (_entry("trainable_point_weights", "head_weights"),)
OUTER: Kind = (_entry("output_w", "out"), _entry("output_b", "out_bias"))
ATTENTION: Kind = (
    _entry("query_w", "q"),
    _entry("key_w", "k"),
    _entry("value_w", "v"),
    _entry("output_w", "out"),
    _entry("output_b", "out_bias"),
)
GATED: Kind = (*ATTENTION, _entry("gating_w", "gate"), _entry("gating_b", "gate_bias"))


def _under(scope: str, module: str, rows: tuple[Row, ...]) -> tuple[Row, ...]:
    return tuple((f"{scope}/{s}".strip("/"), f"{module}.{m}".strip("."), kind) for s, m, kind in rows)


_GATED_ATTENTION = (("query_norm", "norm", NORM), ("attention", "heads", GATED))
_TRIANGLE_ATTENTION = (("", "", PAIR_BIAS), *_GATED_ATTENTION)
# The two edges of a triangle change their roles: DeepMind's left edge is the paper's b in the incoming multiplication.
_OUTGOING, _INCOMING = ("a", "b"), ("b", "a")


def _separate_triangle(left: str, right: str) -> tuple[Row, ...]:
    return (
        ("layer_norm_input", "norm", NORM),
        ("left_projection", left, LINEAR),
        ("left_gate", f"{left}_gate", LINEAR),
        ("right_projection", right, LINEAR),
        ("right_gate", f"{right}_gate", LINEAR),
        ("center_layer_norm", "center_norm", NORM),
        ("output_projection", "out", LINEAR),
        ("gating_linear", "gate", LINEAR),
    )


def _fused_triangle(left: str, right: str) -> tuple[Row, ...]:
    """The projections and gates of both edges side by side in one array: left, right."""

    def both(left: str, right: str) -> Kind:
        weights = Entry(("weights",), (f"{left}.weight", f"{right}.weight"), SPLIT_WEIGHTS)
        return weights, Entry(("bias",), (f"{left}.bias", f"{right}.bias"), SPLIT_BIASES)

    return (
        ("left_norm_input", "norm", NORM),
        ("projection", "", both(left, right)),
        ("gate", "", both(f"{left}_gate", f"{right}_gate")),
        ("center_norm", "center_norm", NORM),
        ("output_projection", "out", LINEAR),
        ("gating_linear", "gate", LINEAR),
    )


_TRANSITION = (("input_layer_norm", "norm", NORM), ("transition1", "up", LINEAR), ("transition2", "down", LINEAR))


def _pair_layers(fused: bool) -> tuple[Row, ...]:
    triangle = _fused_triangle if fused else _separate_triangle
    return (
        *_under("triangle_multiplication_outgoing", "triangle_multiplication_outgoing", triangle(*_OUTGOING)),
        *_under("triangle_multiplication_incoming", "triangle_multiplication_incoming", triangle(*_INCOMING)),
        *_under("triangle_attention_starting_node", "triangle_attention_starting", _TRIANGLE_ATTENTION),
        *_under("triangle_attention_ending_node", "triangle_attention_ending", _TRIANGLE_ATTENTION),
        *_under("pair_transition", "pair_transition", _TRANSITION),
    )


_MSA_LAYERS = (
    ("msa_row_attention_with_pair_bias", "msa_row_attention", PAIR_BIAS),
    ("msa_row_attention_with_pair_bias/feat_2d_norm", "msa_row_attention.pair_norm", NORM),
    *_under("msa_row_attention_with_pair_bias", "msa_row_attention", _GATED_ATTENTION),
    *_under("msa_transition", "msa_transition", _TRANSITION),
    ("outer_product_mean/layer_norm_input", "outer_product_mean.norm", NORM),
    ("outer_product_mean/left_projection", "outer_product_mean.a", LINEAR),
    ("outer_product_mean/right_projection", "outer_product_mean.b", LINEAR),
    ("outer_product_mean", "outer_product_mean", OUTER),
)


def _block(column: str, fused: bool) -> tuple[Row, ...]:
    return (*_MSA_LAYERS, *_pair_layers(fused), *_under(column, "msa_column_attention", _GATED_ATTENTION))


def _trunk(relative_position: str, fused: bool) -> tuple[Row, ...]:
    extra, evoformer = _block("msa_column_global_attention", fused), _block("msa_column_attention", fused)
    return (
        ("preprocess_1d", "input_embedder.target_m", LINEAR),
        ("preprocess_msa", "input_embedder.msa", LINEAR),
        ("left_single", "input_embedder.a", LINEAR),
        ("right_single", "input_embedder.b", LINEAR),
        (relative_position, "input_embedder.relative_position.linear", LINEAR),
        ("prev_msa_first_row_norm", "recycling_embedder.m_norm", NORM),
        ("prev_pair_norm", "recycling_embedder.z_norm", NORM),
        ("prev_pos_linear", "recycling_embedder.distance", LINEAR),
        ("extra_msa_activations", "extra_msa_embedder.linear", LINEAR),
        *_under("extra_msa_stack", "extra_msa_stack.blocks.*", extra),
        *_under("evoformer_iteration", "evoformer.blocks.*", evoformer),
        ("single_activations", "evoformer.single", LINEAR),
    )


_TORSION_ROWS = (
    ("template_single_embedding", "template_embedder.torsion.up", LINEAR),
    ("template_projection", "template_embedder.torsion.out", LINEAR),
)
_TEMPLATE_PAIR = (
    ("embedding2d", "linear", LINEAR),
    ("output_layer_norm", "stack.norm", NORM),
    *_under("template_pair_stack/__layer_stack_no_state", "stack.blocks.*", _pair_layers(fused=False)),
)
_TEMPLATES = (
    *_under("template_embedding/single_template_embedding", "template_embedder.pair", _TEMPLATE_PAIR),
    ("template_embedding/attention", "template_embedder.attention", ATTENTION),
    *_TORSION_ROWS,
)
_FEATURE_KINDS = (LINEAR, SCALAR, LINEAR, LINEAR, SCALAR, SCALAR, SCALAR, SCALAR, LINEAR)
_MULTIMER_TEMPLATE_PAIR = (
    *((f"template_pair_embedding_{k}", f"linears.{k}", kind) for k, kind in enumerate(_FEATURE_KINDS)),
    ("query_embedding_norm", "z_norm", NORM),
    ("output_layer_norm", "stack.norm", NORM),
    *_under("template_embedding_iteration", "stack.blocks.*", _pair_layers(fused=True)),
)
_MULTIMER_TEMPLATES = (
    *_under("template_embedding/single_template_embedding", "template_embedder.pair", _MULTIMER_TEMPLATE_PAIR),
    ("template_embedding/output_linear", "template_embedder.mean.out", LINEAR),
    *_TORSION_ROWS,
)
_IPA = (
    ("q_scalar", "q", LINEAR),
    ("kv_scalar", "kv", LINEAR),
    ("q_point_local", "q_points", LINEAR),
    ("kv_point_local", "kv_points", LINEAR),
)


def _multimer_ipa(config: ConfigDict) -> tuple[Row, ...]:
    """Projections head by head, keys and values apart, without biases of the scalar ones."""
    h, p, r = config.n_heads, config.n_query_points, config.n_value_points

    def points(*of: tuple[str, int]) -> Kind:
        names, counts = zip(*of, strict=True)
        weights = tuple(f"{name}_point_projection/point_projection//weights" for name in names)
        biases = tuple(f"{name}_point_projection/point_projection//bias" for name in names)
        return Entry(weights, ("weight",), point_weights(h, *counts)), Entry(
            biases, ("bias",), point_biases(h, *counts)
        )

    keys_and_values = ("k_scalar_projection//weights", "v_scalar_projection//weights")
    return (
        ("", "q", (Entry(("q_scalar_projection//weights",), ("weight",), head_weights(h)),)),
        ("", "kv", (Entry(keys_and_values, ("weight",), head_weights(h, 2)),)),
        ("", "q_points", points(("q", p))),
        ("", "kv_points", points(("k", p), ("v", r))),
    )


_IPA_REST = (
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


def _structure_module(ipa: tuple[Row, ...], update: str) -> tuple[Row, ...]:
    return (
        ("single_layer_norm", "s_norm", NORM),
        ("pair_layer_norm", "z_norm", NORM),
        ("initial_projection", "initial", LINEAR),
        *_under("fold_iteration/invariant_point_attention", "ipa", (*ipa, *_IPA_REST)),
        ("fold_iteration/attention_layer_norm", "ipa_norm", NORM),
        ("fold_iteration/transition", "transition.0", LINEAR),
        ("fold_iteration/transition_1", "transition.1", LINEAR),
        ("fold_iteration/transition_2", "transition.2", LINEAR),
        ("fold_iteration/transition_layer_norm", "transition_norm", NORM),
        (f"fold_iteration/{update}", "backbone_update.linear", LINEAR),
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
    """Where arrays of the file go: their names there, ours with * where blocks are counted, and how they get there."""

    arrays: tuple[str, ...]
    parameters: tuple[str, ...]
    transform: Transform

    @property
    def stacked(self) -> bool:
        return "*" in self.parameters[0]

    def of_block(self, block: int) -> tuple[str, ...]:
        """Our names in one block of a stack."""
        return tuple(parameter.replace("*", str(block)) for parameter in self.parameters)


def _rows(config: ConfigDict) -> list[Row]:
    multimer = {"monomer": False, "multimer_v3": True}[config.parameter_names]
    relative_position = "~_relative_encoding/position_activations" if multimer else "pair_activiations"
    ipa = _multimer_ipa(config.structure_module.ipa) if multimer else _IPA
    update = "quat_rigid/rigid" if multimer else "affine_update"
    rows = [*_under("evoformer", "", _trunk(relative_position, fused=multimer))]
    rows += _under("structure_module", "structure_module", _structure_module(ipa, update))
    rows += _under("", "heads", _HEADS)
    if config.template_embedder.enabled:
        rows += _under("evoformer", "", _MULTIMER_TEMPLATES if multimer else _TEMPLATES)
    if config.heads.predicted_aligned_error.enabled:
        rows += _under("", "heads", _ALIGNED_ERROR)
    return rows


def _target(scope: str, module: str, entry: Entry) -> Target:
    def full(array: str) -> str:
        return f"{ROOT}/{scope}/{array}" if "//" in array else f"{ROOT}/{scope}//{array}"

    parameters = tuple(f"{module}.{parameter}".strip(".") for parameter in entry.parameters)
    return Target(tuple(map(full, entry.arrays)), parameters, entry.transform)


def parameter_table(config: ConfigDict) -> dict[str, Target]:
    """The arrays that a model of this configuration takes, by their name in the file."""
    targets = [_target(scope, module, entry) for scope, module, kind in _rows(config) for entry in kind]
    return {name: target for target in targets for name in target.arrays}


def count_blocks(names: Sequence[str]) -> dict[str, int]:
    """Number of blocks of each stack, by the name of its list, from the names of our parameters."""
    blocks: dict[str, int] = {}
    for name in names:
        if (counted := re.search(r"^(.*?blocks)\.(\d+)\.", name)) is not None:
            blocks[counted[1]] = max(blocks.get(counted[1], 0), int(counted[2]) + 1)
    return blocks


def file_tensors(target: Target, state: Mapping[str, Tensor], blocks: Mapping[str, int]) -> dict[str, Tensor]:
    """The arrays of a target from our tensors, the blocks of a stack joined."""
    if not target.stacked:
        return dict(zip(target.arrays, target.transform.save([state[p] for p in target.parameters]), strict=True))
    import torch

    n_blocks = blocks[target.parameters[0].split(".*")[0]]
    saved = [target.transform.save([state[p] for p in target.of_block(block)]) for block in range(n_blocks)]
    return {name: torch.stack([one[k] for one in saved]) for k, name in enumerate(target.arrays)}


def file_shapes(table: Mapping[str, Target], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The shape of each array in the file, from the shapes of our parameters."""
    import torch

    # Not on the meta device: joining tensors there loads SymPy, which takes a second and 70 MB.
    state = {name: torch.empty(()).expand(shape) for name, shape in shapes.items()}
    blocks = count_blocks(list(shapes))
    found: dict[str, tuple[int, ...]] = {}
    for name, target in table.items():
        if name not in found:
            saved = target.transform.save([state[parameter] for parameter in target.of_block(0)])
            stack = (blocks[target.parameters[0].split(".*")[0]],) if target.stacked else ()
            found |= {key: (*stack, *tensor.shape) for key, tensor in zip(target.arrays, saved, strict=True)}
    return found
