# SPDX-License-Identifier: Apache-2.0
"""The loops of the kernels: enough items for many cores, and none that is not counted."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from af2cpu.model.config import model_config
from af2cpu.model.evoformer import EvoformerBlock
from af2cpu.ops import dispatch
from af2cpu.ops.isa import kernels

THREADS, ROWS = 128, 512


def _block() -> nn.Module:
    """An Evoformer block of model_1 with zeros as weights: how work is shared does not depend on them."""
    config = model_config("model_1")
    block = EvoformerBlock(config.c_m, config.c_z, config.evoformer)
    for parameter in block.parameters():
        parameter.data = torch.zeros(parameter.shape, dtype=torch.bfloat16)
    return block.requires_grad_(False)


@pytest.mark.parametrize("n_res", [256, 300])
def test_each_loop_of_the_evoformer_has_work_for_many_threads(n_res: int) -> None:
    dispatch.use_engine("native")
    m = torch.zeros(ROWS, n_res, 256, dtype=torch.bfloat16)
    z = torch.zeros(n_res, n_res, 128, dtype=torch.bfloat16)
    with torch.no_grad():
        items = kernels().loops_of(lambda: _block()(m, z, torch.ones_like(m[..., 0]), torch.ones_like(z[..., 0])))
    assert len(items) == 17  # of the nine layers
    assert min(items) >= THREADS


def test_loops_are_counted_only_when_asked() -> None:
    dispatch.use_engine("native")
    layer = _block().msa_transition  # type: ignore[operator]
    x = torch.zeros(3, 5, 256, dtype=torch.bfloat16)
    with torch.no_grad():
        layer(x)
        assert kernels().loops_of(lambda: None) == []
        assert kernels().loops_of(lambda: layer(x)) == [1]
