# SPDX-License-Identifier: Apache-2.0
"""The engines. `compile` and `ipex` run in processes of their own: this one checks shapes within the formulas."""

from __future__ import annotations

import subprocess
import sys
from importlib import util

import pytest
import torch
from torch import nn

from af2cpu.errors import InputError
from af2cpu.ops import dispatch, ipex

RUN = """
import numpy as np, af2cpu
from af2cpu.model.config import model_config
from af2cpu.ops.dispatch import engine, use_engine
from af2cpu.ops.slicing import memory_budget
from af2cpu.validate.synthetic import synthetic_features
net = af2cpu.load_model("tiny", "synthetic:0", engine="torch")
draws = [synthetic_features(model_config("tiny"), 12, n_seq=5, n_extra=6, n_templ=2)]
eager = net.predict(draws, recycles=0, save_all=True)
use_engine(ENGINE)
assert engine() == ENGINE
with memory_budget(20_000):  # slices of several sizes
    compiled = net.predict(draws, recycles=0, save_all=True)
for name, value in eager.extras.items():
    np.testing.assert_allclose(compiled.extras[name], value, atol=1e-3, rtol=1e-3, err_msg=name)
assert ran(any((compiled.extras[name] != value).any() for name, value in eager.extras.items())), "it ran as before"
"""


COMPILED = """
ENGINE = "compile"
def ran(differs):
    return differs
"""

# Traced and frozen by PyTorch's JIT alone: the extension, which needs an old torch, adds fusions to that.
FROZEN = """
ENGINE = "ipex"
from af2cpu.ops import dispatch, ipex
ipex.load = lambda: None
def ran(differs):
    return sum(len(formula.run._traces) for formula in dispatch._formulas) > 20
"""


@pytest.mark.parametrize("prepare", [COMPILED, FROZEN], ids=["compile", "ipex"])
def test_the_same_numbers(prepare: str) -> None:
    done = subprocess.run([sys.executable, "-c", prepare + RUN], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # the extension knows nothing newer
def test_a_trace_follows_its_parameters_and_leaves_its_input_alone() -> None:
    traced = 0

    def formula(x: torch.Tensor, w: nn.Parameter, bias: torch.Tensor | None) -> torch.Tensor:
        nonlocal traced
        traced += 1
        x *= 2  # as fused operations may
        return x @ w if bias is None else x @ w + bias

    frozen, w = ipex.Frozen(formula), nn.Parameter(torch.ones(3, 3), requires_grad=False)
    x, bias = torch.ones(2, 3), torch.ones(3)
    for given, expected in [((x, w, None), 6.0), ((x[:1], w, None), 6.0), ((x, w, bias), 7.0), ((x, w, 2 * bias), 8.0)]:
        assert (frozen(*given) == expected).all()
    assert traced == 2  # with a bias and without
    assert (x == 1).all()
    w.copy_(2 * torch.ones(3, 3))
    assert (frozen(x, w, None) == 12).all()
    assert (frozen(x, w.detach(), None) == 12).all()  # no parameter: as it is
    assert (x == 2).all()


@pytest.mark.skipif(util.find_spec("intel_extension_for_pytorch") is not None, reason="the extension is there")
def test_without_the_extension() -> None:
    with pytest.raises(InputError, match=r"engine ipex: .*pip install 'af2cpu\[ipex\]'"):
        dispatch.use_engine("ipex")
    assert dispatch.engine() == "torch"


def test_unknown_engine() -> None:
    with pytest.raises(InputError, match=r"'cuda'.*torch, compile"):
        dispatch.use_engine("cuda")
    assert dispatch.engine() == "torch"
