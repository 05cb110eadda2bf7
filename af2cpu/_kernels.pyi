# SPDX-License-Identifier: Apache-2.0
"""The native kernels (`kernels/bind`). Tensors are float32 or bfloat16; the last axis of activations is contiguous."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

interface: str  # SHA-256 of this file when the module was built; af2cpu/ops/isa.py compares it

def level() -> str: ...
def levels() -> list[str]: ...
def use_level(name: str) -> None: ...
def multiplies_bf16() -> bool: ...
def loops_of(run: Callable[[], object]) -> list[int]: ...
def threads() -> int: ...

class GlobalAttentionWeights:
    def __init__(self, arrays: Mapping[str, Tensor]) -> None: ...

def global_attention(x: Tensor, mask: Tensor, weights: GlobalAttentionWeights) -> None: ...

class LinearWeights:
    def __init__(self, arrays: Mapping[str, Tensor]) -> None: ...
    @property
    def out_features(self) -> int: ...

def linear(x: Tensor, y: Tensor, weights: LinearWeights) -> None: ...

class OuterProductWeights:
    def __init__(self, arrays: Mapping[str, Tensor]) -> None: ...

def outer_product(m: Tensor, mask: Tensor, z: Tensor, weights: OuterProductWeights) -> None: ...

class TransitionWeights:
    def __init__(self, arrays: Mapping[str, Tensor]) -> None: ...

def transition(x: Tensor, weights: TransitionWeights) -> None: ...

class TriangleWeights:
    def __init__(self, arrays: Mapping[str, Tensor]) -> None: ...

def triangle(
    z: Tensor, mask: Tensor, weights: TriangleWeights, outgoing: bool, factors: Tensor | None = None
) -> None: ...

triangle_edge_bytes: int

def release_memory() -> None: ...
def rate(repeats: int, type: str) -> float: ...

class AttentionWeights:
    def __init__(self, arrays: Mapping[str, Tensor]) -> None: ...

def attention(
    x: Tensor, mask: Tensor, weights: AttentionWeights, bias: Tensor | None = None, factors: Tensor | None = None
) -> None: ...

class PairBiasWeights:
    def __init__(self, arrays: Mapping[str, Tensor]) -> None: ...
    @property
    def heads(self) -> int: ...

def pair_bias(z: Tensor, out: Tensor, weights: PairBiasWeights) -> None: ...

class TemplateAttentionWeights:
    def __init__(self, arrays: Mapping[str, Tensor]) -> None: ...
    @property
    def heads(self) -> int: ...
    @property
    def dim(self) -> int: ...

def template_gather(z: Tensor, t: Tensor, state: Tensor, weights: TemplateAttentionWeights) -> None: ...
def template_close(z: Tensor, state: Tensor, weights: TemplateAttentionWeights) -> None: ...
def point_attention(
    *,
    q: Tensor,
    keys: Tensor,
    values: Tensor,
    q_points: Tensor,
    key_points: Tensor,
    weight: Tensor,
    bias: Tensor,
    mask: Tensor,
    z: Tensor,
    scale: Tensor | None,
    offset: Tensor | None,
    out: Tensor,
    pair: Tensor,
) -> None: ...

class MsvModel:
    def __init__(
        self, ssv: NDArray[np.uint8], msv: NDArray[np.uint8], numbers: list[int], pass_at: NDArray[np.uint8]
    ) -> None: ...

class MsvTargets:
    def __init__(
        self,
        residues: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        lengths: NDArray[np.int32],
        tjb: NDArray[np.uint8],
    ) -> None: ...

def msv_survivors(
    targets: MsvTargets, models: list[MsvModel], out: NDArray[np.uint8], threads: int = 1, vbmi: bool = True
) -> int: ...
def msv_scores(
    targets: MsvTargets,
    models: list[MsvModel],
    peaks: NDArray[np.uint8],
    xj: NDArray[np.int16],
    threads: int = 1,
    vbmi: bool = True,
) -> None: ...
def has_vbmi() -> bool: ...
def digitise(text: NDArray[np.uint8], residues: NDArray[np.uint8]) -> tuple[NDArray[np.int64], int]: ...
def header_entries(
    text: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> tuple[bytes, NDArray[np.int64]]: ...
def interleave(
    residues: NDArray[np.uint8],
    starts: NDArray[np.int64],
    lengths: NDArray[np.int32],
    offsets: NDArray[np.int64],
    out: NDArray[np.uint8],
) -> None: ...
def pack_blocks(
    residues: NDArray[np.uint8],
    starts: NDArray[np.int64],
    lengths: NDArray[np.int32],
    offsets: NDArray[np.int64],
    out: NDArray[np.uint8],
    checksums: NDArray[np.uint64],
) -> None: ...
def unpack_blocks(
    packed: NDArray[np.uint8], out: NDArray[np.uint8], groups: NDArray[np.int32], checksums: NDArray[np.uint64]
) -> None: ...
def fasta_of(
    file: int,
    headers: NDArray[np.int64],
    residues: NDArray[np.uint8],
    lanes: NDArray[np.int64],
    lengths: NDArray[np.int32],
) -> tuple[bytes, int]: ...
