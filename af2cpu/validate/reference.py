# SPDX-License-Identifier: Apache-2.0
"""The JAX reference: ColabFold's fork of DeepMind's code (`alphafold-colabfold`), run in float32."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import fields
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from af2cpu.errors import InputError
from af2cpu.records import ProcessedFeatures
from af2cpu.weights.names import ROOT


@cache
def load_reference() -> SimpleNamespace:
    """JAX, Haiku and the reference's modules. Raises InputError where they are not installed."""
    try:
        import haiku
        import jax
        import jax.numpy as jnp

        _accept_old_clip(jnp)
        from alphafold.common import residue_constants
        from alphafold.model import (
            all_atom,
            config,
            folding,
            folding_multimer,
            geometry,
            modules,
            modules_multimer,
            quat_affine,
            utils,
        )
    except ModuleNotFoundError as error:
        raise InputError(
            f"the JAX reference is not installed ({error.name} is missing): pip install 'af2cpu[validate]'"
        ) from error
    return SimpleNamespace(
        haiku=haiku,
        all_atom=all_atom,
        jax=jax,
        jnp=jnp,
        config=config,
        constants=residue_constants,
        folding=folding,
        folding_multimer=folding_multimer,
        geometry=geometry,
        modules=modules,
        modules_multimer=modules_multimer,
        quat_affine=quat_affine,
        utils=utils,
    )


def _accept_old_clip(jnp: Any) -> None:
    """The reference calls jnp.clip with a_min and a_max, which JAX has since renamed."""
    clip = jnp.clip
    if getattr(clip, "accepts_old_names", False):
        return

    def old_clip(x: Any, /, *args: Any, a_min: Any = None, a_max: Any = None, **kwargs: Any) -> Any:
        if a_min is not None or a_max is not None:
            args = (a_min, a_max)
        return clip(x, *args, **kwargs)

    old_clip.accepts_old_names = True  # type: ignore[attr-defined]
    jnp.clip = old_clip


def template_torsions(draw: ProcessedFeatures) -> dict[str, Any]:
    """The reference's own template torsion angles: sin and cos, the alternative ones, and the mask."""
    r = load_reference()
    inputs = (draw.template_aatype, draw.template_all_atom_positions, draw.template_all_atom_masks)
    torsions = r.all_atom.atom37_to_torsion_angles(*(r.jnp.asarray(x) for x in inputs))
    return {name: np.array(value) for name, value in torsions.items()}


@contextmanager
def _replaced(module: Any, **functions: Any) -> Iterator[None]:
    """While the network is traced, these functions of a module or class of the reference are the given ones."""
    original = {name: getattr(module, name) for name in functions}
    for name, function in functions.items():
        setattr(module, name, function)
    try:
        yield
    finally:
        for name, function in original.items():
            setattr(module, name, function)


def clean_directions() -> AbstractContextManager[None]:
    """While the multimer network is traced, the direction of a residue from itself is zero in its templates.

    The reference computes R'x - R't with x = t, which its compiled code rounds to something else than zero, and then
    blows this rounding noise up to length 1: no implementation can agree with it there.
    """
    r = load_reference()
    original = r.geometry.Vec3Array.normalized

    def normalized(vectors: Any, epsilon: float = 1e-6) -> Any:
        unit = original(vectors, epsilon)
        of_pairs = len(vectors.x.shape) == 2  # not those of the frames' axes
        return unit * (1 - r.jnp.eye(len(vectors.x))) if of_pairs else unit

    return _replaced(r.geometry.Vec3Array, normalized=normalized)


def is_multimer(config: ConfigDict) -> bool:
    """Whether the reference has modules of its own for this network."""
    return bool(config.parameter_names == "multimer_v3")


