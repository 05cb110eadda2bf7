# SPDX-License-Identifier: Apache-2.0
"""The native kernels before PyTorch is loaded: whether they were built, their instruction set, their speed."""

from __future__ import annotations

import ctypes
import hashlib
import time
from functools import cache
from importlib import util
from pathlib import Path
from types import ModuleType

from af2cpu.errors import InputError

_INTERFACE = Path(__file__).parents[1] / "_kernels.pyi"
ENGINES = ("auto", "native", "torch", "compile", "ipex")


def built() -> bool:
    """Whether this installation has kernels."""
    return util.find_spec("af2cpu._kernels") is not None


@cache
def kernels() -> ModuleType:
    """The module of kernels, on the OpenMP threads that PyTorch uses, whichever of the two is loaded first.

    Raises InputError for kernels that were built from other sources, or a level in AF2CPU_ISA that does not exist.
    """
    _load_openmp_of_torch()
    from af2cpu import _kernels

    if getattr(_kernels, "interface", None) != hashlib.sha256(_INTERFACE.read_bytes()).hexdigest():
        raise InputError(
            f"{_kernels.__file__}: built from other sources than this af2cpu; install it again (pip install)"
        )
    try:
        _kernels.level()  # chooses it
    except ValueError as error:
        raise InputError(str(error)) from error
    return _kernels


def _load_openmp_of_torch() -> None:
    """PyTorch's wheels bring a libgomp.so.1 of their own; a second one in the process would be a second thread pool."""
    spec = util.find_spec("torch")
    bundled = Path(str(spec and spec.origin)).parent / "lib" / "libgomp.so.1"
    if bundled.is_file():  # other builds of PyTorch use the system's, as the kernels do
        ctypes.CDLL(str(bundled), mode=ctypes.RTLD_GLOBAL)


def level() -> str:
    """The instruction set that the kernels run on: the machine's best, capped by AF2CPU_ISA."""
    return str(kernels().level())


def multiplies_bf16() -> bool:
    """Whether the instruction set in use multiplies bf16 as it is; the model of AMX does."""
    return bool(kernels().multiplies_bf16())


def levels() -> list[str]:
    """All instruction sets that the kernels have for this machine, the lowest first."""
    return [str(name) for name in kernels().levels()]


def rate(precision: str, seconds: float = 0.03) -> float:
    """Operations per second of products in registers and the L1 cache on all threads: the machine's own limit, now."""
    name = {"bf16": "bfloat16", "fp32": "float32"}[precision]
    kernels().rate(100, name)  # threads and clock come up
    flops, start = 0.0, time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds:
        flops += kernels().rate(2000, name)
    return flops / passed


def chosen(name: str) -> str:
    """The engine that `name` selects here. Raises InputError for one that is unknown or was not built."""
    if name not in ENGINES:
        raise InputError(f"unknown engine {name!r}: choose one of {', '.join(ENGINES)}")
    if name == "native" and not built():
        raise InputError("engine native: this installation has no kernels; install again where there is a C++ compiler")
    if name == "auto":
        return "native" if built() else "torch"
    return name
