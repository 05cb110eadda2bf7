# SPDX-License-Identifier: Apache-2.0
"""The modules that are compared one by one: the reference's class and arguments, and our counterpart.

Most are rows of a table. Letters name the inputs of `modules.make_inputs`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from ml_collections import ConfigDict
from torch import Tensor

from af2cpu.geometry.rigid import Rigid, rotation_from_quaternion
from af2cpu.model.alphafold import AlphaFold
from af2cpu.model.embed import ChainNumbers
from af2cpu.model.template import Templates
from af2cpu.validate.reference import ATOM_TABLES, clean_directions, is_multimer, load_reference

NAME = "module"  # what the reference calls a module that runs alone


@dataclass(frozen=True)
class Case:
    """One module: `theirs` runs inside Haiku, `ours` on our model; both take the same inputs.

    `residue_axes` gives the axis of the residues in each output of a module whose masked residues are not compared.
    Invariant point attention adds -1e5 to all logits of a masked residue; float32 then keeps 7 bits after the point,
    so that rounding alone moves that residue by 1e-4. The network never uses it.
    """

    name: str
    scope: str  # of its parameters in the file
    stacked: bool  # the first block of a stack
    theirs: Callable[[Any, dict[str, Any]], Any]  # (reference configuration, inputs)
    ours: Callable[[AlphaFold, dict[str, Tensor]], Any]
    residue_axes: tuple[int, ...] = ()


class Layer(NamedTuple):
    """A layer of a block: the reference gives its update, ours gives the representation with the update added."""

    scope: str  # below the block's
    theirs: str  # class of the reference
    config: str  # in the reference's configuration of the block; by default as the scope
    theirs_args: str
    ours: str  # below our block
    ours_args: str
    updated: str  # the input that ours adds to


_MSA_LAYERS = (
    Layer(
        "msa_row_attention_with_pair_bias",
        "MSARowAttentionWithPairBias",
        "msa_row_attention_with_pair_bias",
        "m msa_mask z",
        "msa_row_attention",
        "m z msa_mask",
        "m",
    ),
    Layer("msa_transition", "Transition", "msa_transition", "m msa_mask", "msa_transition", "m", "m"),
    Layer(
        "outer_product_mean",
        "OuterProductMean",
        "outer_product_mean",
        "m msa_mask",
        "outer_product_mean",
        "m msa_mask z",
        "z",
    ),
)
_COLUMN = Layer(
    "msa_column_attention",
    "MSAColumnAttention",
    "msa_column_attention",
    "m msa_mask",
    "msa_column_attention",
    "m msa_mask",
    "m",
)
_GLOBAL_COLUMN = _COLUMN._replace(scope="msa_column_global_attention", theirs="MSAColumnGlobalAttention")


def _pair_layer(scope: str, theirs: str, ours: str, ours_args: str = "z pair_mask") -> Layer:
    return Layer(scope, theirs, scope, "z pair_mask", ours, ours_args, "z")


_PAIR_LAYERS = (
    _pair_layer("triangle_multiplication_outgoing", "TriangleMultiplication", "triangle_multiplication_outgoing"),
    _pair_layer("triangle_multiplication_incoming", "TriangleMultiplication", "triangle_multiplication_incoming"),
    _pair_layer("triangle_attention_starting_node", "TriangleAttention", "triangle_attention_starting"),
    _pair_layer("triangle_attention_ending_node", "TriangleAttention", "triangle_attention_ending"),
    _pair_layer("pair_transition", "Transition", "pair_transition", "z"),
)


class Stack(NamedTuple):
    """A stack of blocks and the inputs whose letters stand for m and z in it."""

    name: str
    scope: str
    config: str  # of its layers, in the reference's configuration
    ours: str
    letters: dict[str, str]
    layers: tuple[Layer, ...]


_EVOFORMER = Stack(
    "evoformer",
    "evoformer/evoformer_iteration",
    "evoformer",
    "evoformer.blocks.0",
    {},
    (*_MSA_LAYERS, _COLUMN, *_PAIR_LAYERS),
)
_EXTRA = Stack(
    "extra MSA",
    "evoformer/extra_msa_stack",
    "evoformer",
    "extra_msa_stack.blocks.0",
    {"m": "e"},
    (*_MSA_LAYERS, _GLOBAL_COLUMN),
)
_TEMPLATE = Stack(
    "template",
    "evoformer/template_embedding/single_template_embedding/template_pair_stack/__layer_stack_no_state",
    "template.template_pair_stack",
    "template_embedder.pair.stack.blocks.0",
    {"z": "t"},
    _PAIR_LAYERS,
)


_MULTIMER_TEMPLATE = _TEMPLATE._replace(
    scope="evoformer/template_embedding/single_template_embedding/template_embedding_iteration"
)


def _layer_case(stack: Stack, layer: Layer) -> Case:
    def inputs(a: dict[str, Any], letters: str) -> list[Any]:
        return [a[stack.letters.get(letter, letter)] for letter in letters.split()]

    def theirs(c: Any, a: dict[str, Any]) -> Any:
        config = _at(c.embeddings_and_evoformer, f"{stack.config}.{layer.config}")
        more = {"num_output_channel": a["z"].shape[-1]} if layer.theirs == "OuterProductMean" else {}
        module = getattr(load_reference().modules, layer.theirs)(config, c.global_config, name=NAME, **more)
        return module(*inputs(a, layer.theirs_args), is_training=False)

    def ours(net: AlphaFold, a: dict[str, Tensor]) -> Tensor:
        before = inputs(a, layer.updated)[0].clone()
        return net.get_submodule(f"{stack.ours}.{layer.ours}")(*inputs(a, layer.ours_args)) - before

    name = f"{stack.name} {layer.scope.replace('_', ' ')}"
    return Case(name, f"{stack.scope}/{layer.scope}", True, theirs, ours)


def _block_case(stack: Stack) -> Case:
    x = stack.letters.get("m", "m")

    def theirs(c: Any, a: dict[str, Any]) -> Any:
        config, is_extra = c.embeddings_and_evoformer.evoformer, stack is _EXTRA
        module = load_reference().modules.EvoformerIteration(config, c.global_config, is_extra, name=NAME)
        masks = {"msa": a["msa_mask"], "pair": a["pair_mask"]}
        out = module({"msa": a[x], "pair": a["z"]}, masks, is_training=False)
        return out["msa"], out["pair"]

    def ours(net: AlphaFold, a: dict[str, Tensor]) -> Any:
        return net.get_submodule(stack.ours)(a[x], a["z"], a["msa_mask"], a["pair_mask"])

    return Case(f"{stack.name} block", stack.scope, True, theirs, ours)


def _template_case() -> Case:
    """A template's whole way into the pair representation: features, stack, pointwise attention."""

    def theirs(c: Any, a: dict[str, Any]) -> Any:
        config = c.embeddings_and_evoformer.template
        templates = {name: value for name, value in a.items() if name.startswith("template_")}
        module = load_reference().modules.TemplateEmbedding(config, c.global_config, name=NAME)
        return module(a["z"], templates, a["pair_mask"], is_training=False)

    def ours(net: AlphaFold, a: dict[str, Tensor]) -> Tensor:
        before = a["z"].clone()
        embedder = net.get_submodule("template_embedder")
        return embedder(_templates(a), 0, a["z"], a["pair_mask"], _chain_numbers(a)) - before

    return Case("template embedding", "evoformer/template_embedding", False, theirs, ours)


