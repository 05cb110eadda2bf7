"""The engines. `compile` runs in a process of its own: the checks of shapes in this one are no part of the formulas."""

from __future__ import annotations

import subprocess
import sys

import pytest

from af2cpu.errors import InputError
from af2cpu.ops import dispatch

COMPILED = """
import numpy as np, af2cpu
from af2cpu.model.config import model_config
from af2cpu.ops.dispatch import engine, use_engine
from af2cpu.ops.slicing import memory_budget
from af2cpu.validate.synthetic import synthetic_features
net = af2cpu.load_model("tiny", "synthetic:0")
draws = [synthetic_features(model_config("tiny"), 12, n_seq=5, n_extra=6, n_templ=2)]
eager = net.predict(draws, recycles=0, save_all=True)
use_engine("compile")
assert engine() == "compile"
with memory_budget(20_000):  # slices of several sizes
    compiled = net.predict(draws, recycles=0, save_all=True)
for name, value in eager.extras.items():
    np.testing.assert_allclose(compiled.extras[name], value, atol=1e-3, rtol=1e-3, err_msg=name)
assert any((compiled.extras[name] != value).any() for name, value in eager.extras.items()), "nothing was compiled"
"""


def test_compile_gives_the_same() -> None:
    done = subprocess.run([sys.executable, "-c", COMPILED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_unknown_engine() -> None:
    with pytest.raises(InputError, match=r"'cuda'.*torch, compile"):
        dispatch.use_engine("cuda")
    assert dispatch.engine() == "torch"
