# SPDX-License-Identifier: Apache-2.0
"""The formulas for the cost of a pass against PyTorch's own count."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import af2cpu
from af2cpu.model.alphafold import AlphaFold
from af2cpu.model.config import model_config
from af2cpu.model.cost import Sizes, full_sizes, pass_flops
from af2cpu.validate.synthetic import synthetic_features


@pytest.fixture(scope="module", params=["tiny", "tiny_multimer"])
def net(request: pytest.FixtureRequest) -> AlphaFold:
    return af2cpu.load_model(request.param, "synthetic:0", engine="torch")


@pytest.mark.parametrize(
    "sizes", [Sizes(31, 7, 11, 0), Sizes(17, 40, 9, 3), Sizes(12, 1, 0, 1)], ids=["no templates", "deep", "one row"]
)
def test_formula(net: AlphaFold, sizes: Sizes) -> None:
    draw = synthetic_features(net.config, sizes.n_res, n_seq=sizes.n_seq, n_extra=sizes.n_extra, n_templ=sizes.n_templ)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net.predict([draw], recycles=0)
    assert pass_flops(net.config, sizes) == pytest.approx(counter.get_total_flops(), rel=0.02)


@pytest.mark.parametrize(("n_res", "teraflop"), [(64, 5.6), (128, 12.8), (256, 32.9), (384, 61.4)])
def test_published_size(n_res: int, teraflop: float) -> None:
    """Counted before, by hand, for 512 rows, 5,120 extra rows, 4 templates and 48 blocks."""
    config = model_config("model_1")
    assert pass_flops(config, full_sizes(config, n_res)) / 1e12 == pytest.approx(teraflop, rel=0.03)
