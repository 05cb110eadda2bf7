"""Which engine runs the operations: chosen once per process, here and nowhere below.

`torch` runs the einsum formulas eagerly, `compile` runs the same through torch.compile.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar

import torch

from af2cpu.errors import InputError

ENGINES = ("torch", "compile")

_P = ParamSpec("_P")
_R = TypeVar("_R")
_log = logging.getLogger(__name__)


class Kernel(Generic[_P, _R]):
    """One formula on one slice, run by the engine in use. Decorate the einsum reference with it."""

    def __init__(self, reference: Callable[_P, _R]) -> None:
        self.reference = reference
        self.run = reference
        self.__doc__ = reference.__doc__
        _kernels.append(self)

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        return self.run(*args, **kwargs)


_kernels: list[Kernel] = []
_engine = "torch"


def use_engine(name: str) -> None:
    """Run all operations on this engine from now on. Raises InputError for an unknown name."""
    global _engine
    if name not in ENGINES:
        raise InputError(f"unknown engine {name!r}: choose one of {', '.join(ENGINES)}")
    for kernel in _kernels:
        # fullgraph: a formula that can't be compiled, or only anew for each shape, is an error and no silent slow run.
        kernel.run = (
            torch.compile(kernel.reference, dynamic=True, fullgraph=True) if name == "compile" else kernel.reference
        )
    _engine = name
    _log.info("engine: %s", name)


def engine() -> str:
    """The engine in use, for the run's record."""
    return _engine
