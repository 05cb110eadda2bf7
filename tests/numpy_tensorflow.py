# SPDX-License-Identifier: Apache-2.0
"""As much of TensorFlow, in numpy, as AlphaFold 2's data transforms call: DeepMind's code runs without it."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace

import numpy as np


def _one_hot(indices: np.ndarray, depth: int, axis: int = -1) -> np.ndarray:
    assert axis == -1
    return (np.asarray(indices)[..., None] == np.arange(depth)).astype(np.float32)


def _gather(params: np.ndarray, indices: np.ndarray, axis: int = 0) -> np.ndarray:
    return np.take(params, indices, axis=axis)


def _argmax(values: np.ndarray, axis: int = 0, output_type: type = np.int64) -> np.ndarray:
    return np.argmax(values, axis=axis).astype(output_type)


def _matmul(a: np.ndarray, b: np.ndarray, transpose_b: bool = False) -> np.ndarray:
    return a @ (b.T if transpose_b else b)


def _unsorted_segment_sum(data: np.ndarray, segments: np.ndarray, count: int) -> np.ndarray:
    total = np.zeros((count, *data.shape[1:]), data.dtype)
    np.add.at(total, segments, data)
    return total


def _concat(values: list[np.ndarray], axis: int) -> np.ndarray:
    return np.concatenate([np.asarray(value, np.float32) for value in values], axis=axis)


def _random(seed: int) -> SimpleNamespace:
    rng = np.random.default_rng(seed)

    def categorical(logits: np.ndarray, n_samples: int, dtype: type) -> np.ndarray:
        assert n_samples == 1
        return (logits + rng.gumbel(size=logits.shape)).argmax(axis=-1)[:, None].astype(dtype)

    return SimpleNamespace(uniform=lambda shape: rng.random(shape, np.float32), categorical=categorical)


def module(seed: int = 0) -> ModuleType:
    """A stand-in for `tensorflow.compat.v1`."""
    tf = ModuleType("tensorflow.compat.v1")
    vars(tf).update(
        Tensor=np.ndarray,
        TensorShape=tuple,
        int32=np.int32,
        int64=np.int64,
        float32=np.float32,
        argmax=_argmax,
        atan=np.arctan,
        cast=lambda value, dtype: np.asarray(value).astype(dtype),
        clip_by_value=lambda value, low, high: np.clip(value, np.float32(low), np.float32(high)),
        concat=_concat,
        constant=lambda value, dtype=None, shape=None: np.asarray(value, dtype),
        equal=np.equal,
        expand_dims=np.expand_dims,
        gather=_gather,
        log=np.log,
        math=SimpleNamespace(unsorted_segment_sum=_unsorted_segment_sum),
        matmul=_matmul,
        one_hot=_one_hot,
        ones=lambda shape, dtype=np.float32: np.ones(shape, dtype),
        pad=lambda value, pads, constant_values=0: np.pad(value, pads, constant_values=constant_values),
        random=_random(seed),
        reduce_mean=np.mean,
        reshape=np.reshape,
        set_random_seed=lambda _: None,
        squeeze=np.squeeze,
        tile=np.tile,
        where=np.where,
    )
    return tf
