# SPDX-License-Identifier: Apache-2.0
"""Layers whose weights are filled from a parameter file: nothing is initialised here.

A layer declares which of its parameters an operation takes: `Weights(record)`. For engine native `pack_layers` packs
them all once, by name, and may let go of the arrays that only kernels read.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from functools import cache
from typing import Any, Generic, TypeVar, cast, get_type_hints

import torch
from torch import Tensor, nn

from af2cpu.ops.dispatch import uses_kernels
from af2cpu.ops.linear import LinearWeights, linear
from af2cpu.ops.norm import Norm
from af2cpu.ops.weights import pack

_R = TypeVar("_R")  # a record: a NamedTuple of tensors and of records


class Layer(nn.Module):
    """A layer that declares `Weights`."""

    def __init__(self) -> None:
        super().__init__()
        self.packs: dict[str, Any] = {}  # by the name of the declaration

    @classmethod
    @cache
    def declared(cls) -> Mapping[str, Weights[Any]]:
        """Its weights by name."""
        classes = reversed(cls.__mro__)
        return {name: one for kind in classes for name, one in vars(kind).items() if isinstance(one, Weights)}


class Weights(Generic[_R]):
    """What an operation takes of a layer: the record, or its packed form where kernels run and it was packed.

    The record's fields are the layer's attributes of the same names, modules within it records of their own;
    `attributes` has the names of those that are called otherwise.
    """

    def __init__(self, record: type[_R], **attributes: str) -> None:
        self._record, self._attributes = record, attributes

    def __set_name__(self, owner: type[Layer], name: str) -> None:
        self._name = name

    def __get__(self, layer: Layer, owner: type[Layer]) -> _R:
        found = layer.packs.get(self._name) if uses_kernels() else None
        return cast(_R, found) if found is not None else self.record(layer)

    def record(self, layer: nn.Module) -> _R:
        """The parameters themselves."""
        return cast(_R, _record(self._record, layer, self._attributes))


def _record(kind: Any, module: nn.Module, attributes: dict[str, str]) -> Any:
    values = []
    for field, nested in _fields(kind):
        value = getattr(module, attributes.get(field, field))
        values.append(_record(nested, value, {}) if nested else value)
    return kind(*values)


@cache
def _fields(kind: type[Any]) -> tuple[tuple[str, type[Any] | None], ...]:
    """The fields of a record, each with its own kind of record if it is one."""
    hints = get_type_hints(kind)
    return tuple(
        (name, hint if isinstance(hint, type) and issubclass(hint, tuple) else None) for name, hint in hints.items()
    )


def pack_layers(network: nn.Module, *, release: bool) -> None:
    """Packs the weights of all layers for the kernels of the level in use.

    release: the arrays are let go of, their parameters stay as names, shapes and types (on the meta device).
    """
    packed: set[int] = set()  # parameters, by id
    for layer in network.modules():  # a layer comes before those within it, which are part of its records
        if isinstance(layer, Layer):
            records: dict[str, Any] = {name: one.record(layer) for name, one in layer.declared().items()}
            parameters = {id(one) for record in records.values() for one in _tensors(record)}
            if not parameters <= packed:
                layer.packs = {name: pack(record) for name, record in records.items()}
                packed |= parameters
    if release:
        _release(network, packed)


def _release(network: nn.Module, parameters: set[int]) -> None:
    for module in network.modules():
        for name, one in module.named_parameters(recurse=False):
            if id(one) in parameters:
                setattr(module, name, nn.Parameter(one.to("meta"), requires_grad=False))
    # glibc keeps what is freed for the next allocations of such sizes, and there are none.
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _tensors(record: tuple[Any, ...]) -> list[Tensor]:
    parts = (_tensors(value) if isinstance(value, tuple) else [value] for value in record if value is not None)
    return [tensor for part in parts for tensor in part]


class Linear(Layer):
    """A linear layer of c to d channels; its product is an operation, as all of the network's are."""

    weights = Weights(LinearWeights)

    def __init__(self, c: int, d: int, bias: bool = True) -> None:
        super().__init__()
        self.weight = parameter(d, c)
        self.bias = parameter(d) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weights)


class LayerNorm(nn.LayerNorm):
    """Layer norm over c channels with Haiku's epsilon."""

    def __init__(self, c: int) -> None:
        super().__init__(c, eps=1e-5)

    @property
    def scale(self) -> Tensor:
        return self.weight

    @property
    def offset(self) -> Tensor:
        return self.bias

    @property
    def record(self) -> Norm:
        """For an operation that packs nothing."""
        return Norm(self.weight, self.bias)


def parameter(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.empty(*shape))


class HeadProjections(nn.Module):
    """Projections to h heads of d channels in DeepMind's layout: q k v gate [c, h, d], out [h, d, c]."""

    def __init__(self, c: int, n_heads: int, head_dim: int) -> None:
        super().__init__()
        self.q, self.k, self.v, self.gate = (parameter(c, n_heads, head_dim) for _ in range(4))
        self.gate_bias = parameter(n_heads, head_dim)
        self.out = parameter(n_heads, head_dim, c)
        self.out_bias = parameter(c)


def transposed(tensor: Tensor, when: bool) -> Tensor:
    """The first two axes swapped when asked: columns as rows."""
    return tensor.transpose(0, 1) if when else tensor
