# SPDX-License-Identifier: Apache-2.0
"""Rigid transforms x -> R x + t (supplement 1.1.1 and 1.8.1)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from af2cpu.shapes import Float


class Rigid(NamedTuple):
    """Transforms over any leading axes: `rot` [..., 3, 3], `trans` [..., 3]."""

    rot: Tensor
    trans: Tensor

    def apply(self, point: Tensor) -> Tensor:
        """R x + t. Points [..., 3]; one transform serves further axes of points when indexed as T[..., None]."""
        return rotate(self.rot, point) + self.trans

    def apply_inverse(self, point: Tensor) -> Tensor:
        """R^T (x - t)."""
        return rotate(self.rot.transpose(-1, -2), point - self.trans)

    def compose(self, inner: Rigid) -> Rigid:
        """The transform that applies `inner` first."""
        return Rigid(matmul3(self.rot, inner.rot), self.apply(inner.trans))

    def unsqueeze(self, axis: int) -> Rigid:
        """A new axis; `axis` counts the leading axes only and is negative."""
        return Rigid(self.rot.unsqueeze(axis - 2), self.trans.unsqueeze(axis - 1))

    def scale_translation(self, factor: float) -> Rigid:
        return Rigid(self.rot, self.trans * factor)


def rotate(rot: Tensor, point: Tensor) -> Tensor:
    """R x, written out: a batched 3 x 3 matrix product would cost far more in overhead than in arithmetic."""
    x, y, z = point.split(1, dim=-1)
    return rot[..., 0] * x + rot[..., 1] * y + rot[..., 2] * z


def matmul3(a: Tensor, b: Tensor) -> Tensor:
    """The product of 3 x 3 matrices [..., 3, 3], broadcast over leading axes."""
    return (a.unsqueeze(-1) * b.unsqueeze(-3)).sum(-2)


def _normalize(v: Tensor) -> Tensor:
    return v / torch.sqrt(v.square().sum(-1, keepdim=True) + 1e-8)


def rigid_from_axes(x_axis: Tensor, xy_plane: Tensor, origin: Tensor) -> Rigid:
    """The frame at `origin` whose x axis points along `x_axis` and whose xy plane holds the vector `xy_plane`."""
    e1 = _normalize(x_axis)
    e2 = _normalize(xy_plane - (e1 * xy_plane).sum(-1, keepdim=True) * e1)
    e3 = torch.linalg.cross(e1, e2)
    return Rigid(torch.stack([e1, e2, e3], dim=-1), origin)


def rigid_from_3_points(x1: Float[Tensor, "*b 3"], x2: Float[Tensor, "*b 3"], x3: Float[Tensor, "*b 3"]) -> Rigid:
    """Algorithm 21 rigidFrom3Points: origin x2, x3 on the positive x axis, x1 in the xy plane.

    Gram-Schmidt: e1 = (x3 - x2) / |.|, e2 = (x1 - x2) made perpendicular to e1, e3 = e1 x e2.
    DEVIATION: the norms hold an epsilon (1e-8 under the root) as in DeepMind's code, so that three equal points give
    a zero rotation and no NaN; `tests/unit/geometry/test_rigid.py` pins it.
    """
    return rigid_from_axes(x3 - x2, x1 - x2, x2)


def rotation_from_quaternion(q: Float[Tensor, "*b 4"]) -> Float[Tensor, "*b 3 3"]:
    """The rotation matrix of a unit quaternion (a, b, c, d) (supplement 1.8.3)."""
    a, b, c, d = q.unbind(-1)
    rows = [
        torch.stack([a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)], dim=-1),
        torch.stack([2 * (b * c + a * d), a * a - b * b + c * c - d * d, 2 * (c * d - a * b)], dim=-1),
        torch.stack([2 * (b * d - a * c), 2 * (c * d + a * b), a * a - b * b - c * c + d * d], dim=-1),
    ]
    return torch.stack(rows, dim=-2)


def quaternion_times_vector(q: Float[Tensor, "*b 4"], v: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 4"]:
    """The quaternion product q (0, v)."""
    a, b, c, d = q.unbind(-1)
    x, y, z = v.unbind(-1)
    return torch.stack(
        [-b * x - c * y - d * z, a * x + c * z - d * y, a * y + d * x - b * z, a * z + b * y - c * x], dim=-1
    )
