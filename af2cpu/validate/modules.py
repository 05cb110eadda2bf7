# SPDX-License-Identifier: Apache-2.0
"""One module of the network against the reference's, on the same random inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from ml_collections import ConfigDict

from af2cpu.model.alphafold import AlphaFold
from af2cpu.records import Chains
from af2cpu.validate.cases import NAME, Case
from af2cpu.validate.reference import is_multimer, reference_config, run_module, scoped
from af2cpu.validate.synthetic import synthetic_features


@dataclass(frozen=True)
class Sizes:
    """Of the inputs that modules are compared on; `holes` is the share of zeros in the masks."""

    n_res: int = 17
    n_seq: int = 5
    n_templ: int = 2
    holes: float = 0.2


def make_inputs(config: ConfigDict, sizes: Sizes, seed: int) -> dict[str, np.ndarray]:
    """Random representations, masks with zeros (the query's row has none), frames, residue types and templates."""
    rng = np.random.default_rng(seed)
    n, s = sizes.n_res, sizes.n_seq

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape, dtype=np.float32)

    def mask(*shape: int) -> np.ndarray:
        return (rng.random(shape) >= sizes.holes).astype(np.float32)

    seq_mask, msa_mask, quaternion = mask(n), mask(s, n), normal(n, 4)
    seq_mask[0] = 1.0
    msa_mask[:1] = 1.0
    return {
        "m": normal(s, n, config.c_m),
        "e": normal(s, n, config.extra_msa_stack.c_e),
        "z": normal(n, n, config.c_z),
        "t": normal(n, n, config.template_embedder.c_t),
        "s": normal(n, config.c_s),
        "msa_mask": msa_mask,
        "pair_mask": mask(n, n),
        "seq_mask": seq_mask,
        "quaternion": quaternion / np.linalg.norm(quaternion, axis=-1, keepdims=True),
        "trans": normal(n, 3),
        "aatype": rng.integers(0, 21, n),
        **vars(_chains(n)),
        "residue_index": np.arange(n) % max(1, n // 3),
        **_template_inputs(config, sizes, seed),
    }


def _chains(n_res: int) -> Chains:
    """Three chains, two of them copies, where the residues suffice."""
    copy = n_res // 3
    return Chains.of(["A" * (n_res - 2 * copy), *["C" * copy] * 2 * bool(copy)])


def _template_inputs(config: ConfigDict, sizes: Sizes, seed: int) -> dict[str, np.ndarray]:
    """Template features, the last of them masked; for multimer models it is a row of zeros."""
    draw = synthetic_features(config, sizes.n_res, seed=seed, n_seq=1, n_extra=0, n_templ=sizes.n_templ + 1)
    arrays = {name: value for name, value in vars(draw).items() if name.startswith("template_")}
    arrays["template_mask"][-1] = 0.0
    if is_multimer(config):
        for array in arrays.values():
            array[-1] = 0
    return arrays


def reference_outputs(
    case: Case, config: ConfigDict, parameters: Mapping[str, Any], sizes: Sizes, seed: int = 0
) -> tuple[np.ndarray, ...]:
    """What the reference's module gives for the inputs of a seed; a stack is represented by its first block."""
    theirs = reference_config(config)
    own = scoped(parameters, case.scope, 0 if case.stacked else None, NAME)
    outputs = run_module(lambda a: case.theirs(theirs, a), own, make_inputs(config, sizes, seed))
    return tuple(np.asarray(one) for one in (outputs if isinstance(outputs, tuple) else (outputs,)))


def compare_module(
    case: Case, net: AlphaFold, theirs: Sequence[np.ndarray], sizes: Sizes, seed: int = 0
) -> list[tuple[np.ndarray, np.ndarray]]:
    """(ours, reference's) outputs of a module; `theirs` are the `reference_outputs` of the same sizes and seed.

    Masked residues are left out where the case says so.
    """
    inputs = make_inputs(net.config, sizes, seed)
    with torch.no_grad():
        outputs = case.ours(net, {name: torch.from_numpy(value.copy()) for name, value in inputs.items()})
    ours = [one.numpy() for one in (outputs if isinstance(outputs, tuple) else (outputs,))]
    pairs = list(zip(ours, theirs, strict=True))
    if not case.residue_axes:
        return pairs
    residues = np.flatnonzero(inputs["seq_mask"])
    return [
        (mine.take(residues, axis), its.take(residues, axis))
        for (mine, its), axis in zip(pairs, case.residue_axes, strict=True)
    ]
