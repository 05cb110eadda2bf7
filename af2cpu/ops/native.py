"""Parameters packed for the native kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from af2cpu.ops.isa import level

_W = TypeVar("_W")
_Stamp = tuple[Any, ...]

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
