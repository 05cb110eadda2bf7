# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import torch

from af2cpu.geometry.rigid import Rigid, quaternion_times_vector, rigid_from_3_points, rotation_from_quaternion


def _quarter_turn_z() -> torch.Tensor:
    return rotation_from_quaternion(torch.tensor([math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5)]))


def test_quarter_turn() -> None:
    turned = Rigid(_quarter_turn_z(), torch.tensor([1.0, 2.0, 3.0])).apply(torch.tensor([1.0, 0.0, 0.0]))
    torch.testing.assert_close(turned, torch.tensor([1.0, 3.0, 3.0]))


def test_inverse_undoes() -> None:
    torch.manual_seed(0)
    q = torch.nn.functional.normalize(torch.randn(5, 4), dim=-1)
    frames, points = Rigid(rotation_from_quaternion(q), torch.randn(5, 3)), torch.randn(5, 3)
    torch.testing.assert_close(frames.apply_inverse(frames.apply(points)), points, atol=1e-5, rtol=1e-5)


def test_compose_applies_the_inner_one_first() -> None:
    outer = Rigid(_quarter_turn_z(), torch.zeros(3))
    inner = Rigid(torch.eye(3), torch.tensor([1.0, 0.0, 0.0]))
    torch.testing.assert_close(outer.compose(inner).apply(torch.zeros(3)), torch.tensor([0.0, 1.0, 0.0]))


def test_frame_of_three_points() -> None:
    """x3 on the positive x axis, x1 in the xy plane with positive y, x2 at the origin."""
    x1, x2, x3 = torch.tensor([[3.0, 5.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 4.0]])
    local1, local3 = (rigid_from_3_points(x1, x2, x3).apply_inverse(x) for x in (x1, x3))
    torch.testing.assert_close(local3, torch.tensor([3.0, 0.0, 0.0]), atol=1e-5, rtol=0)
    assert abs(local1[2]) < 1e-5
    assert local1[1] > 0


def test_equal_points_give_no_nan() -> None:
    point = torch.tensor([1.0, 2.0, 3.0])
    assert torch.equal(rigid_from_3_points(point, point, point).rot, torch.zeros(3, 3))


def test_quaternion_times_vector() -> None:
    """i * j = k, and 1 * v = v."""
    i, one = torch.tensor([0.0, 1.0, 0.0, 0.0]), torch.tensor([1.0, 0.0, 0.0, 0.0])
    j = torch.tensor([0.0, 1.0, 0.0])
    torch.testing.assert_close(quaternion_times_vector(i, j), torch.tensor([0.0, 0.0, 0.0, 1.0]))
    torch.testing.assert_close(quaternion_times_vector(one, j), torch.tensor([0.0, 0.0, 1.0, 0.0]))