def reference_config(config: ConfigDict) -> Any:
    """The reference's model configuration with the sizes of ours."""
    multimer = is_multimer(config)
    stand_in = "model_1_multimer_v3" if multimer else "model_1_ptm"
    name = config.name if config.name.startswith("model_") else stand_in
    c = load_reference().config.model_config(name).model.unlock()
    c.global_config.bfloat16 = False
    c.calc_extended_ptm = False
    c.rank_by = "multimer" if multimer else "plddt"
    e = c.embeddings_and_evoformer
    e.update(msa_channel=config.c_m, pair_channel=config.c_z, seq_channel=config.c_s)
    e.update(extra_msa_channel=config.extra_msa_stack.c_e, extra_msa_stack_num_block=config.extra_msa_stack.n_blocks)
    e.evoformer_num_block = config.evoformer.n_blocks
    # The reference has one configuration for both stacks; the size of a head follows from their channels.
    e.evoformer.msa_row_attention_with_pair_bias.num_head = config.evoformer.msa_row_attention.n_heads
    e.evoformer.msa_column_attention.num_head = config.evoformer.msa_column_attention.n_heads
    e.evoformer.msa_transition.num_intermediate_factor = config.evoformer.msa_transition.factor
    e.evoformer.outer_product_mean.num_outer_channel = config.evoformer.outer_product_mean.c
    _set_pair_layers(e.evoformer, config.evoformer)
    _set_templates(e.template, config.template_embedder)
    _set_heads(c.heads, config)
    return c


def _set_pair_layers(theirs: Any, ours: ConfigDict) -> None:
    dim = ours.triangle_attention.n_heads * ours.triangle_attention.head_dim
    for node in (theirs.triangle_attention_starting_node, theirs.triangle_attention_ending_node):
        node.update(num_head=ours.triangle_attention.n_heads, key_dim=dim, value_dim=dim)
    for edge in (theirs.triangle_multiplication_outgoing, theirs.triangle_multiplication_incoming):
        edge.num_intermediate_channel = ours.triangle_multiplication.c
    theirs.pair_transition.num_intermediate_factor = ours.pair_transition.factor


def _set_templates(theirs: Any, ours: ConfigDict) -> None:
    dim = ours.pointwise_attention.n_heads * ours.pointwise_attention.head_dim
    theirs.attention.update(num_head=ours.pointwise_attention.n_heads, key_dim=dim, value_dim=dim)
    theirs.template_pair_stack.num_block = ours.n_blocks
    if ours.combine == "mean":  # elsewhere the number of channels follows from the arrays
        theirs.num_channels = ours.c_t
    _set_pair_layers(theirs.template_pair_stack, ours)


def _set_heads(theirs: Any, config: ConfigDict) -> None:
    ours, ipa = config.structure_module, config.structure_module.ipa
    theirs.structure_module.update(num_layer=ours.n_layers, num_channel=config.c_s, num_head=ipa.n_heads)
    theirs.structure_module.update(num_scalar_qk=ipa.c, num_scalar_v=ipa.c)
    theirs.structure_module.update(num_point_qk=ipa.n_query_points, num_point_v=ipa.n_value_points)
    theirs.structure_module.sidechain.num_channel = ours.sidechain.c
    theirs.predicted_lddt.num_channels = config.heads.predicted_lddt.c


