# SPDX-License-Identifier: Apache-2.0
"""Weights of layers: by name, packed once, released."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

import af2cpu
from af2cpu.model.alphafold import AlphaFold
from af2cpu.model.config import model_config
from af2cpu.model.layers import Layer, LayerNorm, Linear, Weights, pack_layers, parameter
from af2cpu.model.msa import Transition
from af2cpu.ops import dispatch, isa
from af2cpu.ops.linear import LinearWeights
from af2cpu.ops.norm import Norm
from af2cpu.ops.transition import TransitionWeights
from af2cpu.ops.weights import arrays_of
from af2cpu.validate.synthetic import synthetic_features

NATIVE = pytest.mark.skipif(not isa.built(), reason="the native kernels are not built in this installation")


@pytest.fixture(autouse=True)
def _engine() -> Iterator[None]:
    before = dispatch.engine()
    with torch.no_grad():
        yield
    dispatch.use_engine(before)


def _transition() -> Transition:
    torch.manual_seed(0)
    layer = Transition(8, model_config("tiny").evoformer.msa_transition)
    for value in layer.parameters():
        nn.init.normal_(value)
    return layer.requires_grad_(False)


def test_a_record_has_the_parameters_of_its_layer_by_name() -> None:
    layer = _transition()
    record = layer.weights
    assert isinstance(record, TransitionWeights)
    assert record.norm == Norm(layer.norm.weight, layer.norm.bias)
    assert record.up.weight is layer.up.weight
    names = ["norm.scale", "norm.offset", "up.weight", "up.bias", "down.weight", "down.bias"]
    assert list(arrays_of(record)) == names


def test_attributes_of_other_names_are_named() -> None:
    class Two(Layer):
        first = Weights(LinearWeights, weight="w", bias="b")
        norm_only = Weights(Norm, scale="b", offset="b")

        def __init__(self) -> None:
            super().__init__()
            self.w, self.b = parameter(3, 2), parameter(3)

    layer = Two()
    assert list(Two.declared()) == ["first", "norm_only"]
    assert layer.first.weight is layer.w
    assert layer.norm_only.scale is layer.b


def test_arrays_that_are_not_there_have_no_name() -> None:
    assert list(arrays_of(Linear(3, 4, bias=False).weights)) == ["weight"]


@NATIVE
def test_layers_are_packed_once_and_what_they_contain_with_them() -> None:
    dispatch.use_engine("native")
    layer, x = _transition(), torch.randn(3, 5, 8)
    expected = layer(x.clone())
    pack_layers(layer, release=True)
    assert torch.equal(layer(x.clone()), expected)
    assert list(layer.packs) == ["weights"]
    assert not layer.up.packs  # it is part of the layer's record
    assert all(value.is_meta for value in layer.parameters())
    assert layer.up.weight.shape == (model_config("tiny").evoformer.msa_transition.factor * 8, 8)


@NATIVE
def test_norms_that_pytorch_applies_are_not_released() -> None:
    dispatch.use_engine("native")
    network = nn.Sequential(LayerNorm(8), Linear(8, 4)).requires_grad_(False)
    pack_layers(network, release=True)
    assert [value.is_meta for value in network.parameters()] == [False, False, True, True]


def _predicted(network: AlphaFold) -> np.ndarray:
    draws = [synthetic_features(network.config, 12, seed=k, n_seq=5, n_extra=7, n_templ=1) for k in range(2)]
    return network.predict(draws, recycles=1).atom_positions


@NATIVE
@pytest.mark.parametrize("model", ["tiny", "tiny_multimer"])
def test_a_released_network_predicts_the_same_and_nothing_else_is_done_with_it(model: str) -> None:
    dispatch.use_engine("native")
    network = af2cpu.load_model(model, "synthetic:0", precision="bf16", engine="native")
    before = _predicted(network)
    assert not network.is_released
    kept = sum(value.nbytes for value in network.parameters())
    network.prepare(release=True)
    assert network.is_released
    assert np.array_equal(_predicted(network), before)
    assert sum(value.nbytes for value in network.parameters() if not value.is_meta) < 0.2 * kept
    with pytest.raises(RuntimeError, match="load it again"):
        network.set_precision("fp32")
    dispatch.use_engine("torch")
    with pytest.raises(RuntimeError, match="prepared for engine native"):
        _predicted(network)


@NATIVE
def test_a_prepared_network_goes_on_on_other_engines_and_in_other_precisions() -> None:
    network = af2cpu.load_model("tiny", "synthetic:0", engine="torch")
    dispatch.use_engine("torch")
    torch_result = _predicted(network)
    dispatch.use_engine("native")
    native = _predicted(network)
    network.set_precision("bf16")
    half = _predicted(network)
    network.set_precision("fp32")
    assert not np.array_equal(half, native)
    dispatch.use_engine("torch")
    again = _predicted(network)
    assert not np.array_equal(again, native)
    np.testing.assert_allclose(again, torch_result, atol=1.0)  # its weights were rounded in between