def _templates(a: dict[str, Tensor]) -> Templates:
    names = ("aatype", "all_atom_positions", "all_atom_masks", "pseudo_beta", "pseudo_beta_mask", "mask")
    return Templates(*(a[f"template_{name}"] for name in names))


def _chain_numbers(a: dict[str, Tensor]) -> ChainNumbers:
    return ChainNumbers(a["asym_id"], a["entity_id"], a["sym_id"])


def _multimer_template_case() -> Case:
    """The mean over templates; the last of them is a row of zeros."""

    def theirs(c: Any, a: dict[str, Any]) -> Any:
        config = c.embeddings_and_evoformer.template
        names = {"aatype": "aatype", "all_atom_positions": "all_atom_positions", "all_atom_mask": "all_atom_masks"}
        templates = {f"template_{name}": a[f"template_{ours}"] for name, ours in names.items()}
        same_chain = a["asym_id"][:, None] == a["asym_id"][None, :]
        module = load_reference().modules_multimer.TemplateEmbedding(config, c.global_config, name=NAME)
        with clean_directions():
            return module(a["z"], templates, a["pair_mask"], same_chain, is_training=False)

    def ours(net: AlphaFold, a: dict[str, Tensor]) -> Tensor:
        before = a["z"].clone()
        embedder, real = net.get_submodule("template_embedder"), Templates(*(x[:-1] for x in _templates(a)))
        return embedder(real, 1, a["z"], a["pair_mask"], _chain_numbers(a)) - before

    return Case("template embedding", "evoformer/template_embedding", False, theirs, ours)


