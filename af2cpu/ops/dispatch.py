# SPDX-License-Identifier: Apache-2.0
"""Which engine runs the operations: chosen once per process, here and nowhere below.

`native` runs the kernels of `kernels/` (C++), `torch` the einsum formulas eagerly, `compile` the same through
torch.compile, `ipex` the same traced and frozen with Intel's extension (optional, archived upstream). `auto` is
`native` where the kernels were built, else `torch`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar, cast

import torch

from af2cpu.ops import ipex
from af2cpu.ops.isa import chosen, kernels, level

_P = ParamSpec("_P")
_R = TypeVar("_R")
_log = logging.getLogger(__name__)


class Formula(Generic[_P, _R]):
    """What an operation does to one slice, in PyTorch, eagerly or compiled. Decorate the einsum reference with it."""

    def __init__(self, reference: Callable[_P, _R]) -> None:
        self.reference = reference
        self.run = reference
        self.__doc__ = reference.__doc__
        _formulas.append(self)

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        return self.run(*args, **kwargs)


class Operation(Generic[_P, _R]):
    """An operation of the network: its definition in PyTorch, and the native kernel of it, if there is one.

    Kernels have no gradients: while gradients are enabled the definition runs on every engine.
    """

    def __init__(self, reference: Callable[_P, _R]) -> None:
        self.reference = reference
        self.kernel: Callable[_P, _R] | None = None
        self.__doc__ = reference.__doc__
        self.__name__ = reference.__name__

    def native(self, kernel: Callable[_P, _R]) -> Callable[_P, _R]:
        """Decorates the function that runs the kernel."""
        self.kernel = kernel
        return kernel

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        if not uses_kernels():
            return self.reference(*args, **kwargs)
        if self.kernel is not None:
            return self.kernel(*args, **kwargs)
        if self.__name__ not in _in_pytorch:
            _log.info("engine native: %s has no kernel and runs in PyTorch", self.__name__)
            _in_pytorch.append(self.__name__)
        return self.reference(*args, **kwargs)


_formulas: list[Formula] = []
_in_pytorch: list[str] = []
_engine = "torch"


def use_engine(name: str) -> None:
    """Run all operations on this engine from now on. Raises InputError for one that is unknown or was not built."""
    global _engine
    wanted, name = name, chosen(name)
    if wanted == "auto" and name == "torch":
        _log.warning("no native kernels in this installation (no C++ compiler was found): running on PyTorch")
    if name == "ipex":
        ipex.load()
    if name == "compile":
        # The stacks' masks, biases, layouts and last slices of one row are more variants than PyTorch's limit of 8.
        torch._dynamo.config.recompile_limit = 64
    for formula in _formulas:
        formula.run = _made_for(name, formula.reference)
    _engine = name
    _in_pytorch.clear()
    _log.info("engine: %s", describe())


def _made_for(name: str, reference: Callable[_P, _R]) -> Callable[_P, _R]:
    """A formula as an engine runs it."""
    if name == "compile":
        # fullgraph: a formula that can't be compiled, or only anew for each shape, is an error and no silent slow run.
        return torch.compile(reference, dynamic=True, fullgraph=True)
    return cast("Callable[_P, _R]", ipex.Frozen(reference)) if name == "ipex" else reference


def engine() -> str:
    """The engine in use."""
    return _engine


def uses_kernels() -> bool:
    """Whether operations run on the native kernels, which have no gradients."""
    return _engine == "native" and not torch.is_grad_enabled()


def release_memory() -> None:
    """Frees the scratch memory that kernels keep between calls. Called at the end of each stack of blocks."""
    if uses_kernels():
        kernels().release_memory()


def in_pytorch() -> tuple[str, ...]:
    """The operations that had no native kernel so far."""
    return tuple(_in_pytorch)


def describe() -> str:
    """The engine in use, and the instruction set of its kernels."""
    return f"native ({level()})" if _engine == "native" else _engine
