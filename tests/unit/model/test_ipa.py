# SPDX-License-Identifier: Apache-2.0
"""Invariant point attention: what the comparison with the reference can't see."""

from __future__ import annotations

import pytest
import torch

import af2cpu
from af2cpu.geometry.rigid import Rigid


@pytest.mark.parametrize(("model", "norm"), [("tiny", 1e-4), ("tiny_multimer", 1e-8)])
def test_norm_of_a_point_at_the_origin(model: str, norm: float) -> None:
    """The monomer's code adds 1e-8 to the square, the multimer's keeps the norm from falling under 1e-8."""
    net = af2cpu.load_model(model, "synthetic:0", engine="torch")
    ipa, n = net.structure_module.ipa, 3
    ipa.kv_points.weight.zero_()
    ipa.kv_points.bias.zero_()
    taken: list[torch.Tensor] = []
    ipa.out.register_forward_pre_hook(lambda _, given: taken.append(given[0]))
    s, z = torch.ones(n, net.config.c_s), torch.ones(n, n, net.config.c_z)
    with torch.no_grad():
        ipa(s, z, None, ipa.bias(z), Rigid(torch.eye(3).expand(n, 3, 3), torch.zeros(n, 3)), torch.ones(n))
    points = ipa.n_heads * ipa.n_value_points
    start = ipa.n_heads * ipa.c + 3 * points
    torch.testing.assert_close(taken[0][:, start : start + points], torch.full((n, points), norm))
