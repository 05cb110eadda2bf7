# SPDX-License-Identifier: Apache-2.0
"""The whole network on the native engine: the same to the last bit whatever the threads and the memory budget."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import af2cpu
from af2cpu.model.alphafold import AlphaFold
from af2cpu.model.config import model_config
from af2cpu.ops import dispatch
from af2cpu.ops.slicing import memory_budget
from af2cpu.validate.synthetic import synthetic_features


@pytest.fixture(autouse=True)
def _native() -> None:
    dispatch.use_engine("native")


@pytest.fixture(scope="module")
def tiny() -> AlphaFold:
    return af2cpu.load_model("tiny", "synthetic:0", engine="native")


def _everything(net: AlphaFold, n_res: int) -> dict[str, np.ndarray]:
    """Logits, representations and results of two passes."""
    draws = [synthetic_features(model_config("tiny"), n_res, seed=k, n_seq=9, n_extra=20, n_templ=2) for k in range(2)]
    p = net.predict(draws, recycles=1, save_all=True)
    assert p.pae is not None
    results = {"positions": p.atom_positions, "plddt": p.plddt, "pae": p.pae, "scalars": np.array([p.ptm, *p.changes])}
    return {**p.extras, **results}


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("n_res", [7, 40])
def test_threads_change_nothing(tiny: AlphaFold, threads: None, precision: str, n_res: int) -> None:
    tiny.set_precision(precision)
    expected: dict[str, np.ndarray] = {}
    for n in (1, 2, 3, 4):
        torch.set_num_threads(n)
        actual = _everything(tiny, n_res)
        expected = expected or actual
        assert [name for name in expected if not np.array_equal(actual[name], expected[name])] == []
    assert dispatch.in_pytorch() == ()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_slices_change_nothing(tiny: AlphaFold, precision: str) -> None:
    tiny.set_precision(precision)
    expected = _everything(tiny, 19)
    with memory_budget(20_000):
        actual = _everything(tiny, 19)
    assert [name for name in expected if not np.array_equal(actual[name], expected[name])] == []
