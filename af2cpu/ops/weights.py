# SPDX-License-Identifier: Apache-2.0
"""The parameters of an operation: a record with field names, and its packed form for the native kernels.

A record is a NamedTuple of tensors, of None where there is none, and of other records. The class of the kernels that
packs it has its name, and takes its arrays by their names: those of a record within a record as `norm.scale`. Functions
that run a kernel take either form.
"""

from __future__ import annotations

from typing import Any, TypeVar, cast

import torch
from torch import Tensor

from af2cpu.ops import dispatch
from af2cpu.ops.isa import kernels

_R = TypeVar("_R")  # a record


def arrays_of(record: tuple[Any, ...], place: str = "") -> dict[str, Tensor]:
    """The tensors of a record by name."""
    found: dict[str, Tensor] = {}
    for name, value in zip(record._fields, record, strict=True):  # type: ignore[attr-defined]
        if isinstance(value, Tensor):
            found[place + name] = value.detach()
        elif value is not None:
            found |= arrays_of(value, f"{place}{name}.")
    return found


def pack(record: tuple[Any, ...]) -> Any:
    """The record as the kernels of the level in use read it. It shares no memory with the tensors."""
    with torch.no_grad():
        return getattr(kernels(), type(record).__name__)(arrays_of(record))


def packed(weights: Any) -> Any:
    """Weights as the kernels read them: a record is packed now."""
    return pack(weights) if isinstance(weights, tuple) else weights


def ready(record: _R) -> _R:
    """A record that is made on the way and used more than once: packed now if kernels will read it."""
    return cast(_R, pack(cast(Any, record))) if dispatch.uses_kernels() else record
