# SPDX-License-Identifier: Apache-2.0
"""The peak memory of a pass through the network: the sum of the arrays that each stage holds at the same time.

`benchmarks/memory.py` holds the formula against measured peaks.
"""

from __future__ import annotations

from ml_collections import ConfigDict

from af2cpu.model.cost import Sizes
from af2cpu.ops.sizes import CHANNEL_GROUP, DEFAULT_BUDGET

_PROGRAM = 280_000_000  # bytes: the interpreter and its libraries
EDGE_BYTES = 64 * 2**20  # where they fit, engine native makes the edges of all channels of a triangle at once


def peak_bytes(config: ConfigDict, sizes: Sizes, precision: str, engine: str, parameters: int) -> int:
    """Peak resident memory of a prediction on one protein, the program itself included: bytes.

    The largest of: loading the parameters (so many numbers), the template stage, the extra MSA stack, the Evoformer.
    """
    size = 2 if precision == "bf16" else 4
    kept = kept_bytes(precision, parameters)
    # As in the file and in the type of the trunk, then as parameters and packed.
    loading = max((4 if size == 4 else 4 + size) * parameters, 2 * kept if engine == "native" else kept)
    stages = (_templates(config, sizes, size), _extra_stack(config, sizes, size), _evoformer(config, sizes, size))
    return _PROGRAM + max(loading, kept + DEFAULT_BUDGET + _inputs(sizes) + max(stages))


def kept_bytes(precision: str, parameters: int) -> int:
    """Memory of a loaded network: its parameters, for engine native as its kernels read them."""
    return (2 if precision == "bf16" else 4) * parameters


def _inputs(sizes: Sizes) -> int:
    """The processed features and their tensors."""
    return 2 * 4 * sizes.n_res * (50 * sizes.n_seq + 5 * sizes.n_extra)


def _pair(sizes: Sizes, channels: int, size: int) -> int:
    return size * sizes.n_res**2 * channels


def _triangle(config: ConfigDict, sizes: Sizes, size: int) -> int:
    """The product of all edges, and the edges of a group of channels."""
    c = config.triangle_multiplication.c
    all_edges, group = 2 * _pair(sizes, c, size), 2 * _pair(sizes, min(c, CHANNEL_GROUP), size)
    return _pair(sizes, c, size) + max(group, min(all_edges, EDGE_BYTES))


def _msa(config: ConfigDict, sizes: Sizes, size: int) -> int:
    n_seq = sizes.n_seq + (sizes.n_templ if config.template_embedder.enabled else 0)
    return size * n_seq * sizes.n_res * config.c_m


def _outer_product(config: ConfigDict, n_seq: int, sizes: Sizes, size: int) -> int:
    """The two projections of all rows."""
    return 2 * size * n_seq * sizes.n_res * config.outer_product_mean.c


def _templates(config: ConfigDict, sizes: Sizes, size: int) -> int:
    """The state of the pointwise attention, the pair features of one template, and its triangles."""
    t = config.template_embedder
    if not t.enabled or (t.combine == "attention" and not sizes.n_templ):
        return 0
    if t.combine == "mean":
        state = _pair(sizes, t.c_t, size)
    else:
        attention = t.pointwise_attention
        state = _pair(sizes, attention.n_heads * (attention.head_dim + 2), 4)
    work = _pair(sizes, t.c_t, size) + _triangle(t, sizes, size)
    return _msa(config, sizes, size) + _pair(sizes, config.c_z, size) + state + work


def _extra_stack(config: ConfigDict, sizes: Sizes, size: int) -> int:
    stack = config.extra_msa_stack
    e = size * sizes.n_extra * sizes.n_res * stack.c_e
    work = max(_outer_product(stack, sizes.n_extra, sizes, size), _triangle(stack, sizes, size))
    return _msa(config, sizes, size) + e + _pair(sizes, config.c_z, size) + work


def _evoformer(config: ConfigDict, sizes: Sizes, size: int) -> int:
    stack = config.evoformer
    work = max(_outer_product(stack, sizes.n_seq, sizes, size), _triangle(stack, sizes, size))
    return _msa(config, sizes, size) + _pair(sizes, config.c_z, size) + work