def _multimer_template_rows_case() -> Case:
    def theirs(c: Any, a: dict[str, Any]) -> Any:
        r = load_reference()
        batch = {**a, "template_all_atom_mask": a["template_all_atom_masks"]}
        width = c.embeddings_and_evoformer.msa_channel
        with r.haiku.name_scope(NAME):
            return r.modules_multimer.template_embedding_1d(batch, width, c.global_config)

    def ours(net: AlphaFold, a: dict[str, Tensor]) -> Any:
        return net.get_submodule("template_embedder.torsion")(_templates(a))

    return Case("template rows", "evoformer", False, theirs, ours)


def _multimer_relative_position_case() -> Case:
    def theirs(c: Any, a: dict[str, Any]) -> Any:
        r = load_reference()
        encoding = inspect.unwrap(r.modules_multimer.EmbeddingsAndEvoformer._relative_encoding)
        with r.haiku.name_scope(NAME):
            return encoding(SimpleNamespace(config=c.embeddings_and_evoformer, global_config=c.global_config), a)

    def ours(net: AlphaFold, a: dict[str, Tensor]) -> Tensor:
        relative_position = net.get_submodule("input_embedder.relative_position")
        return relative_position(a["residue_index"], _chain_numbers(a), slice(0, len(a["residue_index"])))

    return Case("relative position", "evoformer/~_relative_encoding", False, theirs, ours)


def _ipa_case() -> Case:
    def theirs(c: Any, a: dict[str, Any]) -> Any:
        r = load_reference()
        affine = r.quat_affine.QuatAffine(a["quaternion"], a["trans"], unstack_inputs=True)
        module = r.folding.InvariantPointAttention(c.heads.structure_module, c.global_config, name=NAME)
        return module(inputs_1d=a["s"], inputs_2d=a["z"], mask=a["seq_mask"][:, None], affine=affine)

    def ours(net: AlphaFold, a: dict[str, Tensor]) -> Tensor:
        ipa = net.structure_module.ipa
        frames = Rigid(rotation_from_quaternion(a["quaternion"]), a["trans"])
        return ipa(a["s"], a["z"], None, ipa.bias(a["z"]), frames, a["seq_mask"]) - a["s"]

    scope = "structure_module/fold_iteration/invariant_point_attention"
    return Case("invariant point attention", scope, False, theirs, ours, residue_axes=(0,))


def _multimer_ipa_case() -> Case:
    def theirs(c: Any, a: dict[str, Any]) -> Any:
        r = load_reference()
        rotation = r.geometry.Rot3Array.from_quaternion(*a["quaternion"].T)
        rigid = r.geometry.Rigid3Array(rotation, r.geometry.Vec3Array.from_array(a["trans"]))
        module = r.folding_multimer.InvariantPointAttention(c.heads.structure_module, c.global_config, name=NAME)
        return module(inputs_1d=a["s"], inputs_2d=a["z"], mask=a["seq_mask"][:, None], rigid=rigid)

    return replace(_ipa_case(), theirs=theirs)


