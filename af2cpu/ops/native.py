"""The native kernels as Python sees them, and the parameters packed for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from importlib import util
from types import ModuleType
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from af2cpu.errors import InputError

_W = TypeVar("_W")
_Stamp = tuple[Any, ...]

BF16_LEVELS = ("avx512bf16", "amx", "amx_model")  # those that multiply bf16 as it is; the model of AMX too


def built() -> bool:
    """Whether this installation has kernels."""
    return util.find_spec("af2cpu._kernels") is not None


@cache
def kernels() -> ModuleType:
    """The module of kernels. torch is imported before it, so that both run on the same OpenMP threads.

    Raises InputError for a level in AF2CPU_ISA that does not exist.
    """
    from af2cpu import _kernels

    try:
        _kernels.level()  # chooses it
    except ValueError as error:
        raise InputError(str(error)) from error
    return _kernels


def level() -> str:
    """The instruction set that the kernels run on: the machine's best, capped by AF2CPU_ISA."""
    return kernels().level()


def rate(precision: str, seconds: float = 0.1) -> float:
    """Operations per second of products in registers and the L1 cache on all threads: the machine's own limit, now."""
    name = {"bf16": "bfloat16", "fp32": "float32"}[precision]
    kernels().rate(100, name)  # threads and clock come up
    flops, start = 0.0, time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds:
        flops += kernels().rate(2000, name)
    return flops / passed


# By the first parameter of a set: its packed forms, each with the stamp of what it was made from.
_packs: WeakTensorKeyDictionary = WeakTensorKeyDictionary()


def packed(make: Callable[..., _W], *parameters: Tensor | None) -> _W:
    """make(*parameters): the parameters as a kernel wants them. Made once, kept as long as the first of them lives.

    It is made anew when a parameter has changed (another type, other values) or another instruction set is in use.
    """
    first = parameters[0]
    assert first is not None
    stamp = (level(), *(_stamp(p) for p in parameters))
    forms: dict[Callable[..., Any], tuple[_Stamp, Any]] = _packs.setdefault(first, {})
    if make not in forms or forms[make][0] != stamp:
        with torch.no_grad():
            forms[make] = stamp, make(*(None if p is None else p.detach() for p in parameters))
    return forms[make][1]


def _stamp(parameter: Tensor | None) -> _Stamp | None:
    return None if parameter is None else (parameter.data_ptr(), parameter._version, parameter.dtype)
