# SPDX-License-Identifier: Apache-2.0
"""Engine ipex: the formulas traced and frozen on their parameters, for the fusions of Intel's extension for PyTorch.

The extension is archived upstream. Its last release, 2.8, needs torch 2.8: `pip install 'af2cpu[ipex]'`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree
from torch.utils.weak import WeakTensorKeyDictionary

from af2cpu.errors import InputError


def load() -> None:
    """Import the extension, which adds its fusions to PyTorch's JIT. Raises InputError where it can't be."""
    try:
        importlib.import_module("intel_extension_for_pytorch")
    except (ImportError, OSError, AttributeError) as error:  # the last two: it was built for another torch
        raise InputError(
            f"engine ipex: {error}. It takes torch 2.8 and intel-extension-for-pytorch 2.8: pip install 'af2cpu[ipex]'"
        ) from error


class Frozen:
    """A formula that is traced once for each set of parameters, which are constants of the trace.

    A trace lives as long as the first of its parameters, and is made anew when one of them has changed. A formula
    without parameters runs as it is.
    """

    def __init__(self, formula: Callable[..., Any]) -> None:
        self._formula = formula
        self._traces: WeakTensorKeyDictionary = WeakTensorKeyDictionary()

    def __call__(self, *args: Any) -> Any:
        leaves, tree = pytree.tree_flatten(args)
        parameters = [x for x in leaves if isinstance(x, nn.Parameter)]
        if not parameters:
            return self._formula(*args)
        traces: dict[tuple[Any, ...], Callable[..., Any]] = self._traces.setdefault(parameters[0], {})
        kind = tuple(_kind(x) for x in leaves)
        if kind not in traces:
            traces[kind] = self._trace(leaves, tree)
        # Copies: fused operations of the extension have been seen to write their results over what they were given.
        return traces[kind](*(x.clone() for x in leaves if _is_given(x)))

    def _trace(self, leaves: list[Any], tree: pytree.TreeSpec) -> Callable[..., Any]:
        def run(*tensors: Tensor) -> Any:
            given = iter(tensors)
            return self._formula(*pytree.tree_unflatten([next(given) if _is_given(x) else x for x in leaves], tree))

        examples = tuple(x.clone() for x in leaves if _is_given(x))
        return torch.jit.freeze(torch.jit.trace(_Module(run).eval(), examples, check_trace=False))


class _Module(nn.Module):
    """A function as a module: only modules can be frozen."""

    def __init__(self, run: Callable[..., Any]) -> None:
        super().__init__()
        self._run = run

    def forward(self, *tensors: Tensor) -> Any:
        return self._run(*tensors)


def _is_given(x: Any) -> bool:
    """Whether it is an activation: an input of the trace."""
    return isinstance(x, Tensor) and not isinstance(x, nn.Parameter)


def _kind(x: Any) -> Any:
    """What a trace is made for: parameters as they are, activations by type and number of axes, all else by value."""
    if isinstance(x, nn.Parameter):
        return x.data_ptr(), x._version, x.dtype
    return (x.dtype, x.ndim) if isinstance(x, Tensor) else x