def _multimer_structure_case() -> Case:
    def theirs(c: Any, a: dict[str, Any]) -> Any:
        module = load_reference().folding_multimer.StructureModule(c.heads.structure_module, c.global_config, name=NAME)
        batch = {"aatype": a["aatype"], "seq_mask": a["seq_mask"]}
        out = module({"single": a["s"], "pair": a["z"]}, batch, is_training=False, compute_loss=True)
        return out["act"], out["sidechains"]["unnormalized_angles_sin_cos"], out["final_atom_positions"]

    return replace(_structure_case(), theirs=theirs)


def _structure_case() -> Case:
    def theirs(c: Any, a: dict[str, Any]) -> Any:
        r = load_reference()
        batch = {name: r.jnp.asarray(table())[a["aatype"]] for name, table in ATOM_TABLES.items()}
        batch |= {"seq_mask": a["seq_mask"], "aatype": a["aatype"]}
        module = r.folding.StructureModule(c.heads.structure_module, c.global_config, compute_loss=True, name=NAME)
        out = module({"single": a["s"], "pair": a["z"]}, batch, is_training=False)
        angles = out["sidechains"]["unnormalized_angles_sin_cos"]
        return out["representations"]["structure_module"], angles, out["final_atom_positions"]

    def ours(net: AlphaFold, a: dict[str, Tensor]) -> Any:
        out = net.structure_module(a["s"], a["z"], a["aatype"], a["seq_mask"])
        return out.s, torch.stack(out.angles), out.atoms.atom37

    return Case("structure module", "structure_module", False, theirs, ours, residue_axes=(0, 1, 0))


_HEADS = (  # head, class of the reference, representation it takes, input
    ("distogram", "DistogramHead", "pair", "z"),
    ("masked_msa", "MaskedMsaHead", "msa", "m"),
    ("experimentally_resolved", "ExperimentallyResolvedHead", "single", "s"),
    ("predicted_lddt", "PredictedLDDTHead", "structure_module", "s"),
    ("predicted_aligned_error", "PredictedAlignedErrorHead", "pair", "z"),
)


def _head_case(head: str, kind: str, representation: str, x: str) -> Case:
    def theirs(c: Any, a: dict[str, Any]) -> Any:
        module = getattr(load_reference().modules, kind)(c.heads[head], c.global_config, name=NAME)
        return module({representation: a[x]}, {}, is_training=False)["logits"]

    def ours(net: AlphaFold, a: dict[str, Tensor]) -> Tensor:
        return net.get_submodule(f"heads.{head}")(a[x])

    return Case(f"{head.replace('_', ' ')} head", f"{head}_head", False, theirs, ours)


def _at(config: Any, path: str) -> Any:
    for key in path.split("."):
        config = config[key]
    return config


def cases(config: ConfigDict) -> Iterator[Case]:
    """All modules that a model of this configuration has, in the order of the network."""
    multimer = is_multimer(config)
    if multimer:
        yield _multimer_relative_position_case()
    if config.template_embedder.enabled:
        stack = _MULTIMER_TEMPLATE if multimer else _TEMPLATE
        yield from (_layer_case(stack, layer) for layer in stack.layers)
        yield from (_multimer_template_case(), _multimer_template_rows_case()) if multimer else (_template_case(),)
    for stack in (_EXTRA, _EVOFORMER):
        yield from (_layer_case(stack, layer) for layer in stack.layers)
        yield _block_case(stack)
    yield _multimer_ipa_case() if multimer else _ipa_case()
    yield _multimer_structure_case() if multimer else _structure_case()
    for head in _HEADS:
        if head[0] != "predicted_aligned_error" or config.heads.predicted_aligned_error.enabled:
            yield _head_case(*head)