def haiku_parameters(arrays: Mapping[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    """Parameters as the reference takes them, {scope: {array: values}}, from DeepMind's flat names."""
    return load_reference().utils.flat_params_to_haiku(dict(arrays), fuse=True)


def scoped(parameters: Mapping[str, Mapping[str, Any]], scope: str, block: int | None, name: str) -> dict[str, Any]:
    """The parameters below one scope, for a module called `name` that runs alone; one block of a stack if asked."""
    prefix = f"{ROOT}/{scope}"
    found = {
        name + key.removeprefix(prefix): {k: v if block is None else v[block] for k, v in values.items()}
        for key, values in parameters.items()
        if key == prefix or key.startswith(f"{prefix}/")
    }
    if not found:
        raise KeyError(f"no parameters below {prefix}")
    return found


def run_module(function: Callable[..., Any], parameters: Mapping[str, Any], *inputs: Any) -> Any:
    """Run a function that builds and calls Haiku modules. Arrays in and out."""
    r = load_reference()
    apply = r.jax.jit(r.haiku.transform(function).apply)
    return r.jax.tree_util.tree_map(np.asarray, apply(dict(parameters), r.jax.random.PRNGKey(0), *inputs))


@cache
def _compiled_network(config: ConfigDict) -> Callable[..., Any]:
    """The reference network of this configuration; JAX compiles it once for each shape of the features."""
    r = load_reference()
    c = reference_config(config)

    def monomer(batch: dict[str, Any], torsions: dict[str, Any]) -> Any:
        with _replaced(r.all_atom, atom37_to_torsion_angles=lambda **_: torsions):
            return r.modules.AlphaFold_noE(c)(batch, is_training=False, return_representations=True)

    def multimer(batch: dict[str, Any], _: dict[str, Any]) -> Any:
        with _replaced(r.modules_multimer, **_GIVEN_DRAW), clean_directions():
            return r.modules_multimer.AlphaFold(c)(batch, is_training=False, return_representations=True)

    return r.jax.jit(r.haiku.transform(multimer if is_multimer(config) else monomer).apply)


def _extra_features(batch: dict[str, Any], _: int) -> tuple[Any, Any]:
    r = load_reference()
    one_hot = r.jax.nn.one_hot(batch["extra_msa"], 23)
    deletions = [batch[name][..., None] for name in ("extra_has_deletion", "extra_deletion_value")]
    return r.jnp.concatenate([one_hot, *deletions], axis=-1), batch["extra_msa_mask"]


# The multimer network draws its MSA itself, in each pass; here it takes the draw that it is given.
_GIVEN_DRAW: dict[str, Callable[..., Any]] = {
    "make_msa_profile": lambda batch: batch["msa_mask"],  # used by the others only
    "sample_msa": lambda key, batch, max_seq: batch,
    "make_masked_msa": lambda batch, key, config: batch,
    "nearest_neighbor_clusters": lambda batch: (None, None),
    "create_msa_feat": lambda batch: batch["msa_feat"],
    "create_extra_msa_feature": _extra_features,
}


def run_passes(
    config: ConfigDict,
    parameters: Mapping[str, Any],
    features: Sequence[ProcessedFeatures],
    torsions: Sequence[dict[str, Any]],
    positions: np.ndarray | None = None,
) -> Iterator[dict[str, Any]]:
    """The outputs of the whole reference network, pass by pass with recycling.

    One draw of the features for each pass, and the torsion angles of its templates (see `validate.torsions`; the
    multimer network's own are used). A network with templates takes at least one, of zeros where there are none.
    positions: those of the pass before the first one, [n_res, 37, 3] in angstrom; zeros by default.
    """
    r = load_reference()
    apply = _compiled_network(config)
    n_res = features[0].n_res
    previous = {
        "prev_msa_first_row": np.zeros((n_res, config.c_m), np.float32),
        "prev_pair": np.zeros((n_res, n_res, config.c_z), np.float32),
        "prev_pos": np.zeros((n_res, 37, 3), np.float32) if positions is None else positions,
    }
    for draw, angles in zip(features, torsions, strict=True):
        if is_multimer(config):
            batch = _multimer_batch(draw) | {"prev": previous}
        else:
            batch = {name: value[None] for name, value in reference_batch(draw).items()} | {"prev": previous}
        result = apply(dict(parameters), r.jax.random.PRNGKey(0), batch, angles)
        previous = result.pop("prev")
        yield r.jax.tree_util.tree_map(np.asarray, result)


def reference_batch(draw: ProcessedFeatures) -> dict[str, np.ndarray]:
    """The reference's features: ours, and the atom tables that its data pipeline adds."""
    tables = {name: np.asarray(table())[draw.aatype] for name, table in ATOM_TABLES.items()}
    return {f.name: np.asarray(getattr(draw, f.name)) for f in fields(draw)} | tables


def _multimer_batch(draw: ProcessedFeatures) -> dict[str, np.ndarray]:
    """For the multimer network."""
    batch = {f.name: np.asarray(getattr(draw, f.name)) for f in fields(draw)}
    batch["template_all_atom_mask"] = batch["template_all_atom_masks"]
    batch["all_atom_positions"] = np.zeros((draw.n_res, 37, 3), np.float32)  # says that a structure is wanted
    return batch


def _atom37_to_atom14() -> np.ndarray:
    constants = load_reference().constants
    names = [*(constants.restype_1to3[letter] for letter in constants.restypes), "UNK"]
    to_atom14 = np.zeros((21, 37), np.int32)
    for row, residue in enumerate(names):
        for slot, atom in enumerate(constants.restype_name_to_atom14_names[residue]):
            if atom:
                to_atom14[row, constants.atom_order[atom]] = slot
    return to_atom14


# By residue type, from the reference's own constants.
ATOM_TABLES: dict[str, Callable[[], np.ndarray]] = {
    "atom14_atom_exists": lambda: load_reference().constants.restype_atom14_mask,
    "atom37_atom_exists": lambda: load_reference().constants.restype_atom37_mask,
    "residx_atom37_to_atom14": _atom37_to_atom14,
}
